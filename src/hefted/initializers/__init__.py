"""Initializers: weights' first values, drawn on the host with the bits that Keras on JAX draws.

Nothing here compiles: uniform draws are threefry in NumPy, normal ones the inverse error function of them,
so a model's first start pays for no program per weight shape. Other dtypes than float32, and seeds that are
`SeedGenerator`s, go through `jax.random`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from hefted import dtypes
from hefted.errors import ShapeError
from hefted.initializers.constant import Constant, Identity, Initializer, Ones, Shape, Zeros
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object
from hefted.variables import Array

_room = Room(
    'hefted.initializers',
    'initializer',
    {
        'constant': 'Initializer Zeros Ones Constant Identity STFT',
        'drawn': 'RandomInitializer RandomUniform RandomNormal TruncatedNormal Orthogonal VarianceScaling '
        'GlorotUniform GlorotNormal LecunUniform LecunNormal HeUniform HeNormal',
    },
    aliases={
        'zero': 'Zeros', 'one': 'Ones', 'uniform': 'RandomUniform', 'normal': 'RandomNormal',
        'IdentityInitializer': 'Identity', 'OrthogonalInitializer': 'Orthogonal',
        'STFTInitializer': 'STFT',
    },
)  # fmt: skip

__all__ = ['Constant', 'Identity', 'Initializer', 'Ones', 'Zeros', 'deserialize', 'get', 'serialize']
# Keras has these by both spellings, but for bases and its short ones.
_BY_STRING_ALONE = {'initializer', 'normal', 'one', 'random_initializer', 'uniform', 'zero'}
__all__ += sorted({*_room.names()} - {*__all__, *_BY_STRING_ALONE})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    return _room.attribute(name)  # glorot_uniform and the like


def __dir__() -> list[str]:
    return sorted({*__all__, *_room.names()})


def serialize(initializer: Any) -> Any:
    """The config of an initializer."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer of a config."""
    return _room.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The initializer that a name, a config, a class, a callable, an array or None stands for.

    Raises:
        UnknownNameError: The name is not one of ours; the message has the nearest ones.

    Example:
        >>> get('glorot_uniform')((2, 3)).shape
        (2, 3)
    """
    if identifier is None:
        return None
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        return _given(identifier)
    return _room.get(identifier)


def _given(values: Any) -> Callable[..., Array]:
    def initialize(shape: Shape, dtype: Any = None) -> Array:
        if tuple(shape) != tuple(values.shape):
            raise ShapeError(f'Expected shape {tuple(values.shape)} for an initial array, received {tuple(shape)}.')
        return values.astype(dtypes.standardize(dtype))

    return initialize
