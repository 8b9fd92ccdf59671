"""SimpleRNN: the output goes back in."""

from __future__ import annotations

from typing import Any

from hefted.layers.recurrent.cell import RecurrentCell
from hefted.layers.recurrent.cell_layer import CellLayer
from hefted.layers.recurrent.recurrence import Pointwise, States
from hefted.variables import Array


class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: `h = activation(x K + h R + b)`. The arguments are `RecurrentCell`'s."""

    draws_seed_first = True

    def __init__(
        self,
        units: int,
        activation: Any = 'tanh',
        use_bias: bool = True,
        kernel_initializer: Any = 'glorot_uniform',
        recurrent_initializer: Any = 'orthogonal',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, **kwargs,
        )  # fmt: skip

    @property
    def pointwise(self) -> Pointwise:
        def formula(z: Array, states: States) -> States:
            del states
            return (self.activation(z),)

        return Pointwise(formula)


class SimpleRNN(CellLayer):
    """A recurrent layer whose output goes back in: `h = activation(x K + h R + b)` (Elman 1990).

    Args:
        units: Size of the output.
        activation: A name, a function, or None for none.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (features, units) kernel.
        recurrent_initializer: For the (units, units) recurrent kernel.
        bias_initializer: For the bias.
        kernel_regularizer: Adds a loss on the kernel.
        recurrent_regularizer: Adds a loss on the recurrent kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: The share of the inputs that is zeroed in training, the same at every step.
        recurrent_dropout: The share of the states.
        return_sequences: See `RNN`, as for all that follow.
        return_state: Whether to return the last state too.
        go_backwards: Whether time runs from the end.
        stateful: Whether states go from batch to batch.
        unroll: Whether the steps are written out.
        seed: For dropout.
        **kwargs: See `RNN`.

    Input (batch, time, features), output (batch, units), or (batch, time, units).

    Example:
        >>> SimpleRNN(4, return_sequences=True)(np.ones((2, 5, 3))).shape
        (2, 5, 4)
    """

    not_in_config = ('seed',)

    def __init__(
        self,
        units: int,
        activation: Any = 'tanh',
        use_bias: bool = True,
        kernel_initializer: Any = 'glorot_uniform',
        recurrent_initializer: Any = 'orthogonal',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint,
            bias_constraint, dropout, recurrent_dropout, seed, name='simple_rnn_cell',
            dtype=kwargs.get('dtype'), trainable=kwargs.get('trainable', True),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
