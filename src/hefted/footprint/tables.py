"""The tables of factors: small CSV files, one fact a row, each row with its source, year and licence.

A person's own files of the same names and columns, in the folder that HEFTED_TABLES names, override rows or
add some (see `hefted.footprint.own_tables`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hefted import settings
from hefted.footprint.shipped_tables import Rows, shipped
from hefted.quantities import Quantity, Source


def table(name: str) -> Rows:
    """Read a table, once.

    Args:
        name: The file's name without its ending: 'grid', 'cloud_regions', 'sources'.

    Returns:
        Its rows by their first column. An empty field is an unknown value.

    Raises:
        ArgumentError: If a file in the folder of own tables is wrong; the message names the file and the line.

    Example:
        >>> table('grid')['FR']['name']
        'France'
    """
    return _merged(name, settings.tables_folder())


@cache
def _merged(name: str, folder: Path | None) -> Rows:
    if folder is None:
        return shipped(name)
    from hefted.footprint import own_tables  # late: few have tables of their own

    return own_tables.read(folder)[name]


def source(key: str) -> Source:
    """Look up a source by its key.

    Example:
        >>> source('egrid-2023').licence
        'public domain'
    """
    row = table('sources')[key]
    return Source(key, row['title'], int(row['year']) if row['year'] else None, row['url'] or None, row['licence'])


def cited(row: dict[str, str], key: str, note: str = '') -> Source:
    """The source of one row, under a key of its own: rows of one source need not err together.

    Args:
        row: With columns 'source' and 'year'.
        key: What errs as one.
        note: What was done to the figure, told after the source's title.

    Example:
        >>> cited(table('grid')['FR'], 'grid:FR', 'as it stands').key
        'grid:FR'
    """
    of = source(row['source'])
    year = int(row['year']) if row['year'] else of.year
    return of._replace(key=key, year=year, title=f'{of.title}; {note}' if note else of.title)


def number(cell: str) -> float | None:
    """Read a field; an empty one is None."""
    return float(cell) if cell else None


def world(figure: str, key: str, unit: str, countries: Iterable[float] = ()) -> Quantity:
    """The world's figure, assumed for a place that is not known.

    Args:
        figure: A row of `world.csv`.
        key: What errs as one.
        unit: Of the figure.
        countries: The same figure of each country: where the row has no interval, it is that from their 5th to their
            95th percentile.

    Example:
        >>> str(world('pue', 'pue:world', '1'))
        '1.6 (1.1 to 1.9, assumed)'
    """
    row = table('world')[figure]
    value, spread = float(row['value']), sorted(countries)
    low, high = (
        float(row[end]) if row[end] else spread[round(share * (len(spread) - 1))]
        for end, share in (('low', 0.05), ('high', 0.95))
    )
    source = cited(row, key, '' if row['low'] else 'interval of the countries')
    return Quantity.between(value, min(low, value), max(high, value), unit, basis='assumed', source=source)
