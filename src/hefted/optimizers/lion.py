"""Lion."""

from __future__ import annotations

from typing import Any, Unpack

from hefted.errors import ArgumentError
from hefted.optimizers.declared import Declared, Shared
from hefted.utils.quick import Quick, sign


class Lion(Declared):
    """`w - lr sign(b1 m + (1 - b1) g)`, `m = b2 m + (1 - b2) g` (Chen et al. 2023).

    Args:
        learning_rate: See `Optimizer`; three to ten times smaller than Adam's.
        beta_1: In (0, 1].
        beta_2: How much of `m` each step keeps.
        *shared: See `Optimizer`, in its order.
        **named: See `Optimizer`.
    """

    arguments = ('beta_1', 'beta_2')

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        *shared: Any,
        **named: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, *shared, **named)
        if not 0 < beta_1 <= 1:
            raise ArgumentError(f'Expected beta_1 above 0 and at most 1, received {beta_1!r}.')
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return (('momentum',),)

    def rule(self, weight: Quick, gradient: Quick, rate: Any, *slots: Quick) -> tuple[Quick, ...]:
        m = slots[0]
        towards = sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        return weight - rate * towards, m * self.beta_2 + gradient * (1.0 - self.beta_2)
