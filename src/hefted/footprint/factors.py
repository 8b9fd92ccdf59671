"""What a run's readings are priced by: one set of factors for its place and its machine.

They are written into its journal, so that its receipt can be recomputed for ever, whatever becomes of the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from hefted.footprint import facility, grid, water
from hefted.footprint.place import Place
from hefted.metering.machine import Machine
from hefted.quantities import Quantity


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
        known: dict[str, Quantity | None] = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: factor.to_json() for name, factor in known.items() if factor is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Factors:
        """Read what `to_json` wrote; unknown keys are passed over."""
        names = (each.name for each in fields(cls))
        return cls(**{name: Quantity.from_json(data[name]) for name in names if data.get(name)})


@cache  # a loop of small fits asks for the same each time
def factors_for(place: Place, machine: Machine) -> Factors:
    """Find the factors of a place and a machine in the tables.

    Args:
        place: Where it stands.
        machine: What it is.
    """
    return Factors(
        intensity=grid.intensity(place),
        pue=facility.pue(place, machine),
        water_on_site=facility.wue(place, machine),
        water_off_site=water.off_site(place),
    )
