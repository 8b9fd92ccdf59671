"""Scores, as told to a person."""

from __future__ import annotations

import re

import pytest

from hefted.ledger.scores import Outcome, Score, Scores
from hefted.report.columns import Column, plain, table
from hefted.report.scores import told

RUN = '01a22301-8c2a-7340-b1a7-9aceb55efa3'


def score(number: int = 0, actual: float = 104.2, *, measured: bool = True, **more: object) -> Score:
    outcome = Outcome(100.0, 80.0, 130.0, actual, 's')
    energy = Outcome(1000.0, 800.0, 1300.0, 10 * actual, 'J')
    name = more.pop('name', 'bert')
    return Score(f'{RUN}{number}', 'fit', str(name), 'finished', 'pilot', 'x', outcome, energy, measured)._replace(
        **more  # pyright: ignore[reportArgumentType]
    )


def text(scores: Scores, width: int = 120) -> str:
    return '\n'.join(plain(line) for line in told(scores, width))


def test_a_forecast_stands_beside_what_its_run_took():
    said = text(Scores((score(),), ()))
    assert re.search(r'01a22301-8c2a +bert +pilot +1.7 min \(1.3 to 2.2\) +1.74 min +\+4.2 % .+ yes', said)
    assert '1,000 J (800 to 1,300)' in said
    assert re.search(r'steps tried just before +1 +4.2 % +4.2 % +100 % +1.6', said)


def test_an_interval_that_did_not_hold_is_marked():
    lines = list(told(Scores((score(actual=300.0),), ()), 120))
    assert lines[-1][-1] == ('no', 'poor')
    assert '× 3' in plain(lines[-1])


def test_energy_is_told_where_it_was_measured_and_why_not_elsewhere():
    said = text(Scores((score(measured=False),), ()))
    assert 'Measured energy' not in said
    assert 'Energy foreseen' not in said
    assert 'proves nothing of the model' in said
    assert 'Measured energy, by' in text(Scores((score(),), ()))


def test_runs_that_did_not_finish_are_told_apart():
    apart = tuple(score(n)._replace(status=status) for n, status in enumerate(('stopped', 'failed', 'stopped')))
    assert '2 stopped, 1 failed' in text(Scores((score(),), apart))
    said = text(Scores((), apart))
    assert said == '0 runs with a forecast finished. Not scored, as less was done than foreseen: 2 stopped, 1 failed.'


@pytest.mark.parametrize('width', [40, 50, 60, 80, 100, 120, 200])
@pytest.mark.parametrize('runs', [1, 40])
def test_no_line_is_longer_than_the_terminal(width: int, runs: int):
    scores = tuple(score(n, 10.0 ** (n % 6), name='a-model-with-a-very-long-name-indeed-it-is') for n in range(runs))
    said = text(Scores(scores, scores[:2]), width)
    assert max(map(len, said.splitlines())) <= width
    assert 'Inside' in said


def test_a_narrow_terminal_goes_without_the_columns_that_are_needed_least():
    columns = [Column('A'), Column('B'), Column('C'), Column('D')]
    rows = [['a' * 10, 'b' * 10, 'c' * 10, 'd' * 10]]
    heads = [plain(next(table(columns, rows, width, given_up=((1, 2), (3,))))).split() for width in (80, 30, 12)]
    assert heads == [['A', 'B', 'C', 'D'], ['A', 'D'], ['A']]


def test_what_the_next_forecasts_learn_is_told():
    few, many = (text(Scores((score(),) * number, ())) for number in (19, 20))
    assert 'From 20 runs of one kind and length on, forecasts have their intervals from this record.' in few
    assert re.search(r'steps tried just before +longer +20 +1.04 +1.04 to 1.04', many)


def test_what_was_foreseen_once_it_was_under_way_is_told_where_that_was_kept():
    later = Outcome(104.0, 100.0, 108.0, 104.2, 's')
    said = text(Scores((score(later=later),), ()))
    assert re.search(r'Once under way, by .+\n.*steps tried just before +1 +0.2 % +0.2 % +100 % +1.1', said)
    assert 'Once under way' not in text(Scores((score(),), ()))
