"""Regularizers: functions of a weight whose value is added to the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.utils.arrays import as_array, normalize
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object
from hefted.variables import Array


class Regularizer:
    """The base: subclass it with `__call__(x) -> scalar` and `get_config`."""

    def __call__(self, x: Any) -> Any:  # noqa: ARG002 (subclasses look)
        return 0.0

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f'{type(self).__name__} has no get_config, which saving it needs.')

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x^2)`.

    Example:
        >>> import numpy as np
        >>> float(L1L2(l1=1.0, l2=0.5)(np.array([3.0, -1.0])))
        9.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = _factor('l1', l1 or 0.0), _factor('l2', l2 or 0.0)

    def __call__(self, x: Any) -> Array:
        x = as_array(x)
        total = jnp.zeros((), x.dtype)
        if self.l1:
            total = total + self.l1 * jnp.abs(x).sum()
        if self.l2:
            total = total + self.l2 * (x * x).sum()
        return total

    def get_config(self) -> dict[str, Any]:
        return {'l1': self.l1, 'l2': self.l2}


class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor('l1', 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Array:
        return self.l1 * jnp.abs(as_array(x)).sum()

    def get_config(self) -> dict[str, Any]:
        return {'l1': self.l1}


class L2(Regularizer):
    """`l2 * sum(x^2)`."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor('l2', 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Array:
        x = as_array(x)
        return self.l2 * (x * x).sum()

    def get_config(self) -> dict[str, Any]:
        return {'l2': self.l2}


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean |cosine| between the rows (or columns) of a matrix."""

    def __init__(self, factor: float = 0.01, mode: str = 'rows') -> None:
        self.factor = _factor('factor', factor)
        if mode not in ('rows', 'columns'):
            raise unknown_name('mode', mode, ('rows', 'columns'))
        self.mode = mode

    def __call__(self, inputs: Any) -> Array:
        x = as_array(inputs)
        if x.ndim != 2:
            raise ShapeError(f'Expected a matrix for OrthogonalRegularizer, received shape {x.shape}.')
        x = normalize(x if self.mode == 'rows' else x.T)
        size = x.shape[0]
        off_diagonal = (x @ x.T) * (1.0 - jnp.eye(size, dtype=x.dtype))
        return self.factor * 0.5 * jnp.abs(off_diagonal).sum() / (size * (size - 1.0) / 2.0)

    def get_config(self) -> dict[str, Any]:
        return {'factor': self.factor, 'mode': self.mode}


def _factor(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ArgumentError(f'Expected {name} to be a non-negative float, received {value!r}.')
    return float(value)


_room = Room(
    'hefted.regularizers',
    'regularizer',
    {'': 'Regularizer L1 L2 L1L2 OrthogonalRegularizer'},
    aliases={'l1_l2': 'L1L2'},
)
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def serialize(regularizer: Regularizer) -> Any:
    """The config of a regularizer."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer of a config."""
    return _room.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The regularizer that a name ('l2'), a config, a class, a callable or None stands for."""
    return None if identifier is None else _room.get(identifier)
