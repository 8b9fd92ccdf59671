"""What every service of grids has in common: it tells an intensity at a place, now, with its interval."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Protocol

from hefted.footprint.grid import UNIT
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.quantities import Quantity, Source

# Ratios of 90 % intervals, as in `hefted.footprint.grid`: the factors by fuel (IPCC AR5), and the step from stack to
# life cycle.
FACTORS = math.log(1.16)
BOUNDARY = math.log(1.13)
REVISED = math.log(1.10)  # an hour's first figure is revised as its data come in (judgement)
ESTIMATED = math.log(1.28)  # a figure that the service itself calls an estimate is as good as a year's mean (judgement)

_MOST = 3000.0  # g/kWh: no grid comes near; the dirtiest fuel stands at about 1,200
_OLDEST_SECONDS = 6 * 3600.0
FORESEEN = math.log(1.15)  # hours ahead: day-ahead forecasts are off by 5 to 12 % in the mean (judgement, from what
# services publish of theirs), so nine in ten by more than that
MARGINAL = 'grid:marginal:'


class GridSource(Protocol):
    """A service that tells the carbon intensity of electricity.

    Attributes:
        name: What it is called, in a sentence.
        address: Where it is asked.
    """

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...

    def now(self, place: Place) -> Quantity:
        """Ask for the intensity at a place now, in 'g CO2e/kWh'.

        Raises:
            Unanswered: If it does not say, or does not know the place.
        """
        ...


def is_marginal(intensity: Quantity) -> bool:
    """Whether an intensity is of the plant that one kWh more makes run, and not the mean of all.

    Example:
        >>> is_marginal(Quantity(400, 'g CO2e/kWh'))
        False
    """
    return any(source.key.startswith(MARGINAL) for source in intensity.sources)


def told(value: float, ratios: tuple[float, ...], source: Source, *, beyond: float = 1.0) -> Quantity:
    """Make an intensity from ratios (as logarithms) that combine in quadrature; `beyond` widens its high end alone."""
    ratio = math.exp(math.hypot(*ratios))
    return Quantity.between(value, value / ratio, value * ratio * beyond, UNIT, basis='modelled', source=source)


def figure(value: object, name: str) -> float:
    """Check a figure in g/kWh.

    Raises:
        Unanswered: If it is not a number above 0. Services write 0 for what they do not know.
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 < number <= _MOST:
        shown = f'{number:g} g/kWh' if isinstance(value, int | float) else 'no number'
        raise Unanswered(f'{name} sent {shown}, which is no intensity.')
    return number


def check_age(moment: object, name: str, now: float) -> None:
    """Refuse a figure that is older than six hours; where its age is not told, it is taken.

    Raises:
        Unanswered: If it is.
    """
    if not isinstance(moment, str):
        return
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    if now - aware.timestamp() > _OLDEST_SECONDS:
        raise Unanswered(f'The newest figure of {name} is from {aware:%Y-%m-%d %H:%M} UTC.')
