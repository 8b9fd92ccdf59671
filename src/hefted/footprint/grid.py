"""Carbon intensity of electricity: location-based, life-cycle, as an annual mean with its interval.

The table holds two kinds of row, which are brought to one before use:

- *life-cycle* rows (countries, Canadian provinces, Nordic bidding zones) count plant and upstream methane;
- *direct* rows (US states, Chinese provinces) count the stack only. Their life-cycle value is
  1.16 x direct + 23 g/kWh: a least-squares fit over 136 zones whose 2024 mixes were priced with IPCC AR5's
  factors for both boundaries (gas 490 and 370, coal 820 and 760 g/kWh, and so on). Nine in ten lie
  within 13 % of it.

The 90 % interval of a row combines, as ratios and in quadrature:

- the hour: 28 %. A run is at some hour of some day, the figure is a year's mean (judgement: hydro grids vary
  by under 5 %, solar ones by 50 %);
- the year: the ratio of the last two vintages, and at least 10 % (over 211 countries its median is 4 %, its
  90th percentile 22 %);
- the factors: 16 % (IPCC AR5 annex III has gas at 490, from 410 to 650, and coal at 820, from 740 to 910);
- the boundary: 13 % for direct rows.

A subdivision trades with its neighbours, so where its figure counts what it generates rather than what it
uses, the interval reaches at least to its country's mean. (Virginia generates at 307; its grid is at 398.)

A place that is not known has the median of all countries, and an interval from their 5th to their 95th
percentile. Generation-weighted means of the world lie close by, between 458 and 475 g/kWh.
"""

from __future__ import annotations

import math

from hefted.footprint.place import WORLD, Place
from hefted.footprint.tables import source, table
from hefted.quantities import Quantity

UNIT = 'g CO2e/kWh'

_HOUR = math.log(1.28)
_YEAR_AT_LEAST = math.log(1.10)
_FACTORS = math.log(1.16)
_BOUNDARY = math.log(1.13)


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
        if code in rows and rows[code]['g_co2e_per_kwh']:
            return _of_row(rows[code])
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


def _of_row(row: dict[str, str]) -> Quantity:
    value = _life_cycle(row)
    earlier = float(row['earlier_g_co2e_per_kwh'] or row['g_co2e_per_kwh'])
    year = max(_YEAR_AT_LEAST, abs(math.log(float(row['g_co2e_per_kwh']) / earlier)))
    boundary = _BOUNDARY if row['boundary'] == 'direct' else 0.0
    ratio = math.exp(math.hypot(_HOUR, year, _FACTORS, boundary))
    low, high = value / ratio, value * ratio
    country, _, part = row['code'].partition('-')
    if part and row['accounting'] == 'production':
        mean = _life_cycle(table('grid')[country])
        low, high = min(low, mean), max(high, mean)
    # One place's grid is one error source: runs there share it, runs elsewhere do not.
    cited = source(row['source'])._replace(key=f'grid:{row["code"]}', year=int(row['year']))
    return Quantity.between(value, low, high, UNIT, basis='modelled', source=cited)


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
    rows = table('grid').items()
    values = sorted(_life_cycle(row) for code, row in rows if '-' not in code and row['g_co2e_per_kwh'])
    low, middle, high = (values[round(share * (len(values) - 1))] for share in (0.05, 0.5, 0.95))
    cited = source('owid-ember')._replace(key=f'grid:{WORLD}')
    return Quantity.between(middle, low, high, UNIT, basis='assumed', source=cited)
