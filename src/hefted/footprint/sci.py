"""Software Carbon Intensity: a run's carbon per unit of what it is for (ISO/IEC 21031:2024).

    SCI = (O + M) per R        O = E x I        M = TE x TS x RS

E is the electricity, the facility's counted; I the grid's intensity where the work ran, with no certificate or offset
taken off; M the carbon of making the hardware, by the share of its life that was reserved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hefted.errors import ArgumentError
from hefted.footprint.footprint import Footprint
from hefted.quantities import Quantity, total


@dataclass(frozen=True, slots=True)
class Sci:
    """A score and its parts.

    Attributes:
        operational: O in g CO2e; None where no energy or no intensity is known.
        embodied: M in g CO2e; None where nothing is known of the hardware's making.
        units: How many functional units the run was.
        unit: What one is, such as 'epoch'.
    """

    operational: Quantity | None
    embodied: Quantity | None
    units: float
    unit: str

    @property
    def score(self) -> Quantity:
        """Carbon per unit in g CO2e, of the parts that are known."""
        known = [part for part in (self.operational, self.embodied) if part is not None]
        return total(known) * (1 / self.units)

    @property
    def complete(self) -> bool:
        """Whether both O and M are known: without either, the score is not the standard's."""
        return self.operational is not None and self.embodied is not None

    def __str__(self) -> str:
        missing = 'O' if self.operational is None else 'M'
        return f'{self.score} per {self.unit}' + ('' if self.complete else f'; {missing} is not known and not in it')


def sci(footprint: Footprint, units: float = 1.0, unit: str = 'training run') -> Sci:
    """Tell a run's software carbon intensity.

    Args:
        footprint: What the run took.
        units: How many functional units it was, such as 10.
        unit: What one is, such as 'epoch'.

    Returns:
        The score with its parts.

    Raises:
        ArgumentError: If `units` is not a number above 0, or nothing is known of the run's carbon.

    Source:
        ISO/IEC 21031:2024, Software Carbon Intensity (SCI) specification.

    Example:
        >>> from hefted.footprint.place import Place
        >>> grams = Quantity(30, 'g CO2e'), Quantity(10, 'g CO2e')
        >>> told = Footprint(None, None, Quantity(60, 's'), Place.of('FR'), operational=grams[0], embodied=grams[1])
        >>> print(sci(told, units=10, unit='epoch'))
        4.0 g CO2e per epoch
    """
    if not _counts(units):
        raise ArgumentError(
            f'units: expected a number above 0, received {units!r}. Count what the run did, as 10 epochs.'
        )
    operational = operational_of(footprint)
    if operational is None and footprint.embodied is None:
        raise ArgumentError(
            'run: expected one whose carbon is known, received one that no sensor and no model told the energy of. '
            '`hefted doctor` says why.'
        )
    return Sci(operational, footprint.embodied, float(units), unit)


def _counts(units: object) -> bool:
    """Whether it is a number of things, by which a carbon can be divided."""
    if not isinstance(units, int | float):
        return False
    try:
        return 0 < float(units) < math.inf and 1 / float(units) < math.inf
    except OverflowError:  # an integer beyond all floats
        return False


def operational_of(footprint: Footprint) -> Quantity | None:
    """The carbon of the electricity, also where a footprint tells only one sum and no embodied part."""
    if footprint.operational is None and footprint.embodied is None:
        return footprint.carbon
    return footprint.operational
