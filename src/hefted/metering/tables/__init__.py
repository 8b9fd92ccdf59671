"""Tables of watts and processors, each row with its source, year and licence."""

from __future__ import annotations

from functools import cache

# By hand rather than with csv and importlib.resources: those cost more to import than the tables do to read.
_FOLDER = __file__.rpartition('__init__')[0]


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """Read a table that ships with the package.

    Args:
        name: The file's name without `.csv`.

    Returns:
        Its rows, by column.

    Example:
        >>> rows('dram_watts')[0]['watts_per_gb']
        '0.392'
    """
    with open(f'{_FOLDER}{name}.csv', encoding='utf-8') as file:  # noqa: PTH123
        columns, *lines = [_cells(line.rstrip('\n')) for line in file]
    return tuple(dict(zip(columns, line, strict=True)) for line in lines)


def _cells(line: str) -> list[str]:
    """Split one line at its commas; a cell in quotes may hold commas of its own."""
    cells: list[str] = []
    for at, part in enumerate(line.split('"')):
        if at % 2:
            cells[-1] += part
        elif not cells:
            cells = part.split(',')
        else:
            first, *rest = part.split(',')
            cells[-1] += first
            cells += rest
    return cells
