"""Which country, or state of one, a position lies in, where that is beyond doubt.

The table cuts the globe into cells of half a degree (55 km or less). A cell has a code only if all the land in it, and
in 0.1 degree around it, is of one country; in the USA, Canada and China, whose states and provinces have grids of their
own, of one of these. Else it is '?' (near a border, or disputed): nobody is told there, as a guess would be a wrong
grid. '-' is the sea, or a country without a figure.

Made from Natural Earth 5.1.1 (public domain): countries at 1:10 million, and the lines between states. It was checked
against the 155,000 towns of GeoNames: 78 % of their people live in a cell that has a code, and 21 towns in another
than GeoNames says, most of them disputed.
"""

from __future__ import annotations

import math
from functools import cache

from hefted.footprint.tables import table

_DEGREES = 0.5
_COLUMNS = round(360 / _DEGREES)
_AROUND = (-2, -1, 0, 1, 2)


def code_at(latitude: float, longitude: float) -> str | None:
    """The code of the country or subdivision at a position, as in the table of grids; None where it is in doubt.

    Example:
        >>> code_at(47.6, -122.3), code_at(48.86, 2.35), code_at(46.2, 6.15), code_at(0, -30)
        ('US-WA', 'FR', None, None)
    """
    found = _row(_south(latitude))[_column(longitude)]
    return None if found in '?-' else found


def near(latitude: float, longitude: float) -> list[str]:
    """The codes that lie within a degree or so of a position, for a person to choose from; there may be others.

    Example:
        >>> near(46.2, 6.15)
        ['CH', 'FR']
    """
    rows = [_row(_south(latitude) + step * _DEGREES) for step in _AROUND]
    column = _column(longitude)
    around = {row[(column + step) % _COLUMNS] for row in rows for step in _AROUND}
    return sorted(around - {'?', '-'})


def _south(latitude: float) -> float:
    return min(math.floor(latitude / _DEGREES) * _DEGREES, 90 - _DEGREES)


def _column(longitude: float) -> int:
    return math.floor((longitude + 180) / _DEGREES) % _COLUMNS


@cache
def _row(south: float) -> list[str]:
    """The cells from 180 degrees west on whose southern edge is at a latitude, one after another."""
    row = table('cells').get(f'{south:g}')
    if row is None:  # none but sea
        return ['-'] * _COLUMNS
    found: list[str] = []
    for run in row['cells'].split():
        code, _, length = run.partition(':')
        found += [code] * int(length or 1)
    return found
