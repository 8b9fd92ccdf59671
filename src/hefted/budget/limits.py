"""One limit of a budget as a training meets it: how much, whose, and what others have spent of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from hefted.budget.budget import Budget, written
from hefted.budget.written import UNITS, significant
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint

REMEDIES = {
    'energy': 'no sensor of energy could be read or modelled here; hefted doctor says why',
    'carbon': "the place's carbon intensity is not known; set the place, such as HEFTED_PLACE=FR",
    'water': "the place's water is not known; set the place, such as HEFTED_PLACE=FR",
    'minerals': 'no sensor of energy could be read or modelled here; hefted doctor says why',
    'cost': "no price is known; set HEFTED_PRICE='1.20 USD/h' (of the machine) or '0.30 USD/kWh', or HEFTED_INSTANCE",
    'duration': 'no clock could be read',
}
"""Why a quantity is not known, and how to have it told."""


def _nothing() -> float:
    return 0.0


class Limit(NamedTuple):
    """The most of one quantity.

    Attributes:
        name: Of what, such as 'energy'.
        quantity: How much, as it was said.
        whose: 'budget' of the run itself, or such as 'budget of the process'.
        elsewhere: What others have spent of it up to now, in the unit of `UNITS`.
    """

    name: str
    quantity: Quantity
    whose: str = 'budget'
    elsewhere: Callable[[], float] = _nothing

    @property
    def most(self) -> float:
        """In the unit that the quantity is counted in."""
        return self.quantity.to(UNITS[self.name]).value

    def __str__(self) -> str:
        return f'{self.whose} {written(self.quantity)}'

    def told(self, amount: float) -> str:
        """An amount in the limit's own unit, such as '49.2 of 50 J'.

        Example:
            >>> Limit('energy', Quantity(50, 'J')).told(49.23)
            '49.2 of 50 J'
        """
        value, unit = Quantity(amount, UNITS[self.name]).to(self.quantity.unit).value, self.quantity.unit
        return f'{significant(value)} of {self.quantity.value:.10g} {unit}'

    def amount(self, amount: float) -> str:
        """Such as '1.02 s', in the limit's own unit."""
        return f'{significant(Quantity(amount, UNITS[self.name]).to(self.quantity.unit).value)} {self.quantity.unit}'


def limits_of(budget: Budget, whose: str = 'budget') -> list[Limit]:
    """The limits of a budget, one for each quantity."""
    return [Limit(name, most, whose) for name, most in budget.limits.items()]


def spent(footprint: Footprint, names: Iterable[str]) -> dict[str, float | None]:
    """The central figures of a footprint by name, in the units of `UNITS`; None for what is not known.

    Example:
        >>> from hefted.footprint.footprint import Footprint
        >>> from hefted.footprint.place import Place
        >>> took = Footprint(Quantity(2, 'Wh'), None, Quantity(3, 's'), Place.of('FR'))
        >>> spent(took, ['energy', 'carbon', 'duration'])
        {'energy': 7200.0, 'carbon': None, 'duration': 3.0}
    """
    figures: dict[str, Quantity | None] = {name: getattr(footprint, name) for name in names}
    return {name: None if found is None else found.to(UNITS[name]).value for name, found in figures.items()}


def unknown(limits: Iterable[Limit], figures: Mapping[str, float | None]) -> list[Limit]:
    """The limits whose quantity is not known."""
    return [limit for limit in limits if figures.get(limit.name) is None]


def kept_within(budget: Mapping[str, str], footprint: Footprint, stopped_by: str | None = None) -> list[str]:
    """How much of each limit was spent, and which of them ended the run.

    Example:
        >>> from hefted.footprint.footprint import Footprint
        >>> from hefted.footprint.place import Place
        >>> took = Footprint(Quantity(49.23, 'J'), None, Quantity(3, 's'), Place.of('FR'))
        >>> kept_within({'energy': '50 J', 'duration': '1 min'}, took, 'budget 50 J')
        ['stopped by its budget: 49.2 of 50 J', '0.05 of 1 min']
    """
    limits = limits_of(Budget(dict(budget)))
    figures = spent(footprint, budget)
    told = [(limit, limit.told(amount)) for limit in limits if (amount := figures[limit.name]) is not None]
    lines = [f'stopped by its budget: {line}' if str(limit) == stopped_by else line for limit, line in told]
    if stopped_by and stopped_by not in map(str, limits):
        lines.append(f'stopped by the {stopped_by}')
    return sorted(lines, key=lambda line: not line.startswith('stopped'))
