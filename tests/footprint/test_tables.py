"""The tables that ship: licences that allow it, sources that are named, files that split without the csv module."""

import csv
from pathlib import Path

import pytest

import hefted
from hefted.footprint.own_tables import LICENCES
from hefted.footprint.shipped_tables import shipped
from hefted.footprint.tables import source, table

PACKAGE = Path(hefted.__file__).parent
ALL = sorted(PACKAGE.glob('*/tables/*.csv'))
FOOTPRINT = [path for path in ALL if path.parent.parent.name == 'footprint']
NOTICE = PACKAGE.parents[1] / 'NOTICE'


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def named(path: Path) -> str:
    return f'{path.parent.parent.name}-{path.stem}'


@pytest.mark.parametrize('path', ALL, ids=named)
def test_every_row_of_every_table_has_a_licence_that_allows_shipping_and_a_source(path: Path) -> None:
    rows = rows_of(path)
    assert rows
    for row in rows:
        assert row['licence'] in LICENCES
        assert row.get('source') or (path.stem == 'sources' and row['title'])


@pytest.mark.parametrize('path', FOOTPRINT, ids=named)
def test_the_tables_hold_no_quoted_field_and_no_key_twice(path: Path) -> None:
    assert list(shipped(path.stem).values()) == rows_of(path)
    assert len(shipped(path.stem)) == len(rows_of(path))


@pytest.mark.parametrize('path', [path for path in FOOTPRINT if path.stem != 'sources'], ids=named)
def test_every_row_names_sources_that_are_told_under_the_same_licence(path: Path) -> None:
    for row in rows_of(path):
        assert source(row['source']).licence == row['licence']
        for column in ('kg_co2e_source', 'kg_sb_eq_source'):
            assert not row.get(column) or source(row[column]).licence == 'fact'


def test_every_source_is_used_and_can_be_read_somewhere() -> None:
    used = {row[c] for path in FOOTPRINT for row in rows_of(path) for c in row if c.endswith('source')}
    equivalents = {'physics', 'iea-phone', 'epa-car', 'strubell-flight'}
    assert set(table('sources')) == (used | equivalents) - {''}
    without_page = {key for key, row in table('sources').items() if not row['url']}
    assert without_page == {'physics', 'in-use'}


def test_notice_attributes_every_source_that_asks_for_it() -> None:
    notice = NOTICE.read_text('utf-8')
    for row in table('sources').values():
        if row['licence'] not in ('fact', 'public domain'):
            assert row['url'] in notice
            assert row['licence'].split('-4')[0].removesuffix('-2.0') in notice


@pytest.mark.parametrize('path', [path for path in ALL if path not in FOOTPRINT], ids=named)
def test_notice_attributes_what_the_meters_tables_rest_on(path: Path) -> None:
    notice = NOTICE.read_text('utf-8')
    works = ('ccf-coefficients', 'Cloud Carbon Footprint', 'pytorch/cpuinfo', 'archspec-json', 'MLPerf Training v4.0')
    for row in rows_of(path):
        if row['licence'] not in ('fact', 'public domain'):
            assert any(work in row['source'] and work in notice for work in works), row['source']


@pytest.mark.parametrize('path', FOOTPRINT, ids=named)
def test_no_figure_that_ships_is_zero_or_outside_its_interval(path: Path) -> None:
    for row in rows_of(path):
        for column, cell in row.items():
            if column.endswith(('low', 'high')) and cell:
                stem = column.removesuffix('_low').removesuffix('_high')
                central = row.get(stem) or row.get(f'{stem}_per_year') or row.get('value') or row['threads']
                assert (float(cell) <= float(central)) == (column.endswith('low') or float(cell) == float(central))
            if column.startswith(('g_co2e', 'kg_', 'l_per', 'usd_per', 'pue')) and cell and 'source' not in column:
                assert float(cell) > 0
