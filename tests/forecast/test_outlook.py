"""What is left of a training narrows as it goes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hefted.forecast.outlook import Outlook
from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan

PLAN = Plan(steps=1000, epochs=10, validations=10, validation_steps=5)
PACE = Pace('pilot', step=0.01, judge_step=0.02, down=0.3, up=0.5)


def test_before_a_step_it_says_what_the_forecast_said():
    rest = Outlook(PLAN, PACE).rest()
    assert rest.seconds == pytest.approx(11.0)
    assert (rest.low, rest.high) == (pytest.approx(7.7), pytest.approx(16.5))
    assert rest.joules is None


def test_steps_that_take_twice_as_long_double_what_is_left():
    outlook = Outlook(PLAN, PACE)
    for _ in range(5):
        outlook.hear(20, 0.4, None)
    assert outlook.share == pytest.approx(0.1)
    assert outlook.rest().seconds == pytest.approx(900 * 0.02 + 10 * 0.1, rel=0.02)


def test_validations_and_edges_count_as_they_were_measured():
    outlook = Outlook(PLAN, PACE)
    outlook.hear(100, 1.0, None)
    outlook.judge(0.5)
    outlook.edge(0.25)
    assert outlook.rest().seconds == pytest.approx(900 * 0.01 + 9 * 0.5 + 9 * 0.25, rel=0.02)


def test_energy_to_go_follows_from_what_was_used_since_the_first_tick():
    outlook = Outlook(PLAN, PACE)
    outlook.hear(100, 1.0, 500.0)  # start-up and compile are in it
    outlook.hear(100, 1.0, 510.0)
    assert outlook.rest().joules == pytest.approx(10.0 * outlook.rest().seconds)


def test_the_interval_narrows_with_what_is_done():
    outlook, widths = Outlook(PLAN, PACE), []
    for _ in range(9):
        outlook.hear(100, 1.0, None)
        rest = outlook.rest()
        widths.append(rest.high / rest.low)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(widths))
    assert widths[-1] < 1.2


def test_a_machine_that_becomes_slower_is_believed():
    outlook = Outlook(Plan(steps=10_000, epochs=1), PACE)
    for seconds in [0.1] * 40 + [0.3] * 40:
        outlook.hear(10, seconds, None)
    assert 0.02 < outlook.step < 0.031


def test_the_forecast_counts_as_long_as_little_was_heard():
    said = []
    for seconds in (0.01, 0.1, 1.0, 10.0):
        outlook = Outlook(Plan(steps=1000, epochs=1), Pace('pilot', step=0.01, down=0.15, up=0.2))
        outlook.hear(max(int(seconds / 0.02), 1), max(int(seconds / 0.02), 1) * 0.02, None)  # twice as slow
        left = 1000 - outlook.done
        said.append(outlook.rest().seconds / left)
    assert 0.01 < said[0] < 0.012
    assert 0.0197 < said[-1] < 0.02
    assert said == sorted(said)


def test_what_passes_at_the_beginning_is_not_what_is_left():
    outlook = Outlook(Plan(steps=10_000, epochs=1), PACE)
    outlook.hear(10, 1.0, None)
    for _ in range(30):
        outlook.hear(10, 0.1, None)
    assert outlook.step == pytest.approx(0.01)


def test_of_many_epochs_edges_and_validations_go_by_the_steps():
    outlook = Outlook(Plan(steps=1000, epochs=100, validations=100, validation_steps=5), PACE)
    for epoch in range(20):
        if epoch:
            outlook.edge(0.02)
        outlook.hear(10, 0.1, None)
        outlook.judge(0.05)
    assert outlook.rest().seconds == pytest.approx(800 * 0.017, rel=0.02)


def test_checkpoints_that_are_foreseen_are_a_part_of_what_is_left():
    kept = Pace('pilot', step=0.01, checkpoint=0.5)
    outlook = Outlook(Plan(steps=1000, epochs=10, checkpoints=10), kept)
    assert outlook.rest().seconds == pytest.approx(15.0)
    outlook.hear(500, 5.0, None)
    assert outlook.rest().seconds == pytest.approx(7.5)


def test_after_the_last_step_nothing_is_left():
    outlook = Outlook(Plan(steps=10, epochs=1), PACE)
    outlook.hear(10, 0.1, 1.0)
    assert outlook.rest().seconds == 0.0
