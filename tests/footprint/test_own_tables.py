"""A person's own tables: they override and add, and a wrong one is told by file, line, expected and received."""

from pathlib import Path

import pytest

from hefted.errors import ArgumentError
from hefted.footprint import facility, grid, own_tables, water
from hefted.footprint.factors import factors_for
from hefted.footprint.place import Place
from hefted.footprint.shipped_tables import shipped
from hefted.footprint.tables import table
from hefted.metering.machine import Machine

GRID = 'code,name,g_co2e_per_kwh,earlier_g_co2e_per_kwh,boundary,accounting,year,source,licence'
FACILITY = 'key,pue,wue_l_per_kwh,year,source,licence'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('HEFTED_TABLES', str(tmp_path))
    return tmp_path


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / f'{name}.csv').write_text('\n'.join(lines) + '\n', 'utf-8')


def test_a_row_overrides_the_shipped_one_and_the_others_stand(folder: Path) -> None:
    write(folder, 'grid', GRID, 'FR,France,31.5,,life-cycle,production,2025,own,own')
    france = grid.intensity(Place.of('FR'))
    assert (france.value, france.sources[0].title, france.sources[0].year) == (31.5, 'Your own figure', 2025)
    assert france.sources[0].licence == 'own'
    assert grid.intensity(Place.of('DE')).value == float(shipped('grid')['DE']['g_co2e_per_kwh'])


def test_the_factors_of_a_run_follow_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, 'grid', GRID, 'FR,France,31.5,,life-cycle,production,2025,own,own')
    mine = factors_for(Place.of('FR'), Machine()).intensity
    monkeypatch.delenv('HEFTED_TABLES')
    shipped_one = factors_for(Place.of('FR'), Machine()).intensity
    assert mine is not None
    assert shipped_one is not None
    assert (mine.value, shipped_one.value) == (31.5, 44.2)


def test_a_run_does_not_start_on_a_wrong_table(folder: Path) -> None:
    write(folder, 'water', 'country,l_per_kwh,year,source,licence', 'KE,wet,2025,own,own')
    with pytest.raises(ArgumentError, match=r"water.csv in HEFTED_TABLES, line 2: l_per_kwh: .* received 'wet'"):
        factors_for(Place.of('FR'), Machine())


def test_a_row_adds_a_place_and_its_house(folder: Path) -> None:
    write(folder, 'grid', GRID, 'DE-BY,Bavaria,310,,life-cycle,production,2025,own,own')
    write(folder, 'cloud_regions', 'region,code,name,source,licence', 'home:cellar,DE-BY,The cellar,own,own')
    write(folder, 'facility', FACILITY, 'home:cellar,1.3,0,2025,own,own')
    cellar = Place.of('home:cellar')
    assert cellar.subdivision == 'DE-BY'
    assert grid.intensity(cellar).value == 310
    assert facility.pue(cellar, Machine()).value == 1.3
    assert facility.wue(cellar, Machine()).value == 0.0  # cooled by air: a figure, not a gap


def test_a_source_of_their_own_is_told_with_the_figure(folder: Path) -> None:
    write(folder, 'sources', 'key,title,year,url,licence', 'bill,Our utility: disclosure 2025,2025,,own')
    write(folder, 'water', 'country,l_per_kwh,year,source,licence', 'KE,9.1,2025,bill,own')
    kenya = water.off_site(Place.of('KE'))
    assert (kenya.value, kenya.sources[0].title) == (9.1, 'Our utility: disclosure 2025')


def test_a_world_of_their_own_stands_for_what_is_not_known(folder: Path) -> None:
    write(folder, 'world', 'figure,value,low,high,year,source,licence', 'g_co2e_per_kwh,900,,,2025,own,own')
    world = grid.intensity(Place.of(None))
    assert (world.value, world.basis) == (900, 'assumed')
    assert world.low < 100


def test_a_figure_may_be_unsaid_where_another_stands_for_it(folder: Path) -> None:
    write(folder, 'grid', GRID, 'FR,France,,,life-cycle,production,,own,own')
    write(folder, 'facility', FACILITY, 'aws:eu-west-3,,,,own,own')
    paris = Place.of('aws:eu-west-3')
    assert grid.intensity(paris).value == 473
    assert facility.pue(paris, Machine()).sources[0].key == 'pue:aws'


FRANCE = 'FR,France,{},,life-cycle,production,2025,own,own'


@pytest.mark.parametrize(
    ('name', 'lines', 'words'),
    [
        ('grid', ['code,name'], ['grid.csv', 'line 1', 'columns', 'g_co2e_per_kwh', "'code,name'"]),
        ('grid', [GRID, FRANCE.format('many')], ['line 2', 'g_co2e_per_kwh', 'a number above 0', "'many'", 'empty']),
        ('grid', [GRID, FRANCE.format('-3')], ['line 2', 'a number above 0', "'-3'"]),
        ('grid', [GRID, FRANCE.format('0')], ['line 2', 'a number above 0', "'0'", 'not known']),
        ('grid', [GRID, FRANCE.format('nan')], ['line 2', "'nan'"]),
        ('grid', [GRID, '', FRANCE.format(3), FRANCE.format(4)], ['line 4', "'FR'", 'line 3']),
        ('grid', [GRID, FRANCE.format('1,5')], ['line 2', '9 fields', 'comma']),
        ('grid', [GRID, FRANCE.format(3).replace('life-cycle', 'direkt')], ['boundary', "'direct'", "'direkt'"]),
        ('grid', [GRID, FRANCE.format(3).replace('own,', 'owid-embr,')], ['source', "'owid-embr'", "'owid-ember'"]),
        ('grid', [GRID, FRANCE.format(3).replace(',own,own', ',,own')], ['source', 'sources.csv', "''"]),
        ('grid', [GRID, FRANCE.format(3).replace(',own,own', ',own,')], ['licence', "'own'", "''"]),
        ('grid', [GRID, FRANCE.format(3).replace('2025', '2025.5')], ['year', 'whole year', "'2025.5'"]),
        ('grid', [GRID, FRANCE.format(3).replace('FR,', 'QX-A,')], ['QX-A', "row for 'QX'"]),
        ('grid', [GRID, FRANCE.format(3).replace('FR,', ',')], ['code', 'a key']),
        ('grids', [GRID], ["'grids.csv'", "'grid'"]),
        ('water', ['country,l_per_kwh,year,source,licence', 'KE,,2025,own,own'], ['line 2', "''", 'Leave the row out']),
        (
            'parts',
            [','.join(next(iter(shipped('parts').values()))), 'cpu,thread,1,1,1,,,,2025,own,own'],
            ['parts.csv', 'kg_sb_eq', "''", 'Leave the row out'],
        ),
        (
            'world',
            ['figure,value,low,high,year,source,licence', 'pue,1.4,,,2025,own,own'],
            ['world.csv', 'low', 'Leave the row out'],
        ),
        (
            'world',
            ['figure,value,low,high,year,source,licence', 'pue,1.4,0.9,1.8,2025,own,own'],
            ['world.csv', 'low', '1 or more', "'0.9'"],
        ),
        ('facility', [FACILITY, 'home,0,,2025,own,own'], ['facility.csv', 'pue', "'0'"]),
        ('facility', [FACILITY, 'home,0.9,,2025,own,own'], ['pue', '1 or more', "'0.9'"]),
        ('facility', [FACILITY, 'home,1.2,-1,2025,own,own'], ['wue_l_per_kwh', '0 or more', "'-1'"]),
        (
            'server_threads',
            ['group,threads,low,high,systems,year,source,licence', 'any server,64,128,256,1,2025,own,own'],
            ['low', 'at most 64', "'128'"],
        ),
    ],
)
def test_a_wrong_table_is_told_at_once(folder: Path, name: str, lines: list[str], words: list[str]) -> None:
    write(folder, name, *lines)
    with pytest.raises(ArgumentError) as caught:
        table('sources')  # whichever is asked for first
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_region_must_stand_on_a_grid(folder: Path) -> None:
    write(folder, 'cloud_regions', 'region,code,name,source,licence', 'home:x,QQ,Nowhere,own,own')
    with pytest.raises(ArgumentError, match=r"line 2: code: expected a place of grid.csv, received 'QQ'"):
        table('grid')


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_TABLES', str(tmp_path / 'none'))
    with pytest.raises(ArgumentError, match='HEFTED_TABLES: expected a folder with tables'):
        table('grid')


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / 'grid.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ArgumentError, match=r'grid.csv in HEFTED_TABLES: expected a file in UTF-8'):
        table('grid')


@pytest.mark.parametrize('name', sorted(shipped(each.stem) and each.stem for each in own_tables.FOLDER.glob('*.csv')))
def test_each_shipped_table_would_pass_as_ones_own(folder: Path, name: str) -> None:
    (folder / f'{name}.csv').write_bytes((own_tables.FOLDER / f'{name}.csv').read_bytes())
    assert {**table(name), 'own': None}.keys() == {**shipped(name), 'own': None}.keys()


WORLD = 'figure,value,low,high,year,source,licence'
WATER = 'country,l_per_kwh,year,source,licence'
PRICES = 'instance,usd_per_hour,region,date,year,source,licence'


@pytest.mark.parametrize(
    ('name', 'header', 'row', 'remedy'),
    [
        ('grid', GRID, 'FR,France,0.0315,,life-cycle,production,2025,own,own', 'Write grams per kWh'),
        ('grid', GRID, 'FR,France,31500,,life-cycle,production,2025,own,own', 'Write grams per kWh'),
        ('world', WORLD, 'g_co2e_per_kwh,0.47,,,2025,own,own', 'Write grams per kWh'),
        ('world', WORLD, 'pue,0.9,0.8,1.9,2025,own,own', 'cannot use less than its machines'),
        ('water', WATER, 'FR,3670,2025,own,own', 'Write litres per kWh'),
        ('grid', GRID, 'FR,France,31.5,,life-cycle,,2025,own,own', "Write 'production'"),
        (
            'grid',
            GRID,
            'FR,France,31.5,,life-cycle,production,2025,mine,own',
            "Write 'own', or add it to a sources.csv",
        ),
    ],
)
def test_a_figure_in_another_unit_or_a_word_that_is_missing_is_told_with_what_to_write(
    folder: Path, name: str, header: str, row: str, remedy: str
) -> None:
    write(folder, name, header, row)
    with pytest.raises(ArgumentError, match=remedy):
        table(name)


@pytest.mark.parametrize(
    ('name', 'header', 'row', 'remedy'),
    [
        ('grid', GRID, 'fr,France,31.5,,life-cycle,production,2025,own,own', "expected 'FR'"),
        ('world', WORLD, 'PUE,1.2,1.1,1.9,2025,own,own', "Did you mean 'pue'"),
        ('water', WATER, 'US-CA,3,2025,own,own', 'whole countries'),
        ('water', WATER, 'ZZ,3,2025,own,own', 'whole countries'),
        ('facility', FACILITY, 'hall 3,1.2,0.1,2025,own,own', 'in a world.csv'),
        ('facility', FACILITY, 'aws:us-east-9,1.2,0.1,2025,own,own', "Did you mean 'aws:us-east"),
        ('prices', PRICES, 'aws:P9.48xlarge,60,us-east-1,2026-01,2026,own,own', "expected 'aws:p9.48xlarge'"),
    ],
)
def test_a_row_that_nothing_would_ever_ask_for_is_told_and_not_passed_over(
    folder: Path, name: str, header: str, row: str, remedy: str
) -> None:
    write(folder, name, header, row)
    with pytest.raises(ArgumentError, match=remedy):
        table(name)


def test_an_empty_file_is_told(folder: Path) -> None:
    (folder / 'grid.csv').write_text('', 'utf-8')
    with pytest.raises(ArgumentError, match='Begin the file with that line'):
        table('grid')
