"""`Sequential`: layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax

from hefted.errors import ArgumentError, ShapeError
from hefted.layers.input import InputLayer
from hefted.layers.layer import Layer
from hefted.models.model import Model


class Sequential(Model):
    """A model of layers one after another.

    Args:
        layers: Layers in order; the first may be an `Input`.
        trainable: Whether the weights are.
        name: Made up if None.

    With an `Input`, or a first layer with `input_shape` or `input_dim`, the weights are made at once; else with the
    first data.

    Example:
        >>> from hefted.layers import Dense
        >>> model = Sequential([Dense(32, activation='relu', input_dim=100), Dense(1, activation='sigmoid')])
        >>> model.count_params()
        3265
    """

    rows_independent = True

    def __init__(self, layers: Sequence[Layer] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._input: InputLayer | None = None
        self._stack: list[Layer] = []
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Raises:
            ArgumentError: Not a layer, a name that is taken, or an `Input` that is not first.
        """
        if not isinstance(layer, Layer):
            raise ArgumentError(f'Only layers can be added to a Sequential model, received {layer!r}.')
        if isinstance(layer, InputLayer):
            if self._input is not None or self._stack:
                raise ArgumentError(f'Expected an Input only as the first entry, received {layer.name!r} later.')
            self._input = layer
            return
        if any(layer.name == other.name for other in self._stack):
            raise ArgumentError(f'Expected unique layer names, received {layer.name!r} twice. Pass name=… to one.')
        if not self._stack and self._input is None and layer.batch_shape is not None:
            self._input = InputLayer(batch_shape=layer.batch_shape)
        self._stack.append(layer)
        self._compiled = {}
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the top layer off."""
        layer = self._stack.pop()
        self._compiled = {}
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self._objective = None
        self.built = False
        if self._input is not None and self._stack:
            self.build_from_shape(self._input.batch_shape)

    def build(self, input_shape: Any) -> None:
        """Make every layer's weights, for a shape with batch axis None."""
        if self._input is None:
            self._input = InputLayer(batch_shape=tuple(input_shape))
        shape = tuple(2 if size is None else size for size in input_shape)
        probe = jax.ShapeDtypeStruct(shape, self._input.input_dtype)
        try:
            self.output_shape = (None, *jax.eval_shape(self._trace, probe).shape[1:])
        except ShapeError:
            self._input = None if self._build_shape is None else self._input
            raise
        self.built = True
        self._build_shape = tuple(input_shape)

    def _trace(self, inputs: Any) -> Any:
        for layer in self._stack:
            inputs = layer(inputs)
            layer.output_shape = (None, *inputs.shape[1:])
        return inputs

    def build_from_shape(self, input_shape: Any) -> None:
        """Build for a shape (batch axis None) and remember it."""
        self.build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        del training  # each layer is told by the step it is called in
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def _sublayers(self) -> Iterator[Layer]:
        yield from self._stack

    @property
    def layers(self) -> list[Layer]:
        return list(self._stack)

    @property
    def input_shape(self) -> Any:
        return None if self._input is None else self._input.batch_shape

    def get_config(self) -> dict[str, Any]:
        from hefted.utils.serialization import serialize_keras_object

        layers = ([self._input] if self._input is not None else []) + self._stack
        return {
            'name': self.name,
            'trainable': self.trainable,
            'dtype': serialize_keras_object(self.dtype_policy),
            'layers': [serialize_keras_object(layer) for layer in layers],
            **({'build_input_shape': self._build_shape} if self._build_shape is not None else {}),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        from hefted.utils.serialization import deserialize_keras_object

        model = cls(name=config.get('name'), trainable=config.get('trainable', True))
        for layer in config['layers']:
            model.add(deserialize_keras_object(layer), rebuild=False)
        model._maybe_rebuild()
        shape = config.get('build_input_shape')
        if not model.built and shape is not None:
            model.build_from_shape(tuple(shape))
        return model
