"""`Function`: what lies between symbolic tensors, without a layer's or a model's ways."""

from __future__ import annotations

from typing import Any

from hefted import tree
from hefted.errors import ArgumentError, ShapeError
from hefted.models.graph import Graph
from hefted.operation import Node, Operation
from hefted.symbolic import KerasTensor
from hefted.variables import Variable


class Function(Operation):
    """The calls between symbolic inputs and outputs, as a function that runs them on arrays.

    Args:
        inputs: KerasTensors, nested.
        outputs: KerasTensors made from them, nested.
        name: Made up if None.

    Raises:
        ArgumentError: No inputs or outputs, or outputs that the inputs do not lead to.

    Example:
        >>> x = KerasTensor((None, 2))
        >>> Function(x, x + x)(np.ones((1, 2))).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name)
        for argument, structure in (('inputs', inputs), ('outputs', outputs)):
            if not tree.flatten(structure):
                raise ArgumentError(f'Expected {argument} with at least one symbolic tensor, received {structure!r}.')
        for tensor in tree.flatten(inputs):
            if isinstance(tensor, KerasTensor) and (tensor.history is None or tensor.history.operation is None):
                Node(Operation(), (), {}, tensor)  # an entry, as an Input would be
        self._graph = Graph(inputs, outputs)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flattened."""
        return list(self._graph.flat_inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flattened."""
        return list(self._graph.flat_outputs)

    @property
    def operations(self) -> list[Any]:
        """What is called, in order."""
        return list(self._graph.operations)

    def call(self, inputs: Any) -> Any:
        """The outputs for values of the inputs, nested as these are.

        Raises:
            ShapeError: Another number of inputs, or another shape.
        """
        flat = tree.flatten(inputs)
        wanted = self._graph.flat_inputs
        if len(flat) != len(wanted):
            raise ShapeError(f'Expected {len(wanted)} inputs for {self.name!r}, received {len(flat)}.')
        for value, tensor in zip(flat, wanted, strict=True):
            sizes = tuple(value.shape) if hasattr(value, 'shape') else ()
            fits = len(sizes) == len(tensor.shape)
            if not fits or any(w not in (None, s) for s, w in zip(sizes, tensor.shape, strict=True)):
                raise ShapeError(f'Expected an input of shape {tensor.shape} for {self.name!r}, received {sizes}.')
        return self._graph.run([value.value if isinstance(value, Variable) else value for value in flat])
