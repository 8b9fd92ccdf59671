"""AdamW that needs no schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from hefted.optimizers.adam import moved, power
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick, smaller, sqrt, square
from hefted.variables import Variable


class ScheduleFreeAdamW(Declared):
    """Adam's steps lead `z`; the weights lie between `z` and the mean `x` of its past (Defazio et al. 2024).

    `z - lr g / (sqrt(v / (1 - b2^t)) + epsilon)`, `x + (z - x) / t`, `w = (1 - b1) z + b1 x`; the slot 'momentum' holds
    `z`.

    Args:
        learning_rate: See `Optimizer`.
        beta_1: How near the weights lie to the mean.
        beta_2: How much of `v`, the average of the squared gradient, each step keeps.
        epsilon: Added to the root.
        warmup_steps: Steps in which the learning rate rises to its full size.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('beta_1', 'beta_2', 'epsilon', 'warmup_steps')

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum', 'velocity'),)

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for variable, leader in zip(self._trainable_variables, self._slots['momentum'], strict=True):
            leader.assign(variable.numpy())

    def rate(self, learning_rate: Quick, step: Quick) -> tuple[Quick, Quick, Quick]:
        if self.warmup_steps > 0:
            learning_rate = learning_rate * smaller(step / self.warmup_steps, 1.0)
        return learning_rate, 1 - power(self.beta_2, step), 1 / step

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        (z, v), (size, correction, share), near = slots, rate, self.beta_1
        mean = (weight - z * (1 - near)) / near
        v = moved(v, square(gradient), self.beta_2)
        z = z - gradient * size / (sqrt(v / correction) + self.epsilon)
        mean = mean * (1 - share) + z * share
        return z * (1 - near) + mean * near, z, v
