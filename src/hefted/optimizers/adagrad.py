"""Adagrad and Adadelta."""

from __future__ import annotations

from typing import Any, Unpack

from hefted import initializers
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick, sqrt, square


class Adagrad(Declared):
    """`a = a + g^2`, `w - lr g / sqrt(a + epsilon)` (Duchi et al. 2011).

    Args:
        learning_rate: See `Optimizer`.
        initial_accumulator_value: Where `a` begins.
        epsilon: Added to `a`, inside the root.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('initial_accumulator_value', 'epsilon')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('accumulator',),)

    def slot_initializer(self, slot: str) -> Any:
        return initializers.Constant(self.initial_accumulator_value) if slot == 'accumulator' else 'zeros'

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        total = slots[0] + square(gradient)
        return weight - rate * gradient / sqrt(total + self.epsilon), total


class Adadelta(Declared):
    """Steps of the size of the last steps over that of the last gradients (Zeiler 2012).

    Args:
        learning_rate: See `Optimizer`; 1.0 is the paper's.
        rho: How much of both mean squares is kept.
        epsilon: Added to both, inside the root.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('rho', 'epsilon')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.rho, self.epsilon = rho, epsilon

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('accumulated_grad', 'accumulated_delta_var'),)

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        of_gradients, of_steps = slots
        of_gradients = self.rho * of_gradients + (1 - self.rho) * square(gradient)
        step = -sqrt(of_steps + self.epsilon) * gradient / sqrt(of_gradients + self.epsilon)
        of_steps = self.rho * of_steps + (1 - self.rho) * square(step)
        return weight + rate * step, of_gradients, of_steps
