"""Ftrl."""

from __future__ import annotations

from typing import Any, Unpack

import jax.numpy as jnp
from jax import lax

from hefted import initializers
from hefted.errors import ArgumentError
from hefted.optimizers.declared import Declared, Shared
from hefted.variables import Array


class Ftrl(Declared):
    """Follow the regularized leader (McMahan et al. 2013), for sparse linear models.

    Args:
        learning_rate: See `Optimizer`.
        learning_rate_power: 0 or less: how fast the rate falls with the gradients seen.
        initial_accumulator_value: 0 or more: where the sum of squares begins.
        l1_regularization_strength: 0 or more.
        l2_regularization_strength: 0 or more.
        l2_shrinkage_regularization_strength: 0 or more: an L2 penalty on size alone.
        beta: The paper's beta.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    quick = False
    arguments = (
        'learning_rate_power', 'initial_accumulator_value', 'l1_regularization_strength',
        'l2_regularization_strength', 'l2_shrinkage_regularization_strength', 'beta',
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        if learning_rate_power > 0:
            raise ArgumentError(f'Expected learning_rate_power to be 0 or less, received {learning_rate_power!r}.')
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        for name in self.arguments[1:5]:
            if getattr(self, name) < 0:
                raise ArgumentError(f'Expected {name} to be 0 or more, received {getattr(self, name)!r}.')

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('accumulator', 'linear'),)

    def slot_initializer(self, slot: str) -> Any:
        return initializers.Constant(self.initial_accumulator_value) if slot == 'accumulator' else 'zeros'

    def rule(self, weight: Array, gradient: Array, rate: Any, *slots: Array) -> tuple[Array, ...]:
        seen, linear = slots
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength + self.beta / (2.0 * rate)
        now = seen + lax.square(gradient)
        grown = now**-self.learning_rate_power
        linear = (
            linear
            + (gradient + 2 * self.l2_shrinkage_regularization_strength * weight)
            - (grown - seen**-self.learning_rate_power) / rate * weight
        )
        return (jnp.clip(linear, -l1, l1) - linear) / (grown / rate + 2 * l2), now, linear
