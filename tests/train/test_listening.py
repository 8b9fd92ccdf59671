"""The governor that only listens: what it feeds, tells once, and learns."""

from __future__ import annotations

import pytest

from hefted.forecast.outlook import Outlook
from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan
from hefted.runs import Tick
from hefted.train.governor import Ahead
from hefted.train.listening import Listener


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def listener(steps: int = 100, epochs: int = 2) -> tuple[Listener, Clock, list, list]:
    clock, told, learned = Clock(), [], []
    outlook = Outlook(Plan(steps=steps, epochs=epochs), Pace('pilot', step=0.1))
    found = Listener(outlook, lambda **lines: told.append(lines), learned.append, clock)
    found.begin(0, 0)
    return found, clock, told, learned


def test_it_lets_everything_pass():
    found, *_ = listener()
    assert found.allow(Ahead(7, 0, 0, None, 0)) == 7
    assert found.may('validate')
    assert found.stopped_by is None


def test_the_journal_is_told_once_after_the_first_twentieth():
    found, clock, told, _ = listener()
    for step in range(1, 31):
        clock.now += 0.2
        found.hear(1, 0.2, Tick(step, 0, {}))
    assert len(told) == 1
    later = told[0]['forecast_at']
    assert later['share'] == pytest.approx(0.05)
    assert later['seconds'] == pytest.approx(20.0, rel=0.07)  # foreseen were 10
    assert later['low'] < later['seconds'] < later['high']


def test_what_passes_between_epochs_beside_validation_is_an_edge():
    found, clock, _, learned = listener()
    clock.now += 5.0
    found.hear(50, 5.0, Tick(50, 0, {}))
    clock.now += 2.0
    found.did('validate', 1.5)
    clock.now += 5.0
    found.hear(50, 5.0, Tick(100, 1, {}))
    found.end()
    (outlook,) = learned
    assert outlook.judged == pytest.approx(1.5)
    assert outlook.at_edges == pytest.approx(0.5)
    assert outlook.step == pytest.approx(0.1)


def test_a_training_of_which_no_step_was_read_teaches_nothing():
    found, _, told, learned = listener()
    found.end()
    assert told == learned == []


@pytest.mark.parametrize(('planned', 'before'), [(47, 53), (100, 0)])
def test_a_resumed_training_has_the_rest_to_go_whether_its_plan_is_of_that_or_of_all(planned: int, before: int):
    outlook = Outlook(Plan(steps=planned, epochs=10), Pace('pilot', step=0.1))
    Listener(outlook, lambda **_: None, lambda _: None, before=before).begin(done=53, epoch=5)
    assert outlook.done == (0 if before else 53)
    assert outlook.rest().seconds == pytest.approx(4.7)
