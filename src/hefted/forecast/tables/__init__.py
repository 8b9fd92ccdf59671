"""Tables of chips, their hosts and the instances that clouds lend them in; each row with source, year and licence."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """Read a table that ships with the package; no field holds a comma or a quote.

    Args:
        name: The file's name without `.csv`.

    Example:
        >>> rows('hosts')[0]['threads']
        '10'
    """
    header, *lines = (Path(__file__).parent / f'{name}.csv').read_text('utf-8').splitlines()
    columns = header.split(',')
    return tuple(dict(zip(columns, line.split(','), strict=True)) for line in lines)
