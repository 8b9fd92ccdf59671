"""`hefted story`, as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from hefted.cli.main import hefted
from hefted.errors import UnknownNameError


def says(*arguments: str) -> str:
    done = CliRunner().invoke(hefted, ['story', *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_told_from_the_published_figures_to_this_machine():
    said = says('bert')
    for part in ('As published in 2019', 'What is known to be off', 'What 64 V100s draw', 'today', 'this machine'):
        assert part in said
    assert '\x1b' not in said


def test_machines_and_places_are_ones_own():
    said = says('--on', '8xH100', '--place', 'FR', '--place', 'US-VA')
    assert '8 x H100 SXM5 80GB · France' in said
    assert '8 x H100 SXM5 80GB · Virginia' in said
    assert 'this machine' not in said


def test_a_program_gets_every_figure():
    told = json.loads(says('bert', '--on', '8xH100', '--place', 'FR', '--json'))
    assert told['published']['energy']['value'] == 1507
    assert told['now'][0]['forecast']['footprint']['place']['code'] == 'FR'
    assert told['then'][2]['published']['value'] == 15.35


def test_a_picture_is_drawn(tmp_path: Path):
    says('bert', '--on', '8xH100', '--picture', str(tmp_path / 'bert.svg'))
    assert 'BERT base' in (tmp_path / 'bert.svg').read_text('utf-8')


def test_another_story_is_not_known():
    with pytest.raises(UnknownNameError, match='bert'):
        says('bart')


def test_it_is_told_in_half_a_second_and_without_jax(tmp_path: Path, starts: Callable[..., bool]):
    program = """
import sys
sys.argv = ['hefted', 'story', 'bert']
from hefted.cli.main import main
try:
    main()
finally:
    assert not {'jax', 'numpy', 'matplotlib', 'rich'} & set(sys.modules), set(sys.modules)
"""
    environment = os.environ | {'HEFTED_DATA_DIR': str(tmp_path), 'PYTHONUTF8': '1'}
    done = subprocess.run(
        [sys.executable, '-c', program], env=environment, capture_output=True, text=True, encoding='utf-8'
    )
    assert done.returncode == 0, done.stderr
    assert '64 V100' in done.stdout
    assert starts(environment, '-c', program, within=50)
