"""A functional model as a config, and back: its layers and functions, and how they are called on one another."""

from __future__ import annotations

from typing import Any

from hefted import tree
from hefted.errors import ArchiveError
from hefted.models.graph import Graph
from hefted.operation import FunctionCall, Node
from hefted.symbolic import History, KerasTensor
from hefted.utils import operations
from hefted.utils.serialization import Stored, deserialize_keras_object, serialize_keras_object


def config_of(graph: Graph) -> dict[str, Any]:
    """`layers`, `input_layers` and `output_layers` of Keras's functional config."""
    numbers = {
        id(node): kept for operation in graph.operations for kept, (_, node) in enumerate(graph.own_nodes(operation))
    }

    def place(tensor: KerasTensor) -> list[Any]:
        operation, index, number = _made(tensor)
        return [operation.name, numbers[id(operation._inbound_nodes[index])], number]

    def end(tensor: KerasTensor) -> list[Any]:
        name, index, number = place(tensor)
        return [name, index + _first_node(_made(tensor).operation), number]

    def stored(tensor: Any) -> Any:
        if not isinstance(tensor, KerasTensor):
            return tensor
        told = {'shape': list(tensor.shape), 'dtype': tensor.dtype, 'keras_history': place(tensor)}
        return {'class_name': '__keras_tensor__', 'config': told}

    def calls(operation: Any, node: Node) -> dict[str, Any]:
        args, kwargs = node.args, node.kwargs
        if isinstance(operation, FunctionCall):
            args, kwargs = tuple(operations.split(operation)[0]), {}
        args, kwargs = tree.map_structure(stored, args), tree.map_structure(stored, kwargs)
        return {'args': serialize_keras_object(list(args)), 'kwargs': serialize_keras_object(kwargs)}

    layers = [
        {
            **serialize_keras_object(operation),
            'name': operation.name,
            'inbound_nodes': [calls(operation, node) for _, node in graph.own_nodes(operation) if not node.is_input],
        }
        for operation in graph.operations
    ]
    return {
        'layers': layers,
        'input_layers': tree.map_structure(end, graph.inputs),
        'output_layers': tree.map_structure(end, graph.outputs),
    }


def from_config(config: dict[str, Any], custom_objects: Any = None) -> tuple[Any, Any]:
    """The inputs and outputs of a functional config, its layers made anew and called as it says.

    Raises:
        ArchiveError: A call on something that is not in the config, or a circle.
    """
    made: dict[str, Any] = {}
    waiting: list[tuple[Any, Any]] = []
    for entry in _listed(config, 'layers'):
        operation = deserialize_keras_object({k: v for k, v in entry.items() if k != 'inbound_nodes'}, custom_objects)
        if not hasattr(operation, '_inbound_nodes'):
            raise ArchiveError(f'Expected a layer or a function in the config, received {type(operation).__name__}.')
        name = str(entry.get('name', operation.name))
        if name in made:
            raise ArchiveError(f'The config has two layers named {name!r}: which of them is called is not told.')
        made[name] = operation
        waiting += [(operation, call) for call in entry.get('inbound_nodes') or ()]
    while waiting:
        rest: list[tuple[Any, Any]] = []
        blocked: set[int] = set()  # an operation's calls keep their order: later ones are numbered after earlier ones
        for operation, call in waiting:
            arguments = None if id(operation) in blocked else _arguments(call, made)
            if arguments is None:
                blocked.add(id(operation))
                rest.append((operation, call))
            else:
                operation(*arguments[0], **arguments[1])
        if len(rest) == len(waiting):
            names = ', '.join(sorted({operation.name for operation, _ in rest}))
            raise ArchiveError(f'The calls of {names} wait for one another: the config describes no model.')
        waiting = rest
    return _tensors(config.get('input_layers'), made), _tensors(config.get('output_layers'), made)


def _arguments(call: Any, made: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """A call's arguments; None while a tensor among them is not made yet."""
    if isinstance(call, list):  # Keras 2's form
        call = {'args': [_legacy(call)], 'kwargs': {}}
    args, kwargs = deserialize_keras_object(call['args']), deserialize_keras_object(call['kwargs'])
    wanted = [leaf for leaf in _leaves((args, kwargs)) if isinstance(leaf, Stored)]
    if any(_tensor(leaf, made) is None for leaf in wanted):
        return None
    kwargs = {name: value for name, value in kwargs.items() if value is not None}  # Keras writes `mask` always
    return _filled(args, made), _filled(kwargs, made)


def _legacy(call: list[Any]) -> Any:
    stored = [{'class_name': '__keras_tensor__', 'config': {'keras_history': list(tensor[:3])}} for tensor in call]
    return stored[0] if len(stored) == 1 else stored


def _leaves(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [leaf for value in structure.values() for leaf in _leaves(value)]
    if isinstance(structure, (list, tuple)) and not isinstance(structure, Stored):
        return [leaf for value in structure for leaf in _leaves(value)]
    return [structure]


def _filled(structure: Any, made: dict[str, Any]) -> Any:
    if isinstance(structure, Stored):
        return _tensor(structure, made)
    if isinstance(structure, dict):
        return {key: _filled(value, made) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_filled(value, made) for value in structure)
    return structure


def _tensor(stored: Stored, made: dict[str, Any]) -> KerasTensor | None:
    operation = made.get(stored.operation)
    if operation is None:
        raise ArchiveError(f'The config calls a layer on the output of {stored.operation!r}, which is not in it.')
    if not 0 <= stored.node_index < len(operation._inbound_nodes):
        return None
    outputs = operation._inbound_nodes[stored.node_index].outputs
    if not 0 <= stored.tensor_index < len(outputs):
        raise ArchiveError(f'{stored.operation!r} has {len(outputs)} outputs, and the config asks for another.')
    return outputs[stored.tensor_index]


def _tensors(places: Any, made: dict[str, Any]) -> Any:
    match places:
        case [str(name), int(node), int(tensor)]:
            found = _tensor(Stored(name, node - _first_node(made.get(name)), tensor), made)
            if found is None:
                raise ArchiveError(f'The config has no call {node} of {name!r}.')
            return found
        case dict():
            return {key: _tensors(place, made) for key, place in places.items()}
        case list() | tuple():
            return [_tensors(place, made) for place in places]
        case _:
            raise ArchiveError(f'Expected inputs and outputs as layer, call and number, received {places!r}.')


def _listed(config: dict[str, Any], key: str) -> list[Any]:
    found = config.get(key)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ArchiveError(f'Expected {key} of a functional model to be a list of dicts, received {found!r}.')
    return found


def _made(tensor: KerasTensor) -> History:
    assert tensor.history is not None  # the graph was made of tensors with a history
    return tensor.history


def _first_node(operation: Any) -> int:
    """Where a model's inputs and outputs are told, Keras counts the calls of a functional model inside it from 1."""
    from hefted.models.sequential import Sequential

    if operation is None:
        return 0
    return int(operation.__dict__.get('_graph') is not None and not isinstance(operation, Sequential))
