"""What was foreseen beside what it took, as a receipt tells it, and damage that it passes over."""

from __future__ import annotations

from typing import Any

import pytest

from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, Source
from hefted.report.foreseen import foreseen, foreseen_in

PILOT = Source('pilot', 'Steps that were tried')


def footprint(*phases: str, energy: float | None = None) -> Footprint:
    """Of phases of 6 s each."""
    joules = None if energy is None else Quantity(energy, 'J', 'modelled')
    shares = {phase: PhaseShare(joules, 6.0) for phase in phases}
    duration = Quantity.between(12, 10, 15, 's', source=PILOT)
    return Footprint(joules, None, duration, Place.of('FR'), phases=shares)


def forecast(*phases: str, energy: float | None = None) -> Forecast:
    return Forecast(Plan(steps=320), footprint(*phases, energy=energy))


def test_it_stands_beside_the_phases_that_it_was_of():
    took = footprint('start-up', 'compile', 'train', 'validate', 'wait', energy=30.0)
    assert foreseen(forecast('train', 'validate', energy=63.0), took) == (
        '12 s (10 to 15) and 63 J for train and validate, which took 12 s and 60 J'
    )


def test_a_checkpoint_that_nobody_foresaw_is_counted_as_its_score_counts_it():
    told = foreseen(forecast('train'), footprint('train', 'checkpoint'))
    assert told == '12 s (10 to 15) for train and checkpoint, which took 12 s'


@pytest.mark.parametrize(
    ('status', 'ending'),
    [('stopped', ' until it was stopped'), ('interrupted', ' until it was killed'), ('running', ' so far')],
)
def test_what_did_less_than_was_foreseen_says_so(status: str, ending: str):
    told = foreseen(forecast('train'), footprint('train'), status)
    assert told == f'12 s (10 to 15) for train, which took 6.0 s{ending}'


def test_where_no_step_was_done_it_says_so():
    assert foreseen(forecast('train'), footprint('compile')) == '12 s (10 to 15); no step was done'


@pytest.mark.parametrize('damaged', [None, [], 'text', {}, {'plan': {}, 'footprint': {'duration': 3}}])
def test_a_forecast_that_cannot_be_read_is_not_told(damaged: Any):
    assert foreseen_in(damaged, footprint('train')) == ''
    whole = forecast('train').to_json()
    assert foreseen_in(whole, footprint('train')) == '12 s (10 to 15) for train, which took 6.0 s'
