"""What a house adds: the region's own year, the cloud's mean, the survey's, or nothing at home."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint import facility, water
from hefted.footprint.place import Place
from hefted.footprint.tables import table
from hefted.metering.machine import Machine
from hefted.quantities import Quantity

SERVER = Machine()


def test_a_region_that_publishes_its_year_has_its_own_figures() -> None:
    tokyo = Place.of('aws:ap-northeast-1')
    pue, wue = facility.pue(tokyo, SERVER), facility.wue(tokyo, SERVER)
    assert (pue.value, pue.basis, pue.sources[0].key, pue.sources[0].year) == (
        1.27,
        'modelled',
        'pue:aws:ap-northeast-1',
        2024,
    )
    assert (wue.value, wue.unit) == (0.91, 'L/kWh')
    assert 1 < pue.low < 1.27 < pue.high


def test_a_region_that_publishes_none_has_its_clouds_mean_as_wide_as_its_regions() -> None:
    quiet = Place.of('aws:eu-south-1')
    told = facility.pue(quiet, SERVER)
    assert (told.value, told.sources[0].key) == (1.14, 'pue:aws')
    assert (told.low, told.high) == pytest.approx((1.07, 1.46))


def test_a_machine_that_its_firmware_places_in_a_cloud_needs_no_region() -> None:
    told = facility.pue(Place.of('FR'), Machine(virtual=True, provider='gcp'))
    assert told.value == 1.09


def test_google_publishes_no_water_by_region_so_the_industrys_is_assumed() -> None:
    assert facility.wue(Place.of('gcp:us-central1'), SERVER).basis == 'assumed'


@pytest.mark.parametrize('machine', [SERVER, Machine('gpu-server'), Machine(virtual=True)])
def test_a_server_of_unknown_house_has_the_surveys_mean_assumed_and_wide(machine: Machine) -> None:
    told = facility.pue(Place.of('DE'), machine)
    assert (told.value, told.basis) == (1.56, 'assumed')
    assert (told.low, told.high) == pytest.approx((1.1, 1.9))
    assert '2024' in told.sources[0].title


@pytest.mark.parametrize('kind', ['laptop', 'desktop'])
def test_at_home_there_is_no_overhead_exactly(kind: str) -> None:
    machine = Machine(kind)  # type: ignore[arg-type]
    assert facility.pue(Place.of('DE'), machine).value == facility.pue(Place.of('DE'), machine).high == 1.0
    assert facility.wue(Place.of('DE'), machine).high == 0.0


def test_a_desktops_board_in_a_cloud_stands_in_a_data_centre_all_the_same() -> None:
    assert facility.pue(Place.of('aws:us-east-1'), Machine('desktop')).value == 1.15


@given(st.sampled_from([key for key in table('facility') if ':' in key]))
def test_no_house_gives_energy_back_and_no_interval_is_empty(region: str) -> None:
    place = Place.of(region)
    pue, wue = facility.pue(place, SERVER), facility.wue(place, SERVER)
    assert 1.0 < pue.low < pue.value < pue.high < 2.0
    assert 0.0 < wue.low < wue.value < wue.high


def test_water_of_a_country_is_within_a_factor_of_two_and_says_what_it_includes() -> None:
    brazil = water.off_site(Place.of('BR'))
    assert (brazil.value, brazil.basis) == (18.603, 'modelled')
    assert (brazil.low, brazil.high) == pytest.approx((18.603 / 2, 18.603 * 2))
    assert 'evaporation from reservoirs' in brazil.sources[0].title


def test_water_of_a_place_without_a_figure_is_the_worlds_as_wide_as_the_countries() -> None:
    for place in ('world', 'KE'):
        told = water.off_site(Place.of(place))
        assert (told.value, told.basis) == (3.908, 'assumed')
        assert told.low < 1.6 < 12 < told.high
    assert len(table('water')) == 49  # those of the paper; defaults that others filled in are left out


def test_a_state_has_its_countrys_water() -> None:
    assert water.off_site(Place.of('US-WA')) == water.off_site(Place.of('US'))


def test_water_of_energy_is_litres() -> None:
    assert (Quantity(2, 'kWh') * water.off_site(Place.of('FR'))).to('L').value == pytest.approx(7.348)


def test_an_interval_holds_what_the_same_region_published_for_the_year_before() -> None:
    for region, before in (('aws:eu-central-1', 1.35), ('aws:ap-southeast-3', 1.40), ('gcp:asia-southeast1', 1.16)):
        now = facility.pue(Place.of(region), Machine())
        assert now.low < before < now.high + 0.005, region
    assert facility.wue(Place.of('aws:us-west-2'), Machine()).high > 0.3
