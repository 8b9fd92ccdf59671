"""`Model`: a layer that can be compiled, fitted, evaluated and saved."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer, map_shapes
from hefted.metrics.metric import Metric
from hefted.models import fitting, forecasting, prediction, single_steps, state_tree, stateless
from hefted.models.compiled import Compiled
from hefted.models.graph import Graph
from hefted.operation import signature_of
from hefted.symbolic import KerasTensor
from hefted.variables import Variable


class Model(Compiled):
    """Layers with an objective. Subclass it with a `call` of its own, use `Sequential`, or pass inputs and outputs.

    Args:
        inputs: Symbolic tensors from `Input`, nested, with `outputs`: the model is then what lies between them.
        outputs: Symbolic tensors made from them, nested.
        name: Made up if None.
        **kwargs: For `Layer`.

    Attributes:
        optimizer: Set by `compile`.
        stop_training: A callback sets it to True to stop.
        history: The last `History`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (len(args) >= 2 or 'outputs' in kwargs):
            from hefted.models.functional import Functional

            return Layer.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        if (inputs is None) != (outputs is None):
            raise ArgumentError('Expected inputs and outputs, both or neither. Pass the symbolic tensors of both.')
        super().__init__(name=name, **kwargs)
        self._graph: Graph | None = None
        if outputs is not None:
            self._graph = Graph(inputs, outputs)
            self.output_shape = _shapes(self._graph.flat_outputs)
            self.built = True
        self.history: Any = None

    # A model of symbolic inputs and outputs

    @property
    def graph(self) -> Graph:
        """What lies between its symbolic inputs and outputs.

        Raises:
            AttributeError: The model has a `call` of its own.
        """
        if self._graph is None:
            raise AttributeError(
                f'{type(self).__name__} {self.name!r} has no symbolic inputs and outputs: it was not made from them.'
            )
        return self._graph

    @property
    def inputs(self) -> list[Any]:
        return list(self.graph.flat_inputs)

    @property
    def outputs(self) -> list[Any]:
        return list(self.graph.flat_outputs)

    @property
    def input(self) -> Any:
        return super().input if self._graph is None else self.graph.inputs

    @property
    def output(self) -> Any:
        return super().output if self._graph is None else self.graph.outputs

    @property
    def input_shape(self) -> Any:
        return _shapes(self.inputs)

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that its outputs come from; those of `compile`'s and `fit`'s dicts."""
        if self._graph is None:
            return []
        return [tensor.history.operation.name for tensor in self.outputs]  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def operations(self) -> list[Any]:
        """Layers and functions of `ops`, in order."""
        return list(self.graph.operations)

    def _sublayers(self) -> Iterator[Layer]:
        graph = self.__dict__.get('_graph')
        if graph is None:
            yield from super()._sublayers()
            return
        found: dict[int, Layer] = {id(op): op for op in graph.operations if isinstance(op, Layer)}
        found.update((id(layer), layer) for layer in super()._sublayers() if id(layer) not in found)
        yield from found.values()

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of a graph of layers alone, the layers say themselves; functions of `ops` may do anything."""
        graph = self.__dict__.get('_graph')
        return graph is not None and all(isinstance(operation, Layer) for operation in graph.operations)

    def _taken(self, structure: Any) -> Any:
        if self.__dict__.get('_graph') is None:
            return super()._taken(structure)
        return tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, structure)

    _takes_anything = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """What lies between inputs and outputs, for these inputs; a subclass says here what it computes."""
        del training  # each layer is told by the call it is in
        if self._graph is None:
            raise NotImplementedError(f'{type(self).__name__} has no call(): say there what the model computes.')
        from hefted.models import functional

        return functional.call(self._graph, inputs, mask)

    def entered(self, inputs: Any) -> Any:
        """Data as the program takes it: words are looked up on the host before."""
        graph = self.__dict__.get('_graph')
        if graph is None or graph.host is None:
            return inputs
        from hefted.models import functional

        return functional.enter(graph, inputs)

    def meet(self, data: Any) -> None:
        """See that what gives batches is made for this model, where that can be known before the first batch."""

    # fit, evaluate, predict: in files of their own

    fit = fitting.fit
    forecast = forecasting.forecast
    evaluate = fitting.evaluate
    predict = prediction.predict
    train_on_batch = single_steps.train_on_batch
    test_on_batch = single_steps.test_on_batch
    predict_on_batch = single_steps.predict_on_batch

    # one step, pure: what subclasses override

    train_step = stateless.train_step
    test_step = stateless.test_step
    predict_step = stateless.predict_step
    compute_loss_and_updates = stateless.compute_loss_and_updates
    stateless_compute_loss = stateless.stateless_compute_loss

    get_state_tree = state_tree.get_state_tree
    set_state_tree = state_tree.set_state_tree

    # Weights and files

    def save(self, filepath: str | Path, overwrite: bool = True, **kwargs: Any) -> None:
        """Save architecture, weights, optimizer and compile state to a `.keras` file."""
        from hefted.saving import save_model

        save_model(self, filepath, overwrite, **kwargs)

    def save_weights(self, filepath: str | Path, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Save the weights to a `.weights.h5` or `.safetensors` file."""
        from hefted.saving import save_weights

        save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath: str | Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Load weights that `save_weights` (ours or Keras's) wrote, or those in a `.keras` file.

        Args:
            filepath: Where.
            skip_mismatch: Whether layers that do not fit the file are left as they are, with a warning.
            **kwargs: For `hefted.saving.load_weights`.
        """
        from hefted.saving import load_weights

        load_weights(self, filepath, skip_mismatch, **kwargs)

    def export(self, filepath: str | Path, format: str = 'stablehlo', verbose: Any = None, **kwargs: Any) -> None:
        """Write the forward pass to a file that JAX alone can run; see `hefted.saving.export_model`."""
        from hefted.saving import export_model

        export_model(self, filepath, format, verbose, **kwargs)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and their numbers of parameters; '?' where these are not known yet."""
        from hefted.models.summary import print_summary

        del positions
        print_summary(self, line_length, print_fn, show_trainable, expand_nested, layer_range)

    @property
    def layers(self) -> list[Layer]:
        """The model's layers, one level deep."""
        return [layer for layer in self._sublayers() if not isinstance(layer, Metric)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or index."""
        from hefted.errors import ArgumentError, unknown_name

        if (name is None) == (index is None):
            raise ArgumentError('Expected name or index, one of them.')
        if index is not None:
            layers = self.layers
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(
                    f'Was asked to retrieve layer at index {index} but model only has {len(layers)} layers.'
                )
            return layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name('layer', name, [layer.name for layer in self.layers])

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """What it takes to make the model again: the layers and their calls, or a subclass's arguments."""
        if self.__dict__.get('_graph') is None or not _takes_inputs_and_outputs(type(self)):
            return super().get_config()
        from hefted.models import functional_config

        return {'name': self.name, 'trainable': self.trainable, **functional_config.config_of(self.graph)}

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that it was built for; none of a model of symbolic inputs, which says itself what it takes."""
        built_for = super().get_build_config()
        return {'input_shape': None} if built_for is None and self.__dict__.get('_graph') is not None else built_for

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model from `get_config()`."""
        if not {'layers', 'input_layers', 'output_layers'} <= set(config):
            return super().from_config(config)
        from hefted.models import functional_config

        rest = {k: v for k, v in config.items() if k not in ('layers', 'input_layers', 'output_layers')}
        inputs, outputs = functional_config.from_config(config, custom_objects)
        return cls(inputs=inputs, outputs=outputs, **rest)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, for `model_from_json`; `kwargs` are for `json.dumps`."""
        import json

        from hefted.utils.serialization import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    def build(self, input_shape: Any) -> None:
        """Build the weights by tracing `call` for a shape, or shapes (batch axis None)."""
        if self._graph is None:
            self.built = True
            self.symbolic_outputs(map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), input_shape))
        self._build_shape = input_shape


def _takes_inputs_and_outputs(cls: type[Model]) -> bool:
    """Whether its constructor is `Model`'s, or passes everything on to it."""
    parameters = signature_of(cls.__init__).parameters
    kinds = {p.kind for p in parameters.values()}
    passes_on = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return passes_on or list(parameters)[1:4] == ['inputs', 'outputs', 'name']


def _shapes(tensors: list[Any]) -> Any:
    return tensors[0].shape if len(tensors) == 1 else [tensor.shape for tensor in tensors]
