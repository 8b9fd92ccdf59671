"""What the cells of our own share: weights by gate, and dropout masks that hold for a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from hefted import activations, constraints, initializers, random, regularizers, tree
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.layers.recurrent.recurrence import Pointwise
from hefted.variables import Array


class RecurrentCell(Layer):
    """One step in time: `step(project(inputs), states)`.

    What the inputs come to is found apart from the states, so that a layer finds it for all steps in one product.

    Args:
        units: Size of the output and of each state.
        activation: Of the candidate and the output.
        use_bias: Whether there is a bias.
        kernel_initializer: For the (inputs, gates * units) kernel.
        recurrent_initializer: For the (units, gates * units) recurrent kernel.
        bias_initializer: For the bias.
        kernel_regularizer: Adds a loss on the kernel.
        recurrent_regularizer: Adds a loss on the recurrent kernel.
        bias_regularizer: Adds a loss on the bias.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: The share of the inputs that is zeroed in training.
        recurrent_dropout: The share of the states.
        seed: For the draws.
        implementation: 1 draws a dropout mask for each gate, 2 one for all; recurrent dropout means 1.
    """

    rows_independent = True
    gates: ClassVar[int] = 1
    number_of_states: ClassVar[int] = 1
    #: Whether the dropout masks come one for each gate.
    masks_by_gate: bool = False
    #: Whether the dropout's seed is drawn before the initializers': the order decides the weights of a seeded program.
    draws_seed_first: bool = False

    def __init__(
        self,
        units: int,
        *,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        if units <= 0:
            raise ArgumentError(f'Expected units of {type(self).__name__} to be a positive integer, received {units}.')
        super().__init__(**kwargs)
        self.units = units
        first = random.SeedGenerator(seed) if self.draws_seed_first else None
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.masks_by_gate = self.gates > 1 and self.implementation == 1
        self.seed = seed
        self.seed_generator = first or random.SeedGenerator(seed)
        self._dropout_mask: Any = None
        self._recurrent_dropout_mask: Any = None
        self.state_size: Any = units if self.number_of_states == 1 else [units] * self.number_of_states
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        width = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), self.kernel_initializer, name='kernel',
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            (self.units, width), self.recurrent_initializer, name='recurrent_kernel',
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(), self._first_bias, name='bias',
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _first_bias(self, shape: Any, dtype: Any = None) -> Array:
        return self.bias_initializer(shape, dtype=dtype)

    # One step

    def call(self, inputs: Array, states: Any, training: bool = False) -> tuple[Array, Any]:
        listed = list(states) if tree.is_nested(states) else [states]
        output, new = self.step(self.project(self.dropped(inputs, training)), listed, training)
        return output, new if tree.is_nested(states) else new[0]

    def project(self, inputs: Any) -> Array:
        """What the inputs come to, (…, gates * units): one product for all gates, or one for each where masked so."""
        if isinstance(inputs, list):
            kernels = jnp.split(self.kernel.value, self.gates, 1)
            x = jnp.concatenate([a @ kernel for a, kernel in zip(inputs, kernels, strict=True)], -1)
        else:
            # Over all rows of all steps as one axis: XLA transposes all of the slopes for the kernel's gradient else.
            flat = inputs.reshape(-1, inputs.shape[-1])
            x = (flat @ self.kernel.value).reshape(*inputs.shape[:-1], self.kernel.shape[-1])
        bias = self.input_bias()
        return x if bias is None else x + bias

    def input_bias(self) -> Array | None:
        """The bias that joins the inputs."""
        return None if self.bias is None else self.bias.value

    def step(self, x: Array, states: list[Array], training: bool) -> tuple[Array, list[Array]]:
        """The output and the states after one step, from what the inputs come to."""
        u, bias = self.product(states[0], training), self.recurrent_bias()
        u = u if bias is None else u + bias
        formula = self.pointwise
        new = formula.function(*((x + u,) if formula.added else (x, u)), tuple(states))
        return new[0], list(new)

    def product(self, state: Array, training: bool) -> Array:
        """The state by the recurrent kernel, (rows, gates * units): masked where recurrent dropout says so."""
        mask = self.get_recurrent_dropout_mask(state) if training and self.recurrent_dropout else None
        kernel = self.recurrent_kernel.value
        if mask is None:
            return state @ kernel
        if not isinstance(mask, list):
            return (state * mask) @ kernel
        kernels = jnp.split(kernel, self.gates, 1)
        return jnp.concatenate([(state * each) @ part for each, part in zip(mask, kernels, strict=True)], -1)

    @property
    def pointwise(self) -> Pointwise:
        """What is done elementwise; layers run it through `recurrence`."""
        raise NotImplementedError

    def recurrent_bias(self) -> Array | None:
        """The bias that joins the states."""
        return None

    def has_one_product(self, training: bool) -> bool:
        """Whether a step is one product by the recurrent kernel, and formulas that are known to be pure."""
        return not (training and self.recurrent_dropout) and activations.is_builtin(self.activation)

    def get_initial_state(self, batch_size: int | None = None) -> list[Array]:
        """Zeros (batch_size, units) for each state."""
        return [jnp.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.number_of_states)]

    # Dropout: the masks are drawn once and hold until they are reset

    def dropped(self, inputs: Array, training: bool) -> Any:
        """The inputs as dropout leaves them; a list, one for each gate, where each gate has its mask."""
        if not training or not self.dropout:
            return inputs
        mask = self.get_dropout_mask(inputs)
        return [inputs * each for each in mask] if isinstance(mask, list) else inputs * mask

    def get_dropout_mask(self, step_input: Array) -> Any:
        """The mask of the inputs: zeros, and 1 / (1 - dropout); one for each gate where `implementation` is 1."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = self._drawn(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input: Array) -> Any:
        """The mask of the states."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_mask = self._drawn(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self) -> None:
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        self._recurrent_dropout_mask = None

    def draw_masks(self, rows: int) -> None:
        """Draw both masks for a sequence of so many rows, as Keras does, in training or not."""
        self.get_dropout_mask(jnp.ones((rows, self.kernel.shape[0]), self.compute_dtype))
        self.get_recurrent_dropout_mask(jnp.ones((rows, self.units), self.compute_dtype))

    def reset_masks(self) -> None:
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    def _drawn(self, like: Array, rate: float) -> Any:
        ones = jnp.ones_like(like)
        if not self.masks_by_gate:
            return random.dropout(ones, rate, seed=self.seed_generator)
        return [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(self.gates)]
