"""(x, y, sample_weight) as what a data set yields, and back."""

from __future__ import annotations

from typing import Any

from hefted import tree
from hefted.errors import ArgumentError


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a data set yields: x alone, (x,), (x, y) or all three; None for what is missing.

    Raises:
        ArgumentError: A tuple of another length.

    Example:
        >>> unpack_x_y_sample_weight(([1], [2]))
        ([1], [2], None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ArgumentError(
            f'Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, received a tuple of '
            f'{len(data)}.'
        )
    x, y, weight = (*data, *[None] * (3 - len(data)))
    return x, y, weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What a data set yields for these: x alone, or a tuple.

    Example:
        >>> pack_x_y_sample_weight([1], [2])
        ([1], [2])
    """
    if y is None:
        return (x,) if tree.is_nested(x) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
