"""What a project's pyproject.toml says: found upwards, no further than the project, and refused where it is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hefted.errors import ArgumentError, UnknownNameError
from hefted.footprint import project

SRC = Path(__file__).parents[2] / 'src'
TABLE = "[tool.hefted]\nplace = 'US-WA'\nland = 'Duwamish land'\n"


def says(folder, home):
    project._found.clear()
    return project.says(str(folder), str(home))


def test_it_is_found_from_a_folder_below(tmp_path):
    (tmp_path / 'pyproject.toml').write_text("[project]\nname = 'x'\n" + TABLE)
    below = tmp_path / 'src' / 'x'
    below.mkdir(parents=True)
    assert says(below, tmp_path.parent) == {'place': 'US-WA', 'land': 'Duwamish land'}


def test_a_nearer_file_without_the_table_hides_nothing(tmp_path):
    (tmp_path / 'pyproject.toml').write_text(TABLE)
    (tmp_path / 'part').mkdir()
    (tmp_path / 'part' / 'pyproject.toml').write_text("[project]\ndependencies = ['hefted']\n")
    assert says(tmp_path / 'part', tmp_path)['place'] == 'US-WA'


@pytest.mark.parametrize(
    'text',
    [
        "[tool]\nhefted.place = 'FR'\n",
        "tool.hefted.place = 'FR'\n",
        "[tool]\nhefted = {place = 'FR'}\n",
        "['tool'.\"hefted\"]\nplace = 'FR'\n",
        "[ tool . hefted ]\nplace = 'FR'\n",
    ],
)
def test_it_is_heard_however_it_is_written(tmp_path, text):
    (tmp_path / 'pyproject.toml').write_text(text)
    assert says(tmp_path, tmp_path) == {'place': 'FR'}


def test_a_project_that_only_depends_on_it_pays_for_no_parser(tmp_path, monkeypatch):
    text = "[project]\ndependencies = [\n    'hefted>=1',\n]\n\n[tool.ruff]\nline-length = 100\n"
    (tmp_path / 'pyproject.toml').write_text(text)
    monkeypatch.setattr(project, '_parsed', lambda content: pytest.fail('it was parsed'))
    assert says(tmp_path, tmp_path) == {}


@pytest.mark.parametrize('end', ['.git', 'home'])
def test_nothing_above_a_repositorys_root_or_the_home_folder_is_read(tmp_path, end):
    (tmp_path / 'pyproject.toml').write_text(TABLE)
    top = tmp_path / 'top'
    (top / 'below').mkdir(parents=True)
    if end == '.git':
        (top / '.git').mkdir()
    assert says(top / 'below', top if end == 'home' else '/nowhere') == {}
    (top / 'pyproject.toml').write_text("[tool.hefted]\nplace = 'FR'\n")
    assert says(top / 'below', top if end == 'home' else '/nowhere') == {'place': 'FR'}


@pytest.mark.skipif(not hasattr(os, 'getuid') or os.getuid() != 0, reason='only root may give a file away')
def test_a_file_that_another_user_left_is_passed_over(tmp_path):
    (tmp_path / 'pyproject.toml').write_text(TABLE)
    os.chown(tmp_path / 'pyproject.toml', 12345, -1)
    assert says(tmp_path, tmp_path) == {}


@pytest.mark.parametrize(
    ('text', 'error', 'words'),
    [
        ("[tool.hefted]\nmeter = 'off'", UnknownNameError, ['meter', 'pyproject.toml', 'config.toml']),
        ("[tool.hefted]\nplase = 'FR'", UnknownNameError, ["Did you mean 'place'?"]),
        ('[tool.hefted]\nplace = 5', ArgumentError, ['place', 'pyproject.toml', 'string', '5']),
        ("[tool.hefted]\nland = 'ask'", ArgumentError, ['land', 'HEFTED_LAND=ask']),
        ("[tool]\nhefted = 'FR'", ArgumentError, ['tool.hefted', 'table']),
        ('[tool.hefted', ArgumentError, ['pyproject.toml', 'TOML']),
    ],
)
def test_a_wrong_file_is_told_by_name_expected_and_received(tmp_path, text, error, words):
    (tmp_path / 'pyproject.toml').write_text(text)
    with pytest.raises(error) as caught:
        says(tmp_path, tmp_path)
    assert all(word in str(caught.value) for word in words)


def test_a_folder_that_was_removed_says_nothing(tmp_path):
    code = 'import os, sys; os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone"); from hefted.footprint import place'
    code += '; print(place.find().known_by)'
    environment = os.environ | {'PYTHONPATH': str(SRC)}
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ('assumed', '')


def test_a_process_reads_it_and_where_there_is_none_no_parser_is_imported(tmp_path):
    code = (
        'import sys; from hefted.footprint import place; found = place.find();'
        'print(found.code, found.known_by, found.land, found.land_known_by, "tomllib" in sys.modules)'
    )
    environment = os.environ | {'PYTHONPATH': str(SRC), 'HOME': str(tmp_path)}
    command = [sys.executable, '-c', code]
    (tmp_path / 'a').mkdir()
    there = subprocess.run(command, cwd=tmp_path / 'a', env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == ['world', 'assumed', 'None', 'None', 'False']
    (tmp_path / 'pyproject.toml').write_text(TABLE)
    there = subprocess.run(command, cwd=tmp_path / 'a', env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == ['US-WA', 'project', 'Duwamish', 'land', 'project', 'True']


@pytest.mark.parametrize(
    ('environment', 'found'),
    [
        ({}, ['US-WA', 'settings', 'Duwamish land', 'settings']),
        ({'HEFTED_PLACE': 'FR'}, ['FR', 'environment', None, None]),
        ({'HEFTED_PLACE': 'FR', 'HEFTED_LAND': 'mine'}, ['FR', 'environment', 'mine', 'environment']),
        ({'HEFTED_LAND': 'mine'}, ['US-WA', 'settings', 'mine', 'environment']),
    ],
)
def test_a_process_hears_the_settings_file_after_the_environment(tmp_path, environment, found):
    code = (
        'import json; from hefted.footprint import place; p = place.find();'
        'print(json.dumps([p.code, p.known_by, p.land, p.land_known_by]))'
    )
    (tmp_path / 'hefted').mkdir()
    (tmp_path / 'hefted' / 'config.toml').write_text("place = 'US-WA'\nland = 'Duwamish land'\n")
    whole = os.environ | {'PYTHONPATH': str(SRC), 'HOME': str(tmp_path), 'XDG_CONFIG_HOME': str(tmp_path)} | environment
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=whole, capture_output=True, text=True)
    assert (json.loads(done.stdout), done.stderr) == (found, '')


def test_a_budget_needs_a_name_that_its_runs_are_counted_under(tmp_path):
    file = tmp_path / 'pyproject.toml'
    file.write_text("[project]\nname = 'whales'\n[tool.hefted]\nbudget = '10 kWh'")
    assert says(tmp_path, tmp_path) == {'budget': '10 kWh', 'project': 'whales'}


@pytest.mark.parametrize(
    ('table', 'words'),
    [
        ("budget = '10 kWh'", ['budget in [tool.hefted]', "project = 'whales'"]),
        ("budget = '10 kWh'\nproject = '/home/me/whales'", ['project in [tool.hefted]', 'a short name', 'no path']),
    ],
)
def test_a_budget_without_a_short_name_is_refused(tmp_path, table, words):
    (tmp_path / 'pyproject.toml').write_text(f'[tool.hefted]\n{table}')
    with pytest.raises(ArgumentError) as caught:
        says(tmp_path, tmp_path)
    assert all(word in str(caught.value) for word in words)
