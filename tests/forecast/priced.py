"""A pricing of plans that a test can reckon with: watts, speeds and grids of its own."""

from __future__ import annotations

from hefted.errors import unknown_name
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.forecast.shapes import Shape
from hefted.quantities import Quantity, Source

UTILISATION = Source('utilisation', 'One model of utilisation', 2024)
FLOPS = {'slow': 1e12, 'fast': 4e12, 'faster': 4.4e12, 'tiny': 1e11}  # operations a second
WATTS = {'slow': 1000.0, 'fast': 2000.0, 'faster': 2100.0, 'tiny': 50.0}
GRAMS = {'FR': (40.0, 36.0, 46.0), 'US-VA': (400.0, 360.0, 440.0)}


def price(plan: Plan, on: str, place: Place | str | None = None, *, shape: Shape | None = None) -> Forecast:
    """Every speed is known to a factor of about two, by one model; every grid to a tenth by its own table."""
    del shape
    if on not in FLOPS:
        raise unknown_name('on', on, FLOPS)
    where = Place.of(place or 'FR')
    speed = Quantity.between(1.0, 0.4, 2.0, '1', source=UTILISATION)
    ideal = (plan.flops or 0.0) / FLOPS[on] / (2 if plan.precision == 'bfloat16' else 1)
    duration = Quantity(ideal, 's', 'modelled') / speed
    energy = duration * Quantity.between(
        WATTS[on], WATTS[on] * 0.9, WATTS[on] * 1.1, 'W', source=Source(f'watts {on}', on, 2024)
    )
    grid = Source(f'grid:{where.code}', where.name, 2024)
    value, low, high = GRAMS[where.code]
    footprint = Footprint(
        energy,
        (energy * Quantity.between(value, low, high, 'g CO2e/kWh', source=grid)).to('g CO2e'),
        duration,
        where,
        cost=None if on == 'tiny' else (duration * Quantity(3.0, 'USD/h')).to('USD'),
        phases={'train': PhaseShare(energy, duration.value)},
    )
    note = f'{on} has too little memory.'
    return Forecast(plan, footprint, on, 'catalogue', fits=on != 'tiny', notes=(note,) if on == 'tiny' else ())
