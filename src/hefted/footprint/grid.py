"""Carbon intensity of electricity: location-based, life-cycle, as an annual mean with its interval.

The table holds two kinds of row, which are brought to one before use:

- *life-cycle* rows (countries, Canadian provinces, Nordic bidding zones) count plant and upstream methane;
- *direct* rows (US states, Chinese provinces) count the stack only. Their life-cycle value is
  1.16 x direct + 23 g/kWh: a least-squares fit over 136 zones whose 2024 mixes were priced with IPCC AR5's
  factors for both boundaries (gas 490 and 370, coal 820 and 760 g/kWh, and so on). Nine in ten lie
  within 13 % of it. Such a figure's source says that it was converted.

The 90 % interval of a row combines, as ratios and in quadrature:

- the hour: 28 %. A run is at some hour of some day, the figure is a year's mean (judgement: hydro grids vary
  by under 5 %, solar ones by 50 %);
- the year: the ratio of the last two vintages, and at least 10 % (over 211 countries its median is 4 %, its
  90th percentile 22 %);
- the factors: 16 % (IPCC AR5 annex III has gas at 490, from 410 to 650, and coal at 820, from 740 to 910);
- the boundary: 13 % for direct rows.

A subdivision trades with its neighbours, so where its figure counts what it generates rather than what it
uses, the interval reaches at least to its country's mean. (Virginia generates at 307; its grid is at 398.)

A part of a country that has several grids (Tasmania, Sardinia) and no row here has its country's figure, assumed, and
an interval as wide as nine in ten parts of the USA, China and Canada lie from theirs: from 0.35 to 2 times. Parts of a
country with one grid (Bavaria) have the country's as it stands.

A cloud's region stands on the grid of its place. What one cloud publishes by region (Google, from another supplier's
consumption-based means) counts operation only and states no licence, so it is not carried here.

A row that is empty or 0 is missing (no grid is without carbon over its life): its country stands, or the world.
A place that is not known has the world's mean, weighted by generation (473 g/kWh in 2024: Ember, Global
Electricity Review 2025; 458 to 486 in the vintages around it), and an interval from the 5th to the 95th
percentile of all countries.
"""

from __future__ import annotations

import math

from hefted.footprint.place import WORLD, Place
from hefted.footprint.tables import cited, table, world
from hefted.quantities import Quantity

UNIT = 'g CO2e/kWh'

_HOUR = math.log(1.28)
_YEAR_AT_LEAST = math.log(1.10)
_FACTORS = math.log(1.16)
_BOUNDARY = math.log(1.13)
_PART_BELOW, _PART_ABOVE = math.log(1 / 0.35), math.log(2.0)
_SEVERAL_GRIDS = frozenset({'AU', 'BR', 'CL', 'ID', 'IN', 'IT', 'JP', 'MY', 'PH', 'RU'})
_WHOLE_COUNTRY = 'of the whole country, whose parts have grids of their own'


def intensity(place: Place) -> Quantity:
    """Tell the carbon intensity of a place's electricity.

    Args:
        place: Where the work runs.

    Returns:
        Its intensity in 'g CO2e/kWh': modelled where the grid is known, else the world's, assumed.

    Example:
        >>> str(intensity(Place.of('FR')))
        '44 g CO2e/kWh (30 to 64, modelled)'
        >>> intensity(Place.of(None)).basis
        'assumed'
    """
    rows = table('grid')
    for code in (place.code, place.country or ''):
        if code in rows and _given(rows[code]):
            return _of_row(rows[code], part=code != place.code and code in _SEVERAL_GRIDS)
    return _world()


def carbon(energy: Quantity, place: Place) -> Quantity:
    """Tell the operational carbon of energy used at a place.

    Args:
        energy: Any energy, such as J or kWh.
        place: Where it was used.

    Returns:
        g CO2e, with the errors and sources of both factors.

    Example:
        >>> str(carbon(Quantity(1, 'kWh'), Place.of('FR')))
        '44 g CO2e (30 to 64, modelled)'
    """
    return (energy * intensity(place)).to('g CO2e')


def _given(row: dict[str, str]) -> bool:
    return float(row['g_co2e_per_kwh'] or 0) > 0


def _of_row(row: dict[str, str], *, part: bool = False) -> Quantity:
    value = _life_cycle(row)
    earlier = float(row['earlier_g_co2e_per_kwh'] or 0) or float(row['g_co2e_per_kwh'])
    year = max(_YEAR_AT_LEAST, abs(math.log(float(row['g_co2e_per_kwh']) / earlier)))
    direct = row['boundary'] == 'direct'
    least, most = (
        math.exp(math.hypot(_HOUR, year, _FACTORS, _BOUNDARY if direct else 0.0, apart if part else 0.0))
        for apart in (_PART_BELOW, _PART_ABOVE)
    )
    low, high = value / least, value * most
    country, _, subdivision = row['code'].partition('-')
    if subdivision and row['accounting'] == 'production' and _given(table('grid')[country]):
        mean = _life_cycle(table('grid')[country])
        low, high = min(low, mean), max(high, mean)
    # One place's grid is one error source: runs there share it, runs elsewhere do not.
    note = f'direct {float(row["g_co2e_per_kwh"]):g} g/kWh brought to the life cycle' if direct else ''
    source = cited(row, f'grid:{row["code"]}', _WHOLE_COUNTRY if part else note)
    return Quantity.between(value, low, high, UNIT, basis='assumed' if part else 'modelled', source=source)


def _life_cycle(row: dict[str, str]) -> float:
    value = float(row['g_co2e_per_kwh'])
    return life_cycle(value) if row['boundary'] == 'direct' else value


def life_cycle(direct: float) -> float:
    """Bring g/kWh of the stack alone to the life cycle, by the fit that this file describes.

    Example:
        >>> life_cycle(100.0)
        139.0
    """
    return 1.16 * direct + 23.0


def _world() -> Quantity:
    grids = table('grid').items()
    countries = (_life_cycle(row) for code, row in grids if '-' not in code and _given(row))
    return world('g_co2e_per_kwh', f'grid:{WORLD}', UNIT, countries)
