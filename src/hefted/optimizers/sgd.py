"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any, Unpack

from hefted.errors import ArgumentError
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick
from hefted.variables import Variable


class SGD(Declared):
    """`w - lr g`; with momentum, `m = momentum m - lr g` and `w + m` (or `w + momentum m - lr g`: Nesterov).

    Args:
        learning_rate: See `Optimizer`.
        momentum: In [0, 1].
        nesterov: Whether to look ahead.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('momentum', 'nesterov')

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        if not 0 <= momentum <= 1:
            raise ArgumentError(f'Expected momentum between 0 and 1, received {momentum!r}.')
        self.momentum, self.nesterov = momentum, nesterov

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum',),) if self.momentum else ()

    @property
    def momentums(self) -> list[Variable]:
        """The momentum of each weight; none if `momentum` is 0."""
        return self._slots.get('momentum', [])

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        if not slots:
            return (weight - gradient * rate,)
        m = slots[0] * self.momentum - gradient * rate
        return weight + (m * self.momentum - gradient * rate if self.nesterov else m), m
