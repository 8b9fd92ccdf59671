"""Places: what a person may write, who said it, and what is refused."""

import json

import pytest

from hefted.errors import ArgumentError, UnknownNameError
from hefted.footprint import place
from hefted.footprint.place import Place


@pytest.mark.parametrize(
    ('said', 'code', 'country', 'subdivision', 'region'),
    [
        ('FR', 'FR', 'FR', None, None),
        ('france', 'FR', 'FR', None, None),
        ('US-WA', 'US-WA', 'US', 'US-WA', None),
        ('us-va', 'US-VA', 'US', 'US-VA', None),
        ('Georgia', 'GE', 'GE', None, None),
        ('DE-BY', 'DE-BY', 'DE', 'DE-BY', None),
        ('SE-SE3', 'SE-SE3', 'SE', 'SE-SE3', None),
        ('aws:us-west-2', 'US-OR', 'US', 'US-OR', 'aws:us-west-2'),
        (' AWS:eu-west-3 ', 'FR', 'FR', None, 'aws:eu-west-3'),
        ('gcp:us-west2', 'US-CA', 'US', 'US-CA', 'gcp:us-west2'),
        ('47.6, -122.3', 'US-WA', 'US', 'US-WA', None),
        ('0, -30', 'world', None, None, None),
        ('uk', 'GB', 'GB', None, None),
        ('USA', 'US', 'US', None, None),
        ('EL', 'GR', 'GR', None, None),
        ('world', 'world', None, None, None),
    ],
)
def test_a_place_is_found_by_what_people_call_it(said, code, country, subdivision, region) -> None:
    found = Place.of(said)
    assert (found.code, found.country, found.subdivision, found.cloud_region) == (
        code,
        country,
        subdivision,
        region,
    )
    assert Place(said) == found


def test_coordinates_tell_the_country_where_it_is_beyond_doubt() -> None:
    there = Place.of('-33.87,151.21')
    assert (there.latitude, there.longitude, there.code) == (-33.87, 151.21, 'AU')
    assert str(there) == 'Australia (33.87° S, 151.21° E)'
    assert (there.basis, there.hint) == ('measured', None)


def test_coordinates_near_a_border_are_not_guessed_and_say_what_to_choose_from() -> None:
    geneva = Place.of('46.2,6.15')
    assert (geneva.code, geneva.basis, str(geneva)) == ('world', 'assumed', '46.2° N, 6.15° E')
    assert geneva.hint is not None
    assert geneva.hint.startswith(
        "The coordinates do not tell one grid: say which it is, such as place='CH' or place='FR'"
    )
    sea = Place.of('0,-40')
    assert sea.hint is not None
    assert 'no grid known here' in sea.hint


def test_a_place_may_be_said_by_code_and_by_coordinates() -> None:
    there = Place('CH', latitude=46.2, longitude=6.15)
    assert (there.code, there.name, there.latitude, there.hint) == ('CH', 'Switzerland', 46.2, None)


def test_what_a_person_adds_about_a_place_is_kept() -> None:
    there = Place('US-WA', land='Duwamish land', datacentre='basement')
    assert (there.name, there.land, there.datacentre) == (
        'Washington, United States',
        'Duwamish land',
        'basement',
    )


@pytest.mark.parametrize(
    ('said', 'near'),
    [
        ('frnace', 'france'),
        ('US-ZZ', 'us-'),
        ('us-west-2', 'aws:us-west-2'),
        ('aws:us-west2', 'aws:us-west-2'),
    ],
)
def test_an_unknown_place_is_refused_with_the_nearest_names(said: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match='Unknown place') as caught:
        Place.of(said)
    assert f"Did you mean '{near}" in str(caught.value).lower().replace('did', 'Did')


@pytest.mark.parametrize('said', ['100,0', '0,181', 'nan,0'])
def test_coordinates_off_the_globe_are_refused(said: str) -> None:
    with pytest.raises(ArgumentError, match='within ±90'):
        Place.of(said)


def test_what_is_not_a_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match='received 5'):
        place.find(5)  # pyright: ignore


def test_the_argument_goes_before_the_environment_and_that_before_the_settings_file() -> None:
    environ, config = {'HEFTED_PLACE': 'FR'}, {'place': 'DE'}
    found = [
        place.find('US-WA', environ, config),
        place.find(None, environ, config),
        place.find(None, {}, config),
        place.find(None, {}, {}),
    ]
    assert [one.code for one in found] == ['US-WA', 'FR', 'DE', 'world']
    assert [one.known_by for one in found] == ['argument', 'environment', 'settings', 'assumed']
    assert [one.basis for one in found] == ['measured', 'measured', 'measured', 'assumed']


def test_a_place_that_was_made_is_taken_as_it_is() -> None:
    mine = Place('FR', land='mine')
    assert place.find(mine, {'HEFTED_PLACE': 'DE'}) is mine


def test_the_error_names_who_said_the_place() -> None:
    with pytest.raises(UnknownNameError, match='Unknown HEFTED_PLACE'):
        place.find(None, {'HEFTED_PLACE': 'Atlantis'}, {})
    with pytest.raises(UnknownNameError, match='place in the settings file'):
        place.find(None, {}, {'place': 'Atlantis'})


def test_where_no_name_is_near_the_form_of_one_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown place: 'XX'. Expected a country \('FR'\).*aws:us-west-2"):
        Place('XX')


def test_an_assumed_place_says_how_to_set_it_and_a_known_one_does_not() -> None:
    nowhere = Place.of(None)
    assert str(nowhere) == 'the world (assumed)'
    assert nowhere.hint is not None
    assert 'HEFTED_PLACE' in nowhere.hint
    assert Place('FR').hint is None


@pytest.mark.parametrize('said', ['FR', 'aws:us-west-2', '47.6,-122.3', None])
def test_a_place_survives_json(said: str | None) -> None:
    there = Place.of(said)
    assert Place.from_json({**json.loads(json.dumps(there.to_json())), 'from the future': 1}) == there


def test_a_bare_region_of_a_cloud_is_refused_with_the_clouds_that_have_one() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'aws:us-east-1'\? A cloud's region"):
        Place.of('US-EAST-1')


def test_the_project_goes_between_the_environment_and_the_settings_file() -> None:
    config, project = {'place': 'DE'}, {'place': 'SE-SE3'}
    found = place.find(None, {}, config, project)
    assert (found.code, found.known_by) == ('SE-SE3', 'project')
    assert place.find(None, {'HEFTED_PLACE': 'FR'}, config, project).known_by == 'environment'


def test_whose_land_it_is_comes_from_whoever_says_so_first() -> None:
    found = place.find('US-WA', {}, {'land': 'theirs'}, {'land': 'Duwamish land'})
    assert (found.land, found.land_known_by, found.known_by) == ('Duwamish land', 'project', 'argument')
    mine = place.find(Place('US-WA', land='mine'), {'HEFTED_LAND': 'theirs'}, {})
    assert (mine.land, mine.land_known_by) == ('mine', 'argument')
    nobody = place.find('US-WA', {}, {})
    assert (nobody.land, nobody.land_known_by) == (None, None)


def test_the_land_that_is_said_beside_a_place_holds_for_that_place_alone() -> None:
    config = {'place': 'US-WA', 'land': 'Duwamish land'}
    assert place.find(None, {}, config).land == 'Duwamish land'
    assert place.find('us-wa', {}, config).land == 'Duwamish land'
    assert place.find('FR', {}, config).land is None
    assert place.find('FR', {'HEFTED_LAND': 'mine'}, config).land == 'mine'


def test_a_wish_to_ask_for_the_land_is_no_land() -> None:
    assert place.find('US-WA', {'HEFTED_LAND': 'Ask'}, {}).land is None


def test_a_declared_land_survives_json() -> None:
    there = place.find('FR', {'HEFTED_LAND': 'mine'}, {})
    assert Place.from_json(json.loads(json.dumps(there.to_json()))) == there
