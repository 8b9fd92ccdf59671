"""The part of a graph that runs on the host, before the program: what looks words up, and what leads there.

No device holds text, so the compiled program begins where the last word has become a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.dtypes import on_device
from hefted.errors import ArgumentError
from hefted.layers.layer import calling
from hefted.operation import Node
from hefted.symbolic import KerasTensor
from hefted.utils.columns import HostArray, column, words


class HostSegment:
    """The first calls of a graph, that are run by NumPy.

    Args:
        nodes: Those calls, in order.
        rest: The graph's other calls, in order.
        outputs: The graph's outputs.

    Attributes:
        rest: As given.
        entries: The tensors that the program takes, by the name that they go by: inputs and looked-up ones.
    """

    def __init__(self, nodes: list[Node], rest: list[Node], outputs: list[KerasTensor]) -> None:
        self._nodes, self.rest = nodes, rest
        if texts := [t for t in outputs if t.dtype == 'string']:
            raise ArgumentError(
                f"Expected a model's outputs to be numbers, received {texts[0]}. Call the layer that makes words on "
                'what the model predicts.'
            )
        for node in nodes:
            if getattr(node.operation, 'trainable_variables', None):
                raise ArgumentError(
                    f'{node.operation.name!r} has weights and comes before, or holds, a layer that looks words up on '
                    'the host: it would never be trained. Look words up first, or call that model on their places.'
                )
        begun = {id(t) for node in (*nodes, *rest) for t in node.outputs if node in nodes or node.is_input}
        used = [t for node in rest for t in (node.outputs if node.is_input else node.input_tensors)]
        found = {id(t): t for t in (*used, *outputs) if id(t) in begun and t.dtype != 'string'}
        self.entries = {f'from the host: {number}': t for number, t in enumerate(found.values())}

    def has_entered(self, inputs: Any) -> bool:
        """Whether these are what `run` returned."""
        return isinstance(inputs, dict) and inputs.keys() == self.entries.keys()

    def run(self, known: dict[int, Any]) -> dict[str, HostArray]:
        """What the program takes, for values of the graph's inputs by the ids of their tensors; these are added to."""
        with calling(training=False):
            for node in self._nodes:
                if not node.is_input:
                    args, kwargs = node.fill(known)
                    outputs = node.operation(*args, **kwargs)
                    known.update((id(t), one) for t, one in zip(node.outputs, _flat(outputs), strict=True))
        return {name: np.asarray(known[id(tensor)]) for name, tensor in self.entries.items()}


def segment_of(nodes: list[Node], outputs: list[KerasTensor]) -> HostSegment | None:
    """The host's part of a graph's calls; None where there is none."""
    wanted: set[int] = set()
    for node in reversed(nodes):
        text = any(t.dtype == 'string' for t in (*node.input_tensors, *node.outputs))
        if getattr(node.operation, 'on_host', False) or text or id(node) in wanted:
            wanted.add(id(node))
            wanted.update(id(parent) for parent in node.parent_nodes if not parent.is_input)
    if not wanted:
        return None
    return HostSegment([n for n in nodes if id(n) in wanted], [n for n in nodes if id(n) not in wanted], outputs)


def value_for(tensor: KerasTensor, values: Any) -> HostArray:
    """One input on the host, in the kind of its `Input`: words, or numbers as the device will hold them."""
    argument = f'input {tensor.name!r}'
    if tensor.dtype == 'string':
        return words(argument, values)
    array = column(argument, values)
    if array.dtype.kind == 'U':
        raise ArgumentError(f'Expected {argument} to be numbers ({tensor.dtype}), received strings.')
    return array.astype(on_device(tensor.dtype))


def _flat(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
