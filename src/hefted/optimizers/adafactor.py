"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.optimizers.declared import Declared, Shared
from hefted.utils.arrays import as_array
from hefted.variables import Array, Variable


class Adafactor(Declared):
    """Adaptive steps from a matrix's row and column means of squares, which take little memory.

    Source: Shazeer & Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost".

    Args:
        learning_rate: See `Optimizer`.
        beta_2_decay: How fast the averages' decay grows: `1 - step^beta_2_decay`.
        epsilon_1: Added to squared gradients.
        epsilon_2: The least that a weight's root mean square counts as.
        clip_threshold: The most that a step's root mean square may be.
        relative_step: Whether the rate is at most `1 / sqrt(step)`.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('beta_2_decay', 'epsilon_1', 'epsilon_2', 'clip_threshold', 'relative_step')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._means: dict[int, tuple[Variable, ...]] = {}
        for variable in self._trainable_variables:
            shape = variable.shape
            halves = (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) >= 2 else ()
            means = [self.add_variable(half, dtype=variable.dtype, name=variable.name) for half in halves]
            if not means:  # Keras keeps two placeholders, and so do its archives
                self._variables += [Variable(np.int32(0), trainable=False, name=variable.name) for _ in range(2)]
            self._means[id(variable)] = (*means, self.add_variable_from_reference(variable, 'velocity'))

    def _kept_for(self, weight: Variable) -> list[Variable]:
        return [*super()._kept_for(weight), *self._means[id(weight)]]

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Any) -> None:
        gradient, weight = as_array(gradient, variable.dtype), variable.raw
        step = as_array(self.iterations, variable.dtype) + 1
        # Without `relative_step` Keras still takes the smaller of both here.
        rate = jnp.minimum(as_array(learning_rate, variable.dtype), 1 / jnp.sqrt(step))
        size = jnp.maximum(self.epsilon_2, _rms(weight)) * rate
        beta = 1 - step**self.beta_2_decay
        squared = lax.square(gradient) + self.epsilon_1
        *means, velocity = self._means[id(variable)]
        if means:
            rows, columns = (
                mean.assign(beta * mean.raw + (1 - beta) * squared.mean(axis=axis)).raw
                for mean, axis in zip(means, (-1, -2), strict=True)
            )
            spread = (rows / rows.mean(axis=-1, keepdims=True))[..., None] * columns[..., None, :]
        else:
            spread = beta * velocity.raw + (1 - beta) * squared
        velocity.assign(spread)
        move = gradient / jnp.sqrt(spread)
        variable.assign(weight - size * move / jnp.maximum(1.0, _rms(move) / self.clip_threshold))


def _rms(x: Array) -> Array:
    return jnp.sqrt(lax.square(x).mean())
