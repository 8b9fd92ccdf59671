"""What a run's readings are priced by: one set of factors for its place and its machine.

They are written into its journal, so that its receipt can be recomputed for ever, whatever becomes of the tables.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from hefted import settings
from hefted.footprint import facility, grid, hardware, water
from hefted.footprint.place import Place
from hefted.metering.machine import Machine
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.price import Prices


@dataclass(frozen=True, slots=True)
class Factors:
    """Factors, each a quantity with its interval and sources, or None where nothing is known.

    Attributes:
        intensity: g CO2e/kWh of the grid, location-based and life-cycle.
        pue: Energy of the whole facility over that of its machines, '1' (power usage effectiveness).
        water_on_site: L/kWh of the machines' energy (water usage effectiveness).
        water_off_site: L/kWh of the facility's electricity, used to generate it.
        electricity_minerals: kg Sb eq/kWh of the facility's electricity.
        embodied: g CO2e/h of occupying the machine: its making, over its life.
        minerals: kg Sb eq/h of occupying the machine.
        price: USD/h of occupying the machine.
        electricity_price: USD/kWh of the facility's electricity; only where the machine has no price of its own.
    """

    intensity: Quantity | None = None
    pue: Quantity | None = None
    water_on_site: Quantity | None = None
    water_off_site: Quantity | None = None
    electricity_minerals: Quantity | None = None
    embodied: Quantity | None = None
    minerals: Quantity | None = None
    price: Quantity | None = None
    electricity_price: Quantity | None = None

    def to_json(self) -> dict[str, Any]:
        """Write those that are known as plain data."""
        return dict(_written(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Factors:
        """Read what `to_json` wrote; unknown keys are passed over."""
        names = (each.name for each in fields(cls))
        return cls(**{name: Quantity.from_json(data[name]) for name in names if data.get(name)})


@lru_cache(16)  # every journal holds them, and most are the same
def _written(factors: Factors) -> dict[str, Any]:
    known: dict[str, Quantity | None] = {each.name: getattr(factors, each.name) for each in fields(factors)}
    return {name: factor.to_json() for name, factor in known.items() if factor is not None}


def factors_for(place: Place, machine: Machine) -> Factors:
    """Find the factors of a place and a machine in the tables.

    Minerals of electricity are not known: the one table by country may not be passed on (see `hefted.footprint.water`).

    Args:
        place: Where it stands.
        machine: What it is.

    Raises:
        ArgumentError: If a table of the user's own, or a price or an instance that the user set, is wrong.

    Example:
        >>> factors = factors_for(Place.of('FR'), Machine())
        >>> str(factors.intensity), str(factors.pue)
        ('44 g CO2e/kWh (30 to 64, modelled)', '1.6 (1.1 to 1.9, assumed)')
    """
    return _found(place, machine, settings.of_factors())


@cache  # a loop of small fits asks for the same each time
def _found(place: Place, machine: Machine, said: tuple[str, ...]) -> Factors:
    costs = _prices() if any(said) else None
    return Factors(
        intensity=grid.intensity(place),
        pue=facility.pue(place, machine),
        water_on_site=facility.wue(place, machine),
        water_off_site=water.off_site(place),
        embodied=hardware.embodied(machine),
        minerals=hardware.minerals(machine),
        price=costs and costs.machine,
        electricity_price=costs and costs.electricity,
    )


def _prices() -> Prices:
    from hefted.footprint.price import prices  # late: few say one

    (name, said), (also, instance) = settings.price_setting(), settings.instance_setting()
    return prices(said, instance, time.gmtime().tm_year, (name, also))
