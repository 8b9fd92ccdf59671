"""LSTM: a carry beside the output, and gates that decide what enters it, what stays and what is told."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted import activations
from hefted.layers.recurrent.cell import RecurrentCell
from hefted.layers.recurrent.cell_layer import CellLayer
from hefted.layers.recurrent.recurrence import Pointwise, States
from hefted.variables import Array


class LSTMCell(RecurrentCell):
    """One step of `LSTM`. To the arguments of `RecurrentCell` it adds its own.

    Args:
        recurrent_activation: Of the gates.
        unit_forget_bias: Whether the forget gate's bias starts at 1.
    """

    gates = 4
    number_of_states = 2

    def __init__(
        self,
        units: int,
        activation: Any = 'tanh',
        recurrent_activation: Any = 'sigmoid',
        use_bias: bool = True,
        kernel_initializer: Any = 'glorot_uniform',
        recurrent_initializer: Any = 'orthogonal',
        bias_initializer: Any = 'zeros',
        unit_forget_bias: bool = True,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _first_bias(self, shape: Any, dtype: Any = None) -> Array:
        if not self.unit_forget_bias:
            return super()._first_bias(shape, dtype)
        first, rest = (np.asarray(self.bias_initializer((n * self.units,), dtype=dtype)) for n in (1, 2))
        return np.concatenate([first, np.ones_like(first), rest])

    @property
    def pointwise(self) -> Pointwise:
        if (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid):
            return Pointwise(_usual)

        def formula(z: Array, states: States) -> States:
            i, f, candidate, o = jnp.split(z, 4, -1)
            i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
            carry = f * states[1] + i * self.activation(candidate)
            return o * self.activation(carry), carry

        return Pointwise(formula)

    def has_one_product(self, training: bool) -> bool:
        return super().has_one_product(training) and activations.is_builtin(self.recurrent_activation)


# The usual formula, tanh and sigmoid, and its slopes by hand. A sigmoid is a tanh stretched, so that one vectorised
# tanh does all four gates: XLA on CPU takes five times as long for tanhs and logistics of slices.


@jax.custom_vjp
def _usual(z: Array, states: States) -> States:
    return _usual_forward(z, states)[0]


def _usual_forward(z: Array, states: States) -> tuple[States, Any]:
    stretch = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], z.dtype), z.shape[-1] // 4)
    i, f, candidate, o = jnp.split(jnp.tanh(z * stretch) * stretch + (1 - stretch), 4, -1)
    carry = f * states[1] + i * candidate
    told = jnp.tanh(carry)
    return (o * told, carry), (i, f, candidate, o, told, states[1])


def _usual_backward(saved: Any, slopes: States) -> tuple[Array, States]:
    i, f, candidate, o, told, before = saved
    of_output, of_carry = slopes
    of_carry = of_carry + of_output * o * (1 - told * told)
    # The barrier keeps the joining out of the arithmetic, which is vectorised only without it.
    of_gates = lax.optimization_barrier((
        of_carry * candidate * i * (1 - i),
        of_carry * before * f * (1 - f),
        of_carry * i * (1 - candidate * candidate),
        of_output * told * o * (1 - o),
    ))  # fmt: skip
    return jnp.concatenate(of_gates, -1), (jnp.zeros_like(of_output), of_carry * f)


_usual.defvjp(_usual_forward, _usual_backward)


class LSTM(CellLayer, more=('recurrent_activation', 'unit_forget_bias')):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

        i, f, g, o = x K + h R + b
        c = σ(f) c + σ(i) tanh(g);    h = σ(o) tanh(c)

    Args:
        units: Size of the output and of the carry.
        activation: The tanh above: a name, a function, or None for none.
        recurrent_activation: The σ above.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (features, 4 * units) kernel.
        recurrent_initializer: For the (units, 4 * units) recurrent kernel.
        bias_initializer: For the bias.
        unit_forget_bias: Whether the forget gate's bias starts at 1 (Jozefowicz et al. 2015).
        kernel_regularizer: Adds a loss on the kernel.
        recurrent_regularizer: Adds a loss on the recurrent kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: The share of the inputs that is zeroed in training, the same at every step.
        recurrent_dropout: The share of the outputs that go back in.
        seed: For dropout.
        return_sequences: See `RNN`, as for those that follow.
        return_state: Whether to return the last output and carry too.
        go_backwards: Whether time runs from the end.
        stateful: Whether states go from batch to batch.
        unroll: Whether the steps are written out.
        use_cudnn: Taken for Keras's sake.
        **kwargs: See `RNN`; `implementation` too.

    Input (batch, time, features), output (batch, units), or (batch, time, units).

    Example:
        >>> output, h, carry = LSTM(4, return_sequences=True, return_state=True)(np.ones((2, 5, 3)))
        >>> output.shape, h.shape, carry.shape
        ((2, 5, 4), (2, 4), (2, 4))
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
        unit_forget_bias: bool = True,
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
        use_cudnn: Any = 'auto',
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed,
            name='lstm_cell', implementation=kwargs.pop('implementation', 2),
            dtype=kwargs.get('dtype'), trainable=kwargs.get('trainable', True),
        )  # fmt: skip
        super().__init__(
            cell, use_cudnn, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
