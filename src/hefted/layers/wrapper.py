"""Wrapper: a layer around another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.utils.serialization import deserialize_keras_object


class Wrapper(Layer):
    """The base of layers around another: `self.layer`, built with the same shape.

    Args:
        layer: The layer inside.
        **kwargs: See `Layer`.

    Raises:
        ArgumentError: It is no layer.
    """

    # What is inside says for itself whether it lets rows touch.
    rows_independent = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ArgumentError(f'Expected layer of {type(self).__name__} to be a Layer, received {layer!r}.')
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it from `get_config()`."""
        rest = {key: value for key, value in config.items() if key != 'layer'}
        layer = config['layer']
        inside = layer if isinstance(layer, Layer) else deserialize_keras_object(layer, custom_objects)
        return cls(inside, **{k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in rest.items()})
