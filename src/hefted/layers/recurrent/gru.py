"""GRU: a state that gates mix with a candidate."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import activations
from hefted.layers.recurrent.cell import RecurrentCell
from hefted.layers.recurrent.cell_layer import CellLayer
from hefted.layers.recurrent.recurrence import Pointwise, States
from hefted.variables import Array


class GRUCell(RecurrentCell):
    """One step of `GRU`. To the arguments of `RecurrentCell` it adds its own.

    Args:
        recurrent_activation: Of the gates.
        reset_after: Whether the reset gate acts after the product by the recurrent kernel (which then has a bias of
            its own) or before.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = 'tanh',
        recurrent_activation: Any = 'sigmoid',
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
        reset_after: bool = True,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        width = self.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def input_bias(self) -> Array | None:
        bias = super().input_bias()
        return bias if bias is None or not self.reset_after else bias[0]

    def recurrent_bias(self) -> Array | None:
        return self.bias.value[1] if self.bias is not None and self.reset_after else None

    @property
    def pointwise(self) -> Pointwise:
        def formula(x: Array, u: Array, states: States) -> States:
            units = self.units
            gates = self.recurrent_activation(x[:, : 2 * units] + u[:, : 2 * units])
            update, reset = gates[:, :units], gates[:, units:]
            candidate = self.activation(x[:, 2 * units :] + reset * u[:, 2 * units :])
            return (update * states[0] + (1 - update) * candidate,)

        return Pointwise(formula, added=False)

    def step(self, x: Array, states: list[Array], training: bool) -> tuple[Array, list[Array]]:
        if self.reset_after:
            return super().step(x, states, training)
        masks = self.get_recurrent_dropout_mask(states[0]) if training and self.recurrent_dropout else [1.0, 1.0, 1.0]
        update, reset, candidate = (
            (x_gate, states[0] * mask, kernel)
            for x_gate, mask, kernel in zip(
                jnp.split(x, 3, -1), masks, jnp.split(self.recurrent_kernel.value, 3, -1), strict=True
            )
        )
        z, r = (self.recurrent_activation(x + h @ kernel) for x, h, kernel in (update, reset))
        x, h, kernel = candidate
        h = z * states[0] + (1 - z) * self.activation(x + (r * h) @ kernel)
        return h, [h]

    def has_one_product(self, training: bool) -> bool:
        pure = activations.is_builtin(self.recurrent_activation)
        return self.reset_after and pure and super().has_one_product(training)


class GRU(CellLayer, more=('recurrent_activation', 'reset_after')):
    """Gated recurrent unit (Cho et al. 2014).

        z, r = σ(x K + h R + b);    candidate = tanh(x K' + r (h R' + b'))
        h = z h + (1 - z) candidate

    Args:
        units: Size of the output.
        activation: The tanh above: a name, a function, or None for none.
        recurrent_activation: The σ above.
        use_bias: Whether to add biases.
        kernel_initializer: For the (features, 3 * units) kernel.
        recurrent_initializer: For the (units, 3 * units) recurrent kernel.
        bias_initializer: For the biases.
        kernel_regularizer: Adds a loss on the kernel.
        recurrent_regularizer: Adds a loss on the recurrent kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: The share of the inputs that is zeroed in training, the same at every step.
        recurrent_dropout: The share of the states.
        seed: For dropout.
        return_sequences: See `RNN`, as for those that follow.
        return_state: Whether to return the last state too.
        go_backwards: Whether time runs from the end.
        stateful: Whether states go from batch to batch.
        unroll: Whether the steps are written out.
        reset_after: Whether r acts after the product by R' (as above) or before, on h.
        use_cudnn: Taken for Keras's sake.
        **kwargs: See `RNN`; `implementation` too.

    Input (batch, time, features), output (batch, units), or (batch, time, units).

    Example:
        >>> GRU(4)(np.ones((2, 5, 3))).shape
        (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = 'tanh',
        recurrent_activation: Any = 'sigmoid',
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = 'auto',
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
            recurrent_constraint, bias_constraint, dropout, recurrent_dropout, reset_after, seed,
            name='gru_cell', implementation=kwargs.pop('implementation', 2),
            dtype=kwargs.get('dtype'), trainable=kwargs.get('trainable', True),
        )  # fmt: skip
        super().__init__(
            cell, use_cudnn, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
