"""Positions: a code only where there is no doubt, and never that of the neighbour."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hefted.footprint
from hefted.footprint import cells
from hefted.footprint.place import Place
from hefted.footprint.tables import table

TOWNS = [
    (48.86, 2.35, 'FR'),
    (52.52, 13.40, 'DE'),
    (51.51, -0.13, 'GB'),
    (40.42, -3.70, 'ES'),
    (59.33, 18.07, 'SE'),
    (35.68, 139.69, 'JP'),
    (-33.87, 151.21, 'AU'),
    (-23.55, -46.63, 'BR'),
    (19.08, 72.88, 'IN'),
    (-1.29, 36.82, 'KE'),
    (6.52, 3.38, 'NG'),
    (37.57, 126.98, 'KR'),
    (47.61, -122.33, 'US-WA'),
    (37.77, -122.42, 'US-CA'),
    (41.88, -87.63, 'US-IL'),
    (29.76, -95.37, 'US-TX'),
    (39.04, -77.49, 'US-VA'),
    (45.50, -73.57, 'CA-QC'),
    (51.05, -114.07, 'CA-AB'),
    (31.23, 121.47, 'CN-SH'),
    (30.57, 104.07, 'CN-SC'),
    (64.15, -21.94, 'IS'),
    (-20.88, 55.45, 'RE'),
    (71.29, -156.79, 'US-AK'),
    (21.31, -157.86, 'US-HI'),
]
# Near a border, disputed, or the sea.
DOUBTFUL = [(46.2, 6.15), (47.56, 7.59), (38.9, -77.04), (45.0, 34.1), (22.54, 114.06), (32.5, -117.04), (0, -30)]


@pytest.mark.parametrize(('latitude', 'longitude', 'code'), TOWNS)
def test_a_town_has_its_own_code_or_none(latitude, longitude, code):
    found = cells.code_at(latitude, longitude)
    assert found in (code, None)
    if found is None:  # then it is one of those that a person is told to choose from
        assert code in cells.near(latitude, longitude)


def test_most_towns_have_one():
    assert sum(cells.code_at(latitude, longitude) is not None for latitude, longitude, _ in TOWNS) > 0.7 * len(TOWNS)


@pytest.mark.parametrize(('latitude', 'longitude'), DOUBTFUL)
def test_where_there_is_doubt_there_is_no_code(latitude, longitude):
    assert cells.code_at(latitude, longitude) is None


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_position_on_the_globe_is_a_place_with_a_grid(latitude, longitude):
    there = Place.of(f'{latitude!r},{longitude!r}')
    assert there.code == 'world' or there.code in table('grid')
    assert (there.latitude, there.longitude) == (latitude, longitude)


def test_the_table_is_whole_and_small():
    for south in table('cells'):
        assert len(cells._row(float(south))) == 720
    assert Path(hefted.footprint.__file__).parent.joinpath('tables', 'cells.csv').stat().st_size < 61_440
