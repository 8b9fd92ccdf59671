"""StackedRNNCells: several cells as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.utils.serialization import deserialize_keras_object
from hefted.variables import Array


class StackedRNNCells(Layer):
    """Cells in a stack: each takes the output of the one before.

    Args:
        cells: Each with `call` and `state_size`.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            for needed in ('call', 'state_size'):
                if not hasattr(cell, needed):
                    raise ArgumentError(f'Expected every cell to have {needed!r}, received {cell!r}. Define it there.')
        self.cells = list(cells)

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Cells that are layers say for themselves."""
        return all(isinstance(cell, Layer) for cell in self.cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The cells' first states, one entry for each."""
        return [self._first_states(cell, batch_size) for cell in self.cells]

    def _first_states(self, cell: Any, rows: int | None) -> Any:
        if (of_cell := getattr(cell, 'get_initial_state', None)) is not None:
            return of_cell(batch_size=rows)
        if isinstance(cell.state_size, int):
            return jnp.zeros((rows, cell.state_size), self.compute_dtype)
        return [jnp.zeros((rows, size), self.compute_dtype) for size in cell.state_size]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], _output_size(cell))

    def call(self, inputs: Array, states: Any, training: bool = False, **kwargs: Any) -> tuple[Array, Any]:
        new: list[Any] = []
        for cell, own in zip(self.cells, states, strict=False):
            listed = list(own) if tree.is_nested(own) else [own]
            call: Any = cell if callable(cell) else cell.call
            told = {'training': training} if isinstance(cell, Layer) else {}
            inputs, after = call(inputs, listed, **told, **kwargs)
            new.append(after[0] if len(after) == 1 and not tree.is_nested(own) else after)
        return inputs, new[0] if len(new) == 1 else new

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it from `get_config()`."""
        cells = [deserialize_keras_object(cell, custom_objects) for cell in config['cells']]
        rest = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items() if k != 'cells'}
        return cls(cells, **rest)


def _output_size(cell: Any) -> Any:
    if (size := getattr(cell, 'output_size', None)) is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
