"""A person's own tables: files named as the shipped ones, with the same columns, that override rows or add some.

    HEFTED_TABLES=~/hefted-tables                     (or tables = '…' in config.toml), and there for instance grid.csv:

    code,name,g_co2e_per_kwh,earlier_g_co2e_per_kwh,boundary,accounting,year,source,licence
    FR,France,31.5,,life-cycle,production,2025,own,own

Every file in the folder is read and checked at once, so that a wrong one is told at a run's start, with its
file and line. A row's source is a key of the shipped `sources.csv`, of one in the folder, or 'own'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hefted.errors import ArgumentError, did_you_mean
from hefted.footprint.shipped_tables import FOLDER, Rows, shipped

LICENCES = frozenset(
    {'public domain', 'CC0-1.0', 'CC-BY-4.0', 'MIT', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'fact'}
)
"""The licences under which a row may ship; a person's own may also be 'own'."""

_WORDS = {
    'boundary': ('life-cycle', 'direct'),
    'accounting': ('production', 'consumption'),
    'licence': (*sorted(LICENCES), 'own'),
}
_NUMBERS = frozenset(
    ('value', 'low', 'high', 'year', 'released', 'pue', 'threads', 'systems', 'years', 'die_mm2', 'with_host')
)
_MAY_BE_ZERO = frozenset({'wue_l_per_kwh'})  # cooled by air alone; nowhere else is 0 a figure
_WITH_GAPS = frozenset({'grid', 'facility', 'accelerators'})  # there another figure stands for one that is not known
_CLOSED = frozenset({'world', 'parts', 'lifetimes'})  # nothing asks for other rows than theirs
_KWH = 'Write {} per kWh.'
_SCALES = {  # the least and the most that a figure of the unit can be, with what to write
    'g_co2e_per_kwh': (1.0, 3000.0, _KWH.format('grams')),
    'earlier_g_co2e_per_kwh': (1.0, 3000.0, _KWH.format('grams')),
    'pue': (1.0, 10.0, 'It is the energy of the whole facility over that of its machines.'),
    'wue_l_per_kwh': (0.0, 50.0, _KWH.format('litres')),
    'l_per_kwh': (0.001, 200.0, _KWH.format('litres')),
    'water_l_per_kwh': (0.001, 200.0, _KWH.format('litres')),
    'hours_per_year': (1.0, 8784.0, 'A year has 8,766 hours.'),
    'hours_low': (1.0, 8784.0, 'A year has 8,766 hours.'),
    'hours_high': (1.0, 8784.0, 'A year has 8,766 hours.'),
    'year': (1900.0, 2200.0, 'Write the year of the data, such as 2024.'),
}
_OWN = {'key': 'own', 'title': 'Your own figure', 'year': '', 'url': '', 'licence': 'own'}


class _Row(NamedTuple):
    """A row as it stands in a file."""

    path: Path
    line: int
    key: str
    values: dict[str, str]

    def wrong(self, what: str, expected: str, received: str, remedy: str) -> ArgumentError:
        where = f'{self.path.name} in HEFTED_TABLES, line {self.line}'
        return ArgumentError(f'{where}: {what}: expected {expected}, received {received!r}. {remedy}')


@cache
def read(folder: Path) -> dict[str, Rows]:
    """Read the shipped tables and lay a folder's own over them, once.

    Args:
        folder: Holds CSV files named as the shipped ones.

    Returns:
        All tables, by name.

    Raises:
        ArgumentError: If the folder is not there or a file is wrong: a name or a column that is not known, a number
            that is none, is negative or 0, a source, boundary or licence that is not known, a key twice.
    """
    if not folder.is_dir():
        raise ArgumentError(
            f'HEFTED_TABLES: expected a folder with tables, received {str(folder)!r}, which is not there. '
            'Make it, or unset the setting.'
        )
    tables = {path.stem: dict(shipped(path.stem)) for path in FOLDER.glob('*.csv')}
    tables['sources']['own'] = _OWN
    mine = [row for path in sorted(folder.glob('*.csv')) for row in _rows(path, tables)]
    for row in mine:
        tables[row.path.stem][row.key] = row.values
    for row in mine:  # once all are there: one file may name what another brings
        _check_names(row, tables)
        _check_key(row, tables)
    return tables


def _rows(path: Path, tables: dict[str, Rows]) -> Iterator[_Row]:
    if path.stem not in tables:
        hint = did_you_mean(path.stem, list(tables)) or f'Name it as one of {", ".join(sorted(tables))}.'
        raise ArgumentError(f'HEFTED_TABLES: expected a table known here, received {path.name!r}. {hint}')
    try:
        lines = path.read_text('utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f'{path.name} in HEFTED_TABLES: expected a file in UTF-8, received: {error}.') from error
    columns = list(next(iter(shipped(path.stem).values())))
    seen: dict[str, int] = {}
    if not lines:
        empty = _Row(path, 1, '', {})
        raise empty.wrong('columns', ','.join(columns), '', 'Begin the file with that line, or take the file away.')
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(',')]
        row = _Row(path, number, cells[0], dict(zip(columns, cells, strict=False)))
        if number == 1:
            _check_header(row, columns, cells)
        elif line.strip():
            _check(row, columns, cells, seen)
            yield row


def _check_header(row: _Row, columns: list[str], cells: list[str]) -> None:
    if cells != columns:
        raise row.wrong('columns', ','.join(columns), ','.join(cells), 'Begin the file with that line.')


def _check(row: _Row, columns: list[str], cells: list[str], seen: dict[str, int]) -> None:
    if len(cells) != len(columns) or any('"' in cell for cell in cells):
        told = f'{len(columns)} fields without a quote'
        raise row.wrong('fields', told, ','.join(cells), 'No field may hold a comma; write ; instead.')
    if not row.key:
        raise row.wrong(columns[0], 'a key', '', 'Each row begins with what it is of.')
    if row.key in seen:
        raise row.wrong(columns[0], 'each key once', row.key, f'It stands on line {seen[row.key]} too: leave one out.')
    seen[row.key] = row.line
    needed = _needed(row.path.stem, row.key)
    for column, cell in row.values.items():
        if column in _WORDS:
            _check_word(row, column, cell)
        elif (cell or column in needed) and _is_number(column):
            _check_number(row, column, cell)
    _check_intervals(row)


def _needed(name: str, key: str) -> frozenset[str]:
    """The columns that may not be empty: nothing else stands for them."""
    if name in _WITH_GAPS:
        return frozenset()
    every = shipped(name).values()
    always = {column for column in next(iter(every)) if all(row[column] for row in every)}
    same = {column for column, cell in shipped(name).get(key, {}).items() if cell}
    return frozenset((always | same) - {'year'})


def _check_word(row: _Row, column: str, cell: str) -> None:
    if cell not in _WORDS[column]:
        expected = f'one of {", ".join(map(repr, _WORDS[column]))}'
        near = "The licence of your own figure is 'own'." if column == 'licence' else f'Write {_WORDS[column][0]!r}.'
        hint = did_you_mean(cell, _WORDS[column]) or near
        raise row.wrong(column, expected, cell, hint)


def _is_number(column: str) -> bool:
    of_unit = any(mark in column for mark in ('_per_', 'kg_', '_w', '_gb', '_tflops', '_low', '_high'))
    return column in _NUMBERS or (of_unit and not column.endswith('_source'))


def _check_number(row: _Row, column: str, cell: str) -> None:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    least = 'a number of 0 or more' if column in _MAY_BE_ZERO else 'a number above 0'
    if not (math.isfinite(number) and (number > 0 or (number == 0 and column in _MAY_BE_ZERO))):
        known = 'Leave the row out' if column in _needed(row.path.stem, row.key) else 'Leave the field empty'
        raise row.wrong(column, least, cell, f'{known} where the figure is not known.')
    if number < 1 and (column == 'pue' or (row.key == 'pue' and column in ('value', 'low', 'high'))):
        raise row.wrong(column, 'a number of 1 or more', cell, 'A facility cannot use less than its machines.')
    _check_scale(row, column, number)
    if column == 'year' and not number.is_integer():
        raise row.wrong(column, 'a whole year', cell, 'Write the year of the data, such as 2024.')


def _check_scale(row: _Row, column: str, number: float) -> None:
    """A figure in another unit than its column's, such as kg for g, is nowhere near the rest."""
    least, most, remedy = (
        _SCALES.get(column) or _SCALES.get(row.key if column == 'value' else '') or (0.0, math.inf, '')
    )
    if not least <= number <= most:
        raise row.wrong(column, f'a number from {least:g} to {most:,g}', f'{number:.10g}', remedy)


def _check_key(row: _Row, tables: dict[str, Rows]) -> None:
    """A key that nothing ever asks for would be passed over: the user's figure would not count, unheard."""
    name, known = row.path.stem, list(shipped(row.path.stem))
    column = next(iter(row.values))
    if row.key in known:
        return
    if name in _CLOSED:
        hint = did_you_mean(row.key, known) or f'Those that count are {", ".join(map(repr, known))}.'
        raise row.wrong(column, 'a row of the shipped table', row.key, hint)
    told = {'grid': row.key.upper(), 'water': row.key.upper(), 'cloud_regions': row.key.lower()}
    told |= {'facility': row.key.lower(), 'prices': '_'.join(row.key.lower().split())}
    wanted = told.get(name, row.key)
    if row.key != wanted:
        raise row.wrong(column, repr(wanted), row.key, 'It is looked for as it stands.')
    if name == 'water' and ('-' in row.key or row.key not in tables['grid']):
        raise row.wrong(column, 'a country of grid.csv', row.key, 'Water is told of whole countries.')
    if name == 'facility' and row.key not in tables['cloud_regions']:
        hint = did_you_mean(row.key, list(tables['cloud_regions'])) or (
            "For a house of your own write its figures as 'pue' and 'wue_l_per_kwh' in a world.csv."
        )
        raise row.wrong(column, "a cloud ('aws') or a region of cloud_regions.csv", row.key, hint)


def _check_intervals(row: _Row) -> None:
    """Low ends lie below their figures, and high ends above."""
    for column, cell in row.values.items():
        stem = 'value' if column in ('low', 'high') else column.removesuffix('_low').removesuffix('_high')
        central = row.values.get(stem) or row.values.get(f'{stem}_per_year') or row.values.get('threads', '')
        if column.endswith('low') and cell and central and float(cell) > float(central):
            raise row.wrong(column, f'at most {central}', cell, 'It is the low end of the 90 % interval.')
        if column.endswith('high') and cell and central and float(cell) < float(central):
            raise row.wrong(column, f'at least {central}', cell, 'It is the high end of the 90 % interval.')


def _check_names(row: _Row, tables: dict[str, Rows]) -> None:
    """What a row refers to is there: its source, and the grid of a place."""
    for column in ('source', 'kg_co2e_source', 'kg_sb_eq_source'):
        key = row.values.get(column)
        if key is not None and key not in tables['sources'] and (key or column == 'source'):
            near = did_you_mean(key, list(tables['sources'])) or ''
            hint = f"Write 'own', or add it to a sources.csv beside this file. {near}".rstrip()
            raise row.wrong(column, 'a key of sources.csv', key, hint)
    code = row.values.get('code')
    if code is not None and code not in tables['grid']:
        raise row.wrong('code', 'a place of grid.csv', code, 'Add its row to a grid.csv beside this file.')
    country = (code or '').partition('-')[0]
    if country and country not in tables['grid']:
        raise row.wrong('code', 'a part of a country of grid.csv', str(code), f'Add a row for {country!r} too.')
