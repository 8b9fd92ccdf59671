"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from typing import Any, Unpack

from jax import lax

from hefted.errors import ArgumentError
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick, larger, sqrt, square


def moved(average: Quick, value: Quick, beta: float) -> Quick:
    """An exponential moving average after one more value."""
    return average + (value - average) * (1 - beta)


def power(beta: float, step: Quick) -> Quick:
    """`beta^step` in the step's dtype."""
    return Quick(lax.pow(lax.full_like(step.array, beta), step.array))


class Adam(Declared):
    """`w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)` (Kingma & Ba 2014).

    `m` and `v` are moving averages of the gradient and of its square.

    Args:
        learning_rate: See `Optimizer`.
        beta_1: How much of `m` each step keeps.
        beta_2: How much of `v` each step keeps.
        epsilon: Added to the root ("epsilon hat" in the paper).
        amsgrad: Whether to divide by the largest `v` so far (Reddi et al. 2018).
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('beta_1', 'beta_2', 'epsilon', 'amsgrad')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum', 'velocity'), *((('velocity_hat',),) if self.amsgrad else ()))

    def rate(self, learning_rate: Quick, step: Quick) -> Quick:
        return learning_rate * sqrt(1 - power(self.beta_2, step)) / (1 - power(self.beta_1, step))

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        m = moved(slots[0], gradient, self.beta_1)
        v = moved(slots[1], square(gradient), self.beta_2)
        largest = [larger(slots[2], v)] if self.amsgrad else []
        spread = largest[0] if largest else v
        return weight - m * rate / (sqrt(spread) + self.epsilon), m, v, *largest


class AdamW(Adam):
    """Adam whose weights shrink by `learning_rate * weight_decay` before each step (Loshchilov & Hutter 2019)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *shared: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *shared, **named)
        if self.weight_decay is None:
            raise ArgumentError('Expected weight_decay of AdamW to be a float, received None. Adam has none.')
