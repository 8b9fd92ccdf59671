"""Dtype policies: what weights are kept in, and what layers compute in."""

from __future__ import annotations

from typing import Any

from hefted import dtypes


class DTypePolicy:
    """A pair of dtypes by one name.

    Args:
        name: A float dtype, or 'mixed_float16' or 'mixed_bfloat16' (compute in 16 bits, keep weights in float32).

    Example:
        >>> policy = DTypePolicy('mixed_bfloat16')
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str) -> None:
        if name.startswith('mixed_'):
            self.compute_dtype, self.variable_dtype = (
                dtypes.standardize(name.removeprefix('mixed_')),
                'float32',
            )
        else:
            self.compute_dtype = self.variable_dtype = dtypes.standardize(name)
        self.name = name

    @staticmethod
    def of(value: Any) -> DTypePolicy:
        """The policy that an argument `dtype` stands for; None is `floatx()`."""
        if isinstance(value, DTypePolicy):
            return value
        if isinstance(value, str):
            return DTypePolicy(value)
        return DTypePolicy(dtypes.standardize(value))

    def get_config(self) -> dict[str, Any]:
        return {'name': self.name}

    def __repr__(self) -> str:
        return f'<DTypePolicy {self.name!r}>'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)
