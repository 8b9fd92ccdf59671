"""Layers, by Keras's names. A file is imported when the first of its names is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object

_room = Room(
    'hefted.layers',
    'layer',
    {
        'activation_layers': 'Activation ELU LeakyReLU PReLU ReLU Softmax',
        'categories': 'CategoryEncoding Discretization',
        'convolutional': 'Conv2D MaxPooling2D',
        'core': 'Dense',
        'input': 'Input InputLayer',
        'input_spec': 'InputSpec',
        'joining': 'Concatenate Dot concatenate dot',
        'lambdas': 'Lambda',
        'layer': 'Layer',
        'masking': 'Identity Masking',
        'merging': 'Add Average Maximum Minimum Multiply Subtract add average maximum minimum multiply subtract',
        'normalization': 'BatchNormalization',
        'regularization': 'ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise '
        'SpatialDropout1D SpatialDropout2D SpatialDropout3D',
        'scaling': 'Normalization Rescaling',
        'shapes': 'Flatten Permute RepeatVector Reshape',
    },
    aliases={
        'Convolution2D': 'Conv2D',
        'MaxPool2D': 'MaxPooling2D',
    },
    spell=None,
)

__all__ = sorted({*_room.names(), 'deserialize', 'serialize'})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    found = _room.attribute(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__


def serialize(layer: Any) -> Any:
    """The config of a layer."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer of a config."""
    return _room.deserialize(config, custom_objects)
