"""Water consumed in generating electricity, by country, in litres per kWh of it.

Source: World Resources Institute (Reig et al.), Guidance for Calculating Water Use Embedded in Purchased Electricity,
2020, CC-BY-4.0: 49 countries; elsewhere the world's mean of 3.908 L/kWh, assumed.

It is consumption (evaporated), not withdrawal, and it includes the **evaporation from reservoirs**: so grids that
live on hydropower look thirsty (Brazil 18.6, Norway 6.7), although a reservoir serves others too. That share, by
far the most uncertain, is why a country's own figure is told within a factor of two: published medians by technology
range as widely (Macknick et al. 2012: hydropower 5.4 to 68 L/kWh, coal 1.8 to 4.2 with towers).

What minerals electricity takes is not told: the only table by country, ADEME's Base IMPACTS, may not be passed on.
"""

from __future__ import annotations

from hefted.footprint.place import Place
from hefted.footprint.tables import cited, table, world
from hefted.quantities import Quantity

UNIT = 'L/kWh'
_RATIO = 2.0


def off_site(place: Place) -> Quantity:
    """Tell the water that generating a kWh consumes where a place is.

    Args:
        place: Where the work runs.

    Returns:
        'L/kWh' of the facility's electricity: modelled where the country is known, else the world's, assumed.

    Example:
        >>> str(off_site(Place.of('FR')))
        '3.7 L/kWh (1.8 to 7.3, modelled)'
        >>> off_site(Place.of('KE')).basis
        'assumed'
    """
    rows = table('water')
    row = rows.get(place.country or '')
    if row is None or not row['l_per_kwh']:
        return world('water_l_per_kwh', 'water:world', UNIT, (float(r['l_per_kwh']) for r in rows.values()))
    value = float(row['l_per_kwh'])
    source = cited(row, f'water:{row["country"]}')
    return Quantity.between(value, value / _RATIO, value * _RATIO, UNIT, source=source)
