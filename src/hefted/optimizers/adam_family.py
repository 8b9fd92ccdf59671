"""Adam's relatives: Adamax, Nadam, LAMB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from hefted.optimizers.adam import moved, power
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.arrays import as_array
from hefted.utils.quick import Quick, absolute, larger, sqrt, square
from hefted.variables import Array, Variable


class _Betas(Declared):
    """One with two moving averages and an epsilon."""

    arguments = ('beta_1', 'beta_2', 'epsilon')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum', 'velocity'),)


class Adamax(_Betas):
    """`u = max(b2 u, |g|)`, `w - lr m / ((1 - b1^t) (u + epsilon))` (Kingma & Ba 2014, section 7)."""

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum', 'norm'),)

    def rate(self, learning_rate: Quick, step: Quick) -> Any:
        return learning_rate, 1 - power(self.beta_1, step)

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        learning_rate, correction = rate
        m = moved(slots[0], gradient, self.beta_1)
        u = larger(self.beta_2 * slots[1], absolute(gradient))
        return weight - learning_rate * m / (correction * (u + self.epsilon)), m, u


class Nadam(_Betas):
    """Adam with Nesterov momentum (Dozat 2016)."""

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        dtype = variables[0].dtype if variables else None
        self._product = Variable(np.float32(1.0), dtype=dtype, trainable=False)

    def _backend_update_step(
        self, grads: Sequence[Array], trainable_variables: Sequence[Variable], learning_rate: Any
    ) -> None:
        step = Quick(as_array(self.iterations, self._product.dtype)) + 1.0
        self._product.assign((self._schedule(step) * self._product.raw).array)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _schedule(self, step: Quick) -> Quick:
        return self.beta_1 * (1.0 - 0.5 * power(0.96, step))

    def rate(self, learning_rate: Quick, step: Quick) -> Any:
        now, then = self._schedule(step), self._schedule(step + 1.0)
        product = Quick(as_array(self._product, step.array.dtype))
        return (
            learning_rate,
            then / (1 - product * then),
            (1 - now) / (1 - product),
            1 - power(self.beta_2, step),
        )

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        learning_rate, of_momentum, of_gradient, correction = rate
        m = moved(slots[0], gradient, self.beta_1)
        v = moved(slots[1], square(gradient), self.beta_2)
        ahead = of_momentum * m + of_gradient * gradient
        return weight - ahead * learning_rate / (sqrt(v / correction) + self.epsilon), m, v


class Lamb(_Betas):
    """Adam's step, scaled by the weight's norm over the step's (You et al. 2019)."""

    def rate(self, learning_rate: Quick, step: Quick) -> Any:
        return learning_rate, 1 - power(self.beta_1, step), 1 - power(self.beta_2, step)

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        learning_rate, first, second = rate
        m = moved(slots[0], gradient, self.beta_1)
        v = moved(slots[1], square(gradient), self.beta_2)
        step = m / first / (sqrt(v / second) + self.epsilon)
        of_weight, of_step = (sqrt(square(x).sum()).array for x in (weight, step))
        trust = Quick(jnp.where((of_weight > 0) & (of_step > 0), of_weight / of_step, 1.0))
        return weight - trust * learning_rate * step, m, v
