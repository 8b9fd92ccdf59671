"""Carbon intensity: one boundary for all rows, intervals wide enough."""

import subprocess
import sys

import pytest

from hefted.footprint import grid
from hefted.footprint.place import Place
from hefted.footprint.tables import table
from hefted.quantities import Quantity


def test_every_cloud_region_stands_in_a_grid_that_is_known() -> None:
    assert {row['code'] for row in table('cloud_regions').values()} <= set(table('grid'))


@pytest.mark.parametrize('code', list(table('grid')))
def test_every_grid_has_an_interval_around_a_plausible_value(code: str) -> None:
    there = grid.intensity(Place(code))
    assert 15 <= there.value <= 1400
    assert there.low < there.value < there.high
    # A run of an hour is never known better than this from a year's mean.
    assert there.high / there.low > 1.7
    assert there.unit == 'g CO2e/kWh'


def test_a_country_is_modelled_from_its_own_row_with_source_and_year() -> None:
    france = grid.intensity(Place('FR'))
    assert (france.value, france.basis) == (44.2, 'modelled')
    assert france.low < 56 < france.high  # the vintage before
    assert (france.sources[0].key, france.sources[0].year, france.sources[0].licence) == (
        'grid:FR',
        2024,
        'CC-BY-4.0',
    )


# Consumption-based life-cycle figures of 2024, derived from the zones' published mixes; none is shipped.
@pytest.mark.parametrize(
    ('code', 'elsewhere'),
    [
        ('US-VA', 398),
        ('US-WV', 398),
        ('US-VT', 301),
        ('US-TX', 396),
        ('US-CA', 220),
        ('US-WA', 131),
        ('CA-AB', 403),
        ('CA-ON', 91),
        ('CA-QC', 35),
        ('NO-NO1', 33),
    ],
)
def test_a_subdivision_covers_what_it_uses_of_its_neighbours(code: str, elsewhere: float) -> None:
    there = grid.intensity(Place(code))
    assert there.low <= elsewhere <= there.high


def test_direct_rows_are_brought_to_the_life_cycle() -> None:
    virginia = grid.intensity(Place('US-VA'))
    assert virginia.value == pytest.approx(1.16 * 244.8 + 23)
    assert 'direct 244.8 g/kWh brought to the life cycle' in virginia.sources[0].title
    assert 'direct' not in grid.intensity(Place('US')).sources[0].title


def test_an_unknown_place_is_as_wide_as_the_world() -> None:
    world = grid.intensity(Place.of(None))
    assert world.basis == 'assumed'
    assert 458 <= world.value <= 475
    assert world.sources[0].year == 2024
    countries = [float(r['g_co2e_per_kwh']) for c, r in table('grid').items() if len(c) == 2 and r['g_co2e_per_kwh']]
    outside = [value for value in countries if not world.low <= value <= world.high]
    assert 0.08 < len(outside) / len(countries) < 0.12
    assert grid.intensity(Place.of('0,-30')) == world


def test_a_country_without_a_figure_is_assumed_to_be_the_world() -> None:
    assert table('grid')['CF']['g_co2e_per_kwh'] == ''
    assert grid.intensity(Place('CF')) == grid.intensity(Place.of(None))


def test_coordinates_have_the_grid_of_where_they_lie() -> None:
    assert grid.intensity(Place.of('47.6,-122.3')) == grid.intensity(Place('US-WA'))


def test_a_subdivision_that_is_not_listed_has_its_countrys_grid() -> None:
    assert grid.intensity(Place('DE-BY')) == grid.intensity(Place('DE'))


def test_carbon_carries_the_errors_of_energy_and_of_grid() -> None:
    from hefted.quantities import Source

    energy = Quantity.between(36, 30, 45, 'J', source=Source('cpu', 'CPU model'))
    told = grid.carbon(energy, Place('FR'))
    assert told.unit == 'g CO2e'
    assert told.value == pytest.approx(36 / 3.6e6 * 44.2)
    assert {source.key for source in told.sources} == {'cpu', 'grid:FR'}
    assert {error.source for error in told.errors} == {'cpu', 'grid:FR'}
    france = grid.intensity(Place('FR'))
    assert told.high / told.value > max(france.high / france.value, 45 / 36)


def test_runs_at_one_place_share_its_error_and_runs_at_two_do_not() -> None:
    kilowatt_hour = Quantity(1, 'kWh')
    here, there = (grid.carbon(kilowatt_hour, Place(code)) for code in ('FR', 'DE'))
    assert (here + here).high == pytest.approx(2 * here.high)
    assert (here + there).high < here.high + there.high


def test_pricing_a_footprint_needs_neither_jax_nor_the_meter() -> None:
    program = (
        'import sys; from hefted.footprint import grid, place, equivalents; grid.intensity(place.find("FR"));'
        'print([name for name in ("jax", "numpy", "csv", "rich", "hefted.metering") if name in sys.modules])'
    )
    told = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == '[]'


def test_an_island_that_lives_on_its_neighbours_power_is_told_what_it_uses_and_not_what_it_makes():
    makes, buys = 44.6, 268.7  # its own wind; New Brunswick, whose cable brings three quarters
    island = grid.intensity(Place.of('CA-PE'))
    assert island.value == pytest.approx(0.25 * makes + 0.75 * buys, abs=0.1)
    assert island.low < 212 < buys < island.high


def test_a_part_of_a_country_with_several_grids_is_assumed_and_as_wide_as_such_parts_lie_apart():
    country, part = grid.intensity(Place.of('AU')), grid.intensity(Place.of('AU-SA'))
    assert (country.basis, part.basis) == ('modelled', 'assumed')
    assert part.value == country.value
    assert part.low < 230 < 290 < country.low  # South Australia: wind and sun (its government's 230, direct)
    assert part.high > 916  # Victoria: lignite
    assert 'of the whole country' in part.sources[0].title
