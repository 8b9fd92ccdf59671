"""`Sequential`: layers one after another."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from hefted import tree
from hefted.errors import ArgumentError, NoInputsError, ShapeError
from hefted.layers.foreign import adopt
from hefted.layers.input import InputLayer
from hefted.layers.layer import Layer
from hefted.masks import get_mask, set_mask
from hefted.models.functional import as_tensor, of_rank
from hefted.models.graph import Graph
from hefted.models.model import Model
from hefted.operation import MADE_LATER
from hefted.shape_tracing import any_rows, eval_shapes
from hefted.symbolic import KerasTensor


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

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return True  # its layers say so themselves

    def __init__(self, layers: Sequence[Layer] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name, trainable=trainable)
        self._input: InputLayer | None = None
        self._stack: list[Layer] = []
        self._traced: tuple[Any, Any] | None = None  # a batch, as far as shapes go, and what came of it
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Raises:
            ArgumentError: Not a layer, a name that is taken, or an `Input` that is not first.
        """
        if isinstance(layer, KerasTensor) and layer.history is not None:
            layer = layer.history.operation
        if not isinstance(layer, Layer):
            layer = adopt(layer)
        if not isinstance(layer, Layer):
            raise ArgumentError(f'Only layers can be added to a Sequential model, received {layer!r}.')
        layer._check_super_called()
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
        holder = MADE_LATER.get(layer)
        if holder is None or holder() is None:
            MADE_LATER[layer] = weakref.ref(self)
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
        self.begin_objective()
        self._graph = self._traced = None
        self.built = False
        if self._input is not None and self._stack:
            self.build_from_shape(self._input.batch_shape)

    def build(self, input_shape: Any) -> None:
        """Make every layer's weights, for a shape with batch axis None."""
        if not self._stack:
            raise ArgumentError(f'Sequential {self.name!r} cannot be built: it has no layers. Call `model.add(layer)`.')
        entry = self._input = self._input or InputLayer(batch_shape=tuple(input_shape))
        probe = KerasTensor(input_shape, entry.dtype)
        stand_in = jax.ShapeDtypeStruct(tuple(2 if d is None else d for d in probe.shape), np.dtype(probe.dtype))
        try:
            if any(size is None for size in probe.shape[1:]):
                self.output_shape = self._called_one_by_one(probe)
            else:  # one trace is enough
                with any_rows(probe.shape[0] is None):
                    outputs = eval_shapes(self._trace, stand_in)
                self._traced = stand_in, outputs
                self.output_shape = tree.map_structure(lambda o: (None, *o.shape[1:]), outputs)
        except ShapeError:
            self._input = None if self._build_shape is None else self._input
            raise
        self.built = True
        self._build_shape = tuple(input_shape)

    def compute_outputs(self, probe: Any) -> Any:
        """See `Model`: known since `build` where rows do not touch one another and nothing but their number differs."""
        if self._traced is not None and isinstance(probe, jax.ShapeDtypeStruct):
            before, after = self._traced
            same = (before.shape[1:], before.dtype) == (probe.shape[1:], probe.dtype)
            if same and hasattr(after, 'shape') and all(layer.rows_independent for layer in self.flatten_layers()):
                return jax.ShapeDtypeStruct((probe.shape[0], *after.shape[1:]), after.dtype)
        return super().compute_outputs(probe)

    def _trace(self, inputs: Any) -> Any:
        for layer in self._stack:
            inputs = layer(inputs)
            layer.output_shape = tree.map_structure(lambda o: (None, *o.shape[1:]), inputs)
        return inputs

    def _called_one_by_one(self, inputs: Any) -> Any:
        """As `_trace`, but each layer is built for what is known of its inputs, or says what it needs to know."""
        shape: Any = None
        for layer in self._stack:
            inputs = layer(inputs)
            layer._inbound_nodes.pop()  # a trial, no call of the model's graph
            for output in tree.flatten(inputs):
                output.history = None
            shape = layer.output_shape = tree.map_structure(lambda o: (None, *o.shape[1:]), inputs)
        return shape

    def build_from_shape(self, input_shape: Any) -> None:
        """Build for a shape (batch axis None) and remember it."""
        self.build(input_shape)

    @property
    def graph(self) -> Graph:
        """The layers called one after another on a symbolic input; made when first asked for.

        Raises:
            NoInputsError: There is no shape for them yet.
        """
        if self._input is None or not self.built:
            raise NoInputsError(
                f'Sequential {self.name!r} has no inputs yet: give it an Input, or build it with a shape.'
            )
        if self._graph is None:
            outputs: Any = self._input.tensor
            for layer in self._stack:
                MADE_LATER.pop(layer, None)
            for layer in self._stack:
                outputs = layer(outputs)
            self._graph = Graph(self._input.tensor, outputs)
        return self._graph

    @property
    def input(self) -> Any:
        """That of the first call as a layer of another model, as Keras has it; else its own."""
        self.make_first_call()
        return Layer.input.__get__(self) if self._inbound_nodes else self.graph.inputs

    @property
    def output(self) -> Any:
        """See `input`."""
        self.make_first_call()
        return Layer.output.__get__(self) if self._inbound_nodes else self.graph.outputs

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(self._one_tensor(inputs), *args, **kwargs)

    def _one_tensor(self, inputs: Any) -> Any:
        """The tensor, or the only one of a list, which people write as for a model of several inputs."""
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1 and hasattr(inputs[0], 'shape'):
            return inputs[0]
        if isinstance(inputs, dict) or (isinstance(inputs, (list, tuple)) and any(hasattr(x, 'shape') for x in inputs)):
            told = ', '.join(map(repr, inputs)) if isinstance(inputs, dict) else f'{len(inputs)} in a list'
            raise ShapeError(
                f'Expected one tensor for Sequential {self.name!r}, received a {type(inputs).__name__} ({told}). '
                'Several inputs, or inputs by name, take a functional model: Model(inputs, outputs).'
            )
        return as_tensor(inputs)

    def _taken(self, structure: Any) -> Any:
        return Layer._taken(self, structure)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        del training  # each layer is told by the call it is in
        if self._input is not None:
            mask = get_mask(inputs) if mask is None else mask
            inputs = of_rank(inputs, self._input.batch_shape)
        if mask is not None:
            set_mask(inputs, mask)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def _sublayers(self) -> Iterator[Layer]:
        yield from self.__dict__.get('_stack', ())

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
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Sequential:
        from hefted.utils.serialization import deserialize_keras_object

        model = cls(name=config.get('name'), trainable=config.get('trainable', True))
        for layer in config['layers']:
            model.add(deserialize_keras_object(layer, custom_objects), rebuild=False)
        model._maybe_rebuild()
        shape = config.get('build_input_shape')
        if not model.built and shape is not None:
            model.build_from_shape(tuple(shape))
        return model
