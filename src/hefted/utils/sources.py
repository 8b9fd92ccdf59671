"""`get_source_inputs`: which inputs a symbolic tensor comes from."""

from __future__ import annotations

from typing import Any

from hefted.symbolic import KerasTensor


def get_source_inputs(tensor: Any) -> Any:
    """The inputs that a symbolic tensor is computed from.

    Args:
        tensor: A KerasTensor.

    Returns:
        A list of KerasTensors, each once, in the order in which they are met; of anything else, itself.
    """
    if not isinstance(tensor, KerasTensor):
        return tensor
    sources: dict[int, KerasTensor] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:  # a stack, not recursion: a model may have thousands of layers
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        history = tensor.history
        if history is None or history.operation is None:
            sources[id(tensor)] = tensor
            continue
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input:
            sources.update((id(output), output) for output in node.outputs)
        else:
            waiting.extend(reversed(node.input_tensors))
    return list(sources.values())
