"""`clone_model` and `model_from_json`: the same model with layers, and weights, of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hefted import tree
from hefted.errors import ArchiveError, ArgumentError
from hefted.layers.foreign import KerasLayer, adopt
from hefted.layers.input import Input, InputLayer
from hefted.layers.layer import Layer
from hefted.models.functional import Functional
from hefted.models.model import Model
from hefted.models.sequential import Sequential
from hefted.operation import FunctionCall
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object

Clone = Callable[[Any], Any]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Clone | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Make a model of the same layers, called in the same way, with newly drawn weights.

    Args:
        model: Sequential, functional, or a subclass that can be made from its config.
        input_tensors: Symbolic tensors to build it on; new inputs if None.
        clone_function: `f(layer) -> layer`; from the layer's config if None.
        call_function: `f(layer, *args, **kwargs) -> outputs`, of functional models; the plain call if None.
        recursive: Whether models inside it are cloned by the same functions, layer by layer.

    Raises:
        ArgumentError: A function, or inputs, for a kind of model that cannot take them.

    Example:
        >>> from hefted import Sequential
        >>> from hefted.layers import Dense
        >>> clone_model(Sequential([Dense(2, input_dim=3)])).count_params()
        8
    """
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ArgumentError('Expected call_function=None for a Sequential model, whose layers are only listed.')
        return _sequential(model, _memo(clone_function, None, recursive), input_tensors)
    if isinstance(model, Functional) or (isinstance(model, Model) and model._graph is not None):
        return _functional(model, _memo(clone_function, call_function, recursive), call_function, input_tensors)
    if clone_function or call_function or input_tensors is not None:
        raise ArgumentError(
            f'Expected a Sequential or functional model with clone_function, call_function or input_tensors, received '
            f'{type(model).__name__}, which says itself what it calls.'
        )
    return deserialize_keras_object(serialize_keras_object(model), {type(model).__name__: type(model)})


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """The model that `to_json` (ours or Keras's) described, with newly drawn weights.

    Raises:
        ArchiveError: The text does not describe a model.
    """
    import json

    try:
        config = json.loads(json_string)
    except ValueError as error:
        raise ArchiveError(f'Expected json_string to be JSON, received text that is not: {error}.') from error
    return deserialize_keras_object(config, custom_objects)


def _memo(clone: Clone | None, call: Callable[..., Any] | None, recursive: bool) -> Clone:
    """Clone each layer once, however often it is called."""
    made: dict[int, Any] = {}
    one = clone or _another

    def cloned(layer: Any) -> Any:
        if id(layer) not in made:
            inside = recursive and isinstance(layer, (Sequential, Functional))
            given = None if isinstance(layer, Sequential) else call
            made[id(layer)] = clone_model(layer, None, clone, given, True) if inside else one(layer)
        return made[id(layer)]

    return cloned


def _another(layer: Any) -> Any:
    """A layer of the same config; one of Keras's is made by Keras."""
    if isinstance(layer, KerasLayer):
        return adopt(type(layer.theirs).from_config(layer.theirs.get_config()))
    copy = type(layer).from_config(layer.get_config())
    if (frozen := layer._frozen_parts()) is not None:
        if (built_for := layer.get_build_config()) and not copy.built:
            copy.build_from_config(built_for)  # some make their parts only then
        copy._freeze_as(frozen)
    return copy


def _sequential(model: Sequential, clone: Clone, input_tensors: Any) -> Sequential:
    layers = [clone(layer) for layer in model.layers]
    if input_tensors is not None:
        (tensor,) = tree.flatten(input_tensors)
        layers.insert(0, Input(tensor=tensor))
    elif model._input is not None:
        layers.insert(0, _input(model._input))
    copy = Sequential(layers, name=model.name, trainable=model.trainable)
    if told := model.get_compile_config():
        copy.compile_from_config(told)
    return copy


def _functional(model: Any, clone: Clone, call: Callable[..., Any] | None, input_tensors: Any) -> Any:
    graph = model.graph
    given = tree.flatten(input_tensors) if input_tensors is not None else [
        _input(tensor.history.operation) for tensor in graph.flat_inputs
    ]  # fmt: skip
    if len(given) != len(graph.flat_inputs):
        raise ArgumentError(f'Expected {len(graph.flat_inputs)} input_tensors, received {len(given)}.')
    known: dict[int, Any] = {id(t): new for t, new in zip(graph.flat_inputs, given, strict=True)}
    for node in graph.nodes:
        if node.is_input:
            continue
        args, kwargs = node.fill(known)
        operation = node.operation
        if isinstance(operation, FunctionCall):
            outputs = FunctionCall(operation.function, operation.name, operation.fixed, operation.names)(
                *args, **kwargs
            )
        else:
            layer = clone(operation)
            outputs = layer(*args, **kwargs) if call is None else call(layer, *args, **kwargs)
        known.update((id(t), value) for t, value in zip(node.outputs, tree.flatten(outputs), strict=True))
    inputs = tree.map_structure(lambda t: known[id(t)], graph.inputs)
    outputs = tree.map_structure(lambda t: known[id(t)], graph.outputs)
    copy = type(model)(inputs=inputs, outputs=outputs, name=model.name)
    if told := model.get_compile_config():
        copy.compile_from_config(told)
    return copy


def _input(layer: Layer) -> Any:
    assert isinstance(layer, InputLayer)
    return Input(batch_shape=layer.batch_shape, dtype=layer.dtype, name=layer.name, optional=layer.optional)
