"""RNN: a cell, run over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from hefted import tree
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.layer import Layer
from hefted.layers.recurrent.cell import RecurrentCell
from hefted.layers.recurrent.recurrence import loop, recurrence
from hefted.layers.recurrent.stacked import StackedRNNCells
from hefted.utils.naming import name_scope
from hefted.variables import Array, Variable, bind


class RNN(Layer):
    """A cell, run over the time axis of (batch, time, …).

    Args:
        cell: Has `call(inputs, states) -> (output, states)` and `state_size`; may have `output_size` and
            `get_initial_state(batch_size)`. A list of cells is stacked.
        return_sequences: Whether to return the outputs of all steps (batch, time, units), rather than the last.
        return_state: Whether to return the last states too.
        go_backwards: Whether time runs from the end; the outputs are in the order in which they were made.
        stateful: Whether a batch's last states are the next one's first; batches must be of one size.
        unroll: Whether the steps are written out one by one, which may be faster for few.
        zero_output_for_mask: Whether a masked step puts out zeros, rather than the step before's output.

    Call with (batch, time, …), and where wanted `initial_state` (as the cell's states) and a `mask` (batch, time).

    Raises:
        ArgumentError: The cell has no `call` or no `state_size`.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for needed in ('call', 'state_size'):
            if not hasattr(cell, needed):
                raise ArgumentError(f'Expected cell of RNN to have {needed!r}, received {cell!r}. Define it there.')
        super().__init__(**kwargs)
        self.zero_output_for_mask = zero_output_for_mask
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        self.states: Any = None
        size = cell.state_size
        if not isinstance(size, (list, tuple, int)):
            raise ArgumentError(f'Expected state_size of the cell to be an int or a list of ints, received {size!r}.')
        self.single_state = isinstance(size, int)
        self.state_size: list[Any] = [size] if isinstance(size, int) else list(size)

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Unless it keeps states from batch to batch; a cell that is a layer says for itself."""
        return not self.stateful and isinstance(self.cell, Layer)

    # Shapes

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        del initial_state_shape
        rows, time = sequences_shape[:2]
        if self.unroll and time is None:
            raise ShapeError(
                f'Cannot unroll {self.name!r}: the number of time steps is not known. Say it in Input(shape=…).'
            )
        size = getattr(self.cell, 'output_size', None) or self.state_size[0]
        if not isinstance(size, int):
            raise ArgumentError(f'Expected output_size of the cell to be an int, received {size!r}.')
        output = (rows, time, size) if self.return_sequences else (rows, size)
        if not self.return_state:
            return output
        states = [(rows, s) if isinstance(s, int) else [(rows, each) for each in s] for s in self.state_size]
        return output, *states

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        del inputs
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del initial_state_shape
        rows, _, *rest = sequences_shape
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((rows, *rest))
            self.cell.built = True
        if self.stateful:
            if self.states is not None:
                self.reset_state()
                return
            if rows is None:
                raise ShapeError(
                    f'Expected a fixed batch size for {self.name!r}, which is stateful, received sequences of shape '
                    f'{tuple(sequences_shape)}. Say it in Input(batch_shape=(…)).'
                )
            self._make_states(rows)

    # States

    def _make_states(self, rows: int) -> None:
        with name_scope(self.name, self):
            self.states = tree.map_structure(
                lambda zeros: Variable(zeros, trainable=False, dtype=self.variable_dtype, name='rnn_state'),
                self.get_initial_state(rows),
            )

    def _variables_here(self) -> Iterator[Variable]:
        carried = {id(state) for state in self._carried()}
        yield from (v for v in super()._variables_here() if id(v) not in carried)

    def _carried(self) -> Iterator[Variable]:
        yield from super()._carried()
        yield from tree.flatten(self.states) if self.states is not None else ()

    def get_initial_state(self, batch_size: int | None) -> list[Any]:
        """The states that a sequence starts from, for so many rows."""
        of_cell = getattr(self.cell, 'get_initial_state', None)
        if of_cell is None:
            dtype = getattr(self.cell, 'compute_dtype', self.compute_dtype)
            return [jnp.zeros((batch_size, size), dtype) for size in self.state_size]
        states = of_cell(batch_size=batch_size)
        return list(states) if tree.is_nested(states) else [states]

    def reset_state(self) -> None:
        """Set the states that a stateful layer keeps to zero."""
        for state in tree.flatten(self.states) if self.states is not None else ():
            state.assign(jnp.zeros(state.shape, state.dtype))

    def reset_states(self) -> None:
        """Keras's older name of `reset_state`."""
        self.reset_state()

    def _first_states(self, sequences: Array, given: Any) -> list[Any]:
        rows = sequences.shape[0]
        if self.stateful and self.states is not None:
            expected = tree.flatten(self.states)[0].shape[0]
            if rows != expected:
                raise ShapeError(
                    f'Expected batches of {expected} rows for {self.name!r}, which is stateful, received {rows}. '
                    'Pass batches of one size, or reset and build it anew.'
                )
        states: Any = given
        if states is None:
            states = self.states if self.stateful else self.get_initial_state(rows)
        states = list(states) if tree.is_nested(states) else [states]
        dtype = getattr(self.cell, 'compute_dtype', self.compute_dtype)
        return tree.map_structure(lambda s: jnp.asarray(getattr(s, 'value', s), dtype), states)

    # Running

    def call(self, sequences: Array, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        states = self._first_states(sequences, initial_state)
        mask = tree.flatten(mask)[0]
        inside = self.cell.flatten_layers() if isinstance(self.cell, Layer) else ()
        cells = [cell for cell in inside if isinstance(cell, RecurrentCell)]
        for cell in cells:
            cell.draw_masks(sequences.shape[0])
        try:
            last, outputs, states = self.inner_loop(sequences, states, mask, training=training)
        finally:
            for cell in cells:
                cell.reset_masks()
        dtype = self.compute_dtype
        states = tree.map_structure(lambda s: s.astype(dtype), states)
        if self.stateful and self.states is not None:
            for variable, state in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                variable.assign(state)
        output = (outputs if self.return_sequences else last).astype(dtype)
        return (output, *states) if self.return_state else output

    def inner_loop(self, sequences: Array, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run the cell: (last output, all outputs or None, last states)."""
        x = jnp.swapaxes(sequences, 0, 1)
        if mask is not None:
            mask = mask.astype(bool)
            mask = mask.any(-1, keepdims=True) if mask.ndim > 2 else mask[..., None]
            mask = jnp.swapaxes(mask, 0, 1)
        if self.go_backwards:
            x, mask = jnp.flip(x, 0), None if mask is None else jnp.flip(mask, 0)
        if isinstance(self.cell, RecurrentCell):
            outputs, states = self._run_own(self.cell, x, initial_state, mask, training)
        else:
            outputs, states = self._run_any(x, initial_state, mask, training)
        if outputs is None:
            return states[0], None, states
        return outputs[-1], jnp.swapaxes(outputs, 0, 1), states

    def _run_own(self, cell: RecurrentCell, x: Array, states: list[Array], mask: Any, training: bool) -> Any:
        """A cell of our own: what the inputs come to is found for all steps at once."""
        inputs = cell.dropped(x, training)
        if not cell.has_one_product(training):
            projected = cell.project(inputs)

            def step(x: Array, states: list[Array], kept: None) -> tuple[Array, list[Array], None]:
                return *cell.step(x, states, training), kept

            return loop(step, projected, states, mask, self.zero_output_for_mask, self.unroll)[:2]
        zeros = self.zero_output_for_mask and mask is not None  # the last output may then be none of the states
        sequences = self.return_sequences or zeros
        kernel, bias = cell.recurrent_kernel.value, cell.recurrent_bias()

        x = cell.project(inputs)
        outputs, last = recurrence(cell.pointwise, x, tuple(states), kernel, bias, mask, sequences, self.unroll)
        if zeros and mask is not None and outputs is not None:
            outputs = jnp.where(mask, outputs, 0)
        return outputs, list(last)

    def _run_any(self, x: Array, states: list[Any], mask: Any, training: bool) -> Any:
        """Any cell; what its layers keep (seeds, statistics) is carried from step to step."""
        cell = self.cell
        is_layer = isinstance(cell, Layer)
        held = cell.non_trainable_variables if is_layer else []
        call: Any = cell if callable(cell) else cell.call

        def step(x: Array, states: list[Any], values: list[Array]) -> tuple[Array, Any, list[Array]]:
            with bind(held, values) as scope:
                output, new = call(x, states, training=training) if is_layer else call(x, states)
            return output, new, scope.values(held)

        kept = [variable.raw for variable in held]
        outputs, states, values = loop(step, x, states, mask, self.zero_output_for_mask, self.unroll, kept)
        for variable, value in zip(held, values, strict=True):
            variable.assign(value)
        return outputs, states
