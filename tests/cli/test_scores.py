"""`hefted ledger --scores`, as a person and as a program uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hefted.cli.main import hefted

from ..ledger.forecasted import fit, forecast


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))


def says(*arguments: str) -> str:
    done = CliRunner().invoke(hefted, ['ledger', '--scores', *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_where_no_forecast_was_made_that_is_said():
    assert says() == 'No forecast has been kept yet. Each fit makes one before its first step.\n'
    assert json.loads(says('--json')) == {'duration': {}, 'later': {}, 'measured_energy': {}, 'scored': [], 'apart': []}


def test_forecasts_are_told_beside_what_their_runs_took_without_colours_in_a_pipe():
    fit(forecast(10.0), name='small')
    fit(forecast(20.0), status='stopped')
    said = says()
    assert '1 run with a forecast finished. Not scored, as less was done than foreseen: 1 stopped.' in said
    assert 'small' in said
    assert '10 s (8 to 13)' in said
    assert '\x1b' not in said


def test_only_the_newest_are_listed_unless_all_are_asked_for():
    for _ in range(22):
        fit(forecast(10.0), name='one-of-many')
    assert says().count('one-of-many') == 20
    assert '… and 2 older' in says()
    assert says('--all').count('one-of-many') == 22


def test_a_program_gets_every_figure():
    run = fit(forecast(10.0), train=18.0)
    said = json.loads(says('--json'))
    (score,) = said['scored']
    assert score['run'] == run.id
    assert score['duration']['actual'] == pytest.approx(20.0)
    assert score['duration']['ratio'] == pytest.approx(2.0)
    assert score['duration']['inside'] is False
    assert said['duration']['pilot']['runs'] == 1
    assert said['measured_energy']['pilot']['median_error'] == pytest.approx(1.0)
