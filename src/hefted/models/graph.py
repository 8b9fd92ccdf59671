"""The calls between symbolic inputs and outputs, in an order in which they can be run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.input import Input
from hefted.layers.layer import Layer, context
from hefted.models.host_segment import segment_of
from hefted.operation import Node
from hefted.symbolic import KerasTensor


class Graph:
    """What lies between symbolic inputs and outputs.

    Args:
        inputs: KerasTensors, nested.
        outputs: The same.

    Attributes:
        inputs: As given; those made by a layer replaced by inputs of their own.
        outputs: As given, made from those inputs.
        nodes: The calls, each after those that it depends on.
        operations: What is called, each once, in Keras's order: that of weights and archives.
        host: Its part that runs before the program, or None.

    Raises:
        ArgumentError: Something that is not symbolic, or an output that the inputs do not lead to.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        for argument, structure in (('inputs', inputs), ('outputs', outputs)):
            for tensor in tree.flatten(structure):
                if not isinstance(tensor, KerasTensor):
                    raise ArgumentError(
                        f'Expected all `{argument}` of a model to be symbolic (from Input, or from layers called on '
                        f'it), received {tensor!r} ({type(tensor).__name__}).'
                    )
                if tensor.history is None:
                    raise ArgumentError(f'Expected `{argument}` made by Input or a layer, received {tensor}.')
        if not all(_node(t).is_input for t in tree.flatten(inputs)):
            inputs, outputs = _with_own_inputs(inputs, outputs)
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs: list[KerasTensor] = tree.flatten(inputs)
        self.flat_outputs: list[KerasTensor] = tree.flatten(outputs)
        self.nodes, self.operations = _ordered(self.flat_inputs, self.flat_outputs)
        self._check()
        self.host = segment_of(self.nodes, self.flat_outputs)

    def run(self, values: list[Any]) -> Any:
        """The outputs for values of the inputs, flattened in their order."""
        return self._run({id(t): value for t, value in zip(self.flat_inputs, values, strict=True)}, self.nodes)

    def run_rest(self, entered: dict[str, Any]) -> Any:
        """The outputs for what the host's part returned."""
        assert self.host is not None
        return self._run({id(t): entered[name] for name, t in self.host.entries.items()}, self.host.rest)

    def _run(self, known: dict[int, Any], nodes: list[Node]) -> Any:
        training = context.training
        for node in nodes:
            if node.is_input or all(id(output) in known for output in node.outputs):
                continue
            args, kwargs = node.fill(known)
            if training is not None and isinstance(node.operation, Layer):
                # As in Keras, what the model is told goes before what a layer was told when the model was made.
                context.training = training
                if 'training' in kwargs:
                    kwargs['training'] = training
            outputs = node.operation(*args, **kwargs)
            known.update((id(t), value) for t, value in zip(node.outputs, tree.flatten(outputs), strict=True))
        return tree.map_structure(lambda t: known[id(t)], self.outputs)

    def own_nodes(self, operation: Any) -> Iterator[tuple[int, Node]]:
        """An operation's calls in this graph, by their number among all its calls."""
        mine = {id(node) for node in self.nodes}
        return ((i, node) for i, node in enumerate(operation._inbound_nodes) if id(node) in mine)

    def _check(self) -> None:
        computable = {id(t) for t in self.flat_inputs}
        for node in self.nodes:
            for tensor in node.outputs if node.is_input else node.input_tensors:
                if id(tensor) not in computable:
                    raise ArgumentError(
                        f'Graph disconnected: {tensor} at {node.operation.name!r} does not come from the inputs. '
                        'List every Input that the outputs depend on.'
                    )
            computable.update(id(t) for t in node.outputs)
        names = [operation.name for operation in self.operations]
        for name in names:
            if names.count(name) > 1:
                raise ArgumentError(
                    f'The name "{name}" is used {names.count(name)} times in the model. Give each layer its own name.'
                )


def _node(tensor: Any) -> Node:
    operation, index, _ = tensor.history
    return operation._inbound_nodes[index]


def _walk(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[Node], dict[Any, int]]:
    """Nodes from inputs to outputs by a depth-first search, and each operation's number as first met."""
    entry = {id(t) for t in inputs}
    found: list[Node] = []
    met: dict[Any, int] = {}
    done: set[int] = set()
    # An own stack: a deep model would exceed Python's.
    pending: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed(outputs)]
    while pending:
        tensor, finished = pending.pop()
        if tensor.history is None or tensor.history.operation is None:
            continue
        node = _node(tensor)
        if finished:
            if id(node) not in done:
                done.add(id(node))
                found.append(node)
            continue
        if id(node) in done:
            continue
        if not node.is_input and id(tensor) in entry:
            done.add(id(node))
            continue
        met.setdefault(node.operation, len(met))
        pending.append((tensor, True))
        pending += [(t, False) for t in reversed(node.input_tensors)]
    return found, met


def _ordered(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[Node], list[Any]]:
    """Nodes and operations by depth: the longest way to an output, the deepest first (as Keras orders them)."""
    found, met = _walk(inputs, outputs)
    inside = {id(node) for node in found}
    depth: dict[int, int] = {}
    deepest: dict[Any, int] = {}
    for node in reversed(found):
        own = max(depth.get(id(node), 0), deepest.get(node.operation, 0))
        depth[id(node)] = deepest[node.operation] = own
        for parent in node.parent_nodes:
            if id(parent) in inside:
                depth[id(parent)] = max(own + 1, depth.get(id(parent), 0))
    for tensor in inputs:  # an input that leads nowhere may still be a loss's
        node = _node(tensor)
        if node.operation not in deepest and node.is_input:
            deepest[node.operation] = depth[id(node)] = 0
            met[node.operation] = -1
            found.append(node)
    operations = sorted(deepest, key=lambda operation: (-deepest[operation], met[operation]))
    return sorted(found, key=lambda node: -depth[id(node)]), operations


def _with_own_inputs(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same graph from tensors that a layer made: they become inputs, and the calls after them are told again."""
    replaced: dict[int, KerasTensor] = {}

    def entry(tensor: KerasTensor) -> KerasTensor:
        fresh = tensor
        if not _node(tensor).is_input:
            fresh = Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f'{tensor.name}CLONE')
        replaced[id(tensor)] = fresh
        return fresh

    def copied(tensor: Any) -> Any:
        if not isinstance(tensor, KerasTensor):
            return tensor
        if id(tensor) not in replaced:
            replaced[id(tensor)] = KerasTensor(tensor.shape, tensor.dtype, name=f'{tensor.name}_clone')
        return replaced[id(tensor)]

    nodes, _ = _walk(tree.flatten(inputs), tree.flatten(outputs))
    inputs = tree.map_structure(entry, inputs)
    for node in nodes:
        if not node.is_input:
            args, kwargs = tree.map_structure(copied, node.args), tree.map_structure(copied, node.kwargs)
            Node(node.operation, args, kwargs, [copied(t) for t in node.outputs])
    return inputs, tree.map_structure(copied, outputs)
