"""RMSprop."""

from __future__ import annotations

from typing import Any, Unpack

from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick, sqrt, square


class RMSprop(Declared):
    """`v = rho v + (1 - rho) g^2`, `w - lr g / sqrt(v + epsilon)` (Hinton 2012, lecture 6e).

    Args:
        learning_rate: See `Optimizer`.
        rho: How much of the mean square is kept.
        momentum: How much of the last step is kept.
        epsilon: Added to the mean square, inside the root.
        centered: Whether to take the gradients' variance in place of their mean square.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.

    Example:
        >>> RMSprop().get_config()['rho']
        0.9
    """

    arguments = ('rho', 'momentum', 'epsilon', 'centered')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        momentum = (('momentum',),) if self.momentum > 0 else ()
        return (('velocity',), *momentum, *((('average_gradient',),) if self.centered else ()))

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        velocity, *others = slots
        velocity = self.rho * velocity + (1 - self.rho) * square(gradient)
        spread, tail = velocity, []
        if self.centered:
            average = self.rho * others.pop() + (1 - self.rho) * gradient
            spread, tail = velocity - square(average), [average]
        step = rate * gradient / sqrt(spread + self.epsilon)
        if others:
            step = self.momentum * others.pop() + step
            tail = [step, *tail]
        return weight - step, velocity, *tail
