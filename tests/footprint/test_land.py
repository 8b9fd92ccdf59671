"""Whose land: what is declared is kept, what a service answers is shown with its caveats, and nothing else happens."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hefted.errors import ArgumentError
from hefted.footprint import land
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place

KEY = 'key-that-nobody-may-see'
SRC = Path(__file__).parents[2] / 'src'


def feature(name, link=None):
    properties = {'Name': name, 'FrenchName': name, 'Slug': 'x', 'description': link, 'color': '#ffffff'}
    outline = {'type': 'Polygon', 'coordinates': [[[-122.0, 47.0], [-123.0, 47.0], [-122.0, 48.0], [-122.0, 47.0]]]}
    return {'type': 'Feature', 'id': 'abc', 'properties': properties, 'geometry': outline}


DUWAMISH = 'https://native-land.ca/maps/territories/duwamish/'
FOUND = [feature('Duwamish', DUWAMISH), feature('Coast Salish', 'https://native-land.ca/maps/territories/salish/')]


def test_a_position_is_sent_to_a_tenth_of_a_degree_latitude_first(service):
    service.says(FOUND)
    answer = land.ask(47.60621, -122.33207, KEY, address=service.address)
    ((method, path, headers),) = service.asked
    assert (method, path) == ('GET', f'/api/index.php?maps=territories&position=47.6%2C-122.3&key={KEY}')
    assert headers['cache-control'] == 'no-store'
    assert answer.territories[0] == ('Duwamish', DUWAMISH)
    assert [each.name for each in answer.territories] == ['Duwamish', 'Coast Salish']
    assert 'do not represent or intend to represent official or legal boundaries' in answer.disclaimer
    assert 'Native Land Digital' in answer.credit


def test_where_nothing_is_mapped_the_answer_is_empty(service):
    service.says([])
    assert land.ask(0.0, -0.01, KEY, address=service.address).territories == ()
    assert 'position=0.0%2C0.0' in service.asked[0][1]


def test_names_and_links_are_shown_only_as_far_as_they_are_harmless(service):
    service.says(
        [
            feature('Du\u001b[31mwamish\r\n\u202e' + 'x' * 1000, 'javascript:alert(1)'),
            feature('Other', 'https://native-land.ca.evil.example/'),
            feature(None),
            feature(5),
            'junk',
            {'properties': None},
            feature('Other', None),
        ]
    )
    found = land.ask(47.6, -122.3, KEY, address=service.address).territories
    assert [each.link for each in found] == [None, None]
    assert all(each.name.isprintable() and len(each.name) <= 120 for each in found)
    assert found[1].name == 'Other'


@pytest.mark.parametrize('answer', [{'error': 'x'}, 'null', '"x"', '5', '<html>'])
def test_what_is_no_list_is_refused(service, answer):
    service.says(answer)
    with pytest.raises(Unanswered, match='Native Land Digital sent what is no'):
        land.ask(47.6, -122.3, KEY, address=service.address)


@pytest.mark.parametrize('status', [302, 401, 403, 429, 500])
def test_a_failure_tells_neither_the_key_nor_the_position(service, status, caplog):
    caplog.set_level(logging.DEBUG)
    service.says({}, status=status, Location='https://example.org')
    with pytest.raises(Unanswered) as caught:
        land.ask(47.6, -122.3, KEY, address=service.address)
    assert KEY not in caught.value.reason + caplog.text
    assert '47.6' not in caught.value.reason + caplog.text


def test_a_key_and_a_position_on_the_globe_are_wanted(service):
    with pytest.raises(ArgumentError, match='NATIVE_LAND_KEY: expected your key'):
        land.ask(47.6, -122.3, '', address=service.address)
    with pytest.raises(ArgumentError, match='within ±90'):
        land.ask(122.3, 47.6, KEY, address=service.address)
    assert service.asked == []


@pytest.mark.parametrize(
    ('wish', 'place'),
    [
        ('', Place.of('47.6,-122.3')),
        ('Duwamish land', Place.of('47.6,-122.3')),
        ('ask', Place('US-WA')),
        ('ask', Place('47.6,-122.3', land='mine')),
    ],
)
def test_nothing_is_asked_unless_the_user_wants_it_for_coordinates(service, monkeypatch, wish, place):
    monkeypatch.setenv('HEFTED_LAND', wish)
    monkeypatch.setenv('HEFTED_LAND_URL', service.address)
    assert land.told(place, {'NATIVE_LAND_KEY': KEY}) is None
    assert service.asked == []


def test_a_user_who_wants_it_is_told(service, monkeypatch):
    monkeypatch.setenv('HEFTED_LAND', 'ask')
    monkeypatch.setenv('HEFTED_LAND_URL', service.address)
    service.says(FOUND)
    answer = land.told(Place.of('47.6,-122.3'), {'NATIVE_LAND_KEY': KEY})
    assert len(answer.territories) == 2
    with pytest.raises(ArgumentError, match='NATIVE_LAND_KEY'):
        land.told(Place.of('47.6,-122.3'), {})


def command(folder, service, *arguments, **environment):
    own = {'PYTHONPATH': str(SRC), 'HOME': str(folder), 'NATIVE_LAND_KEY': KEY, 'HEFTED_LAND_URL': service.address}
    return subprocess.run(
        [sys.executable, '-m', 'hefted', *arguments],
        cwd=folder,
        env=os.environ | own | environment,
        capture_output=True,
        text=True,
    )


def test_the_command_shows_names_links_and_the_services_own_caveats_and_keeps_nothing(tmp_path, service):
    service.says(FOUND)
    done = command(
        tmp_path, service, 'land', '-33.9,151.2', HEFTED_DATA_DIR=str(tmp_path), HEFTED_CACHE_DIR=str(tmp_path)
    )
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith('At -33.9,151.2, to a tenth of a degree:\n  Duwamish  ' + DUWAMISH)
    assert 'official or legal boundaries' in ' '.join(done.stdout.split())
    assert 'Native Land Digital' in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_the_position_of_the_place_that_is_set(tmp_path, service):
    service.says([])
    done = command(tmp_path, service, 'land', HEFTED_PLACE='47.6,-122.3')
    assert done.stdout.startswith('No territory is mapped at 47.6,-122.3.')


@pytest.mark.parametrize(
    ('arguments', 'environment', 'code', 'words'),
    [
        (['US-WA'], {}, 2, 'expected coordinates'),
        ([], {'HEFTED_PLACE': 'FR'}, 2, "received 'France'"),
        (['47.6,-122.3'], {'NATIVE_LAND_KEY': ''}, 2, 'native-land.ca/auth/signup'),
        (['47.6,-122.3'], {}, 1, 'status 500'),
    ],
)
def test_the_command_says_in_one_line_what_it_lacks(tmp_path, service, arguments, environment, code, words):
    service.says({}, status=500)
    done = command(tmp_path, service, 'land', *arguments, **environment)
    assert (done.returncode, done.stdout) == (code, '')
    assert words in done.stderr
    assert done.stderr.count('\n') == 1
    assert KEY not in done.stderr


def test_a_receipt_shows_whose_land_it_is_where_the_user_wants_that_and_the_journal_never_holds_it(tmp_path, service):
    folder = {'HEFTED_DATA_DIR': str(tmp_path), 'HEFTED_CACHE_DIR': str(tmp_path)}
    program = "from hefted import meter\nwith meter('work', place='47.6,-122.3'): pass"
    subprocess.run(
        [sys.executable, '-c', program], env=os.environ | folder | {'PYTHONPATH': str(SRC)}, check=True, timeout=60
    )
    assert 'Native Land' not in command(tmp_path, service, 'receipt', **folder).stdout
    service.says(FOUND)
    told = command(tmp_path, service, 'receipt', HEFTED_LAND='ask', **folder)
    assert 'Duwamish  ' + DUWAMISH in told.stdout
    assert 'official or legal boundaries' in ' '.join(told.stdout.split())
    service.says({}, status=500)
    failed = command(tmp_path, service, 'receipt', HEFTED_LAND='ask', **folder)
    assert (failed.returncode, 'status 500' in failed.stderr) == (0, True)
    assert failed.stdout.startswith('Hefted · meter · work')
    assert 'Duwamish' not in ''.join(file.read_text() for file in tmp_path.rglob('*.jsonl'))
