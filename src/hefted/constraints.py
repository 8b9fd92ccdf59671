"""Constraints: functions that put a weight back where it may be, applied after each update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from hefted.utils.arrays import as_array, epsilon
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object
from hefted.variables import Array


class Constraint:
    """The base: subclass it with `__call__(w) -> w`."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        return cls(**config)


class MaxNorm(Constraint):
    """Scale the weights down where their norm along `axis` is over `max_value`.

    Example:
        >>> import numpy as np
        >>> MaxNorm(1.0)(np.array([[3.0], [4.0]])).round(3).tolist()
        [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Array:
        w = as_array(w)
        norms = _norms(w, self.axis)
        return w * (jnp.clip(norms, 0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {'max_value': self.max_value, 'axis': self.axis}


class NonNeg(Constraint):
    """Weights below 0 become 0."""

    def __call__(self, w: Any) -> Array:
        return jnp.maximum(as_array(w), 0)


class UnitNorm(Constraint):
    """Give the weights norm 1 along `axis`."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Array:
        w = as_array(w)
        return w / (epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {'axis': self.axis}


class MinMaxNorm(Constraint):
    """Move the weights' norm along `axis` by a share `rate` of the way into [min_value, max_value]."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Array:
        w = as_array(w)
        norms = _norms(w, self.axis)
        desired = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {'min_value': self.min_value, 'max_value': self.max_value, 'rate': self.rate, 'axis': self.axis}


def _norms(w: Array, axis: Any) -> Array:
    return jnp.sqrt((w * w).sum(axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


_room = Room('hefted.constraints', 'constraint', {'': 'Constraint MaxNorm MinMaxNorm NonNeg UnitNorm'})
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def serialize(constraint: Constraint) -> Any:
    """The config of a constraint."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint of a config."""
    return _room.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The constraint that a name ('non_neg'), a config, a class, a callable or None stands for."""
    return None if identifier is None else _room.get(identifier)
