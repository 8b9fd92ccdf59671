"""Which hours a training runs in: never past its deadline, never worse than at once."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hefted.when.hours import Hour
from hefted.when.schedule import Work, carbon, choose

HOUR = 3600.0


def by_hour(*grams, seconds=HOUR):
    return [Hour(seconds * index, seconds * (index + 1), float(each)) for index, each in enumerate(grams)]


@some.composite
def traces(draw):
    """Hours without a hole, of any length, to two days."""
    lengths = draw(some.lists(some.floats(60, 8 * HOUR), min_size=1, max_size=24))
    edges = [0.0, *accumulate(lengths)]
    grams = some.floats(1, 1500)
    return [Hour(one, two, draw(grams), draw(some.booleans())) for one, two in pairwise(edges)]


works = some.builds(
    lambda seconds, more, idle, pause: Work(seconds, seconds * more, idle, pause),
    some.floats(1, 20 * HOUR),
    some.floats(1, 3),
    some.floats(0, 1),
    some.floats(0, 900),
)
limits = some.none() | some.floats(1, 1500)


@given(traces(), works, limits, some.booleans())
def test_whatever_the_trace_it_is_done_by_the_deadline_and_no_worse_than_at_once(trace, work, below, running):
    deadline = trace[-1].end
    chosen = choose(trace, work, deadline, below, running)
    worked = sum(end - start for start, end in chosen.spans)
    assert worked >= work.seconds - 1e-3
    assert chosen.carbon <= chosen.at_once * (1 + 1e-9)
    assert all(start < end for start, end in chosen.spans)
    assert all(one[1] <= two[0] + 1e-6 for one, two in pairwise(chosen.spans))
    if work.longest < deadline:
        assert chosen.spans[-1][1] <= deadline + 1e-3
    else:
        assert (chosen.spans, chosen.why) == (((0.0, work.seconds),), 'late')


@given(traces(), works, limits, some.booleans())
def test_each_wait_leaves_the_time_that_the_rest_may_take_at_most(trace, work, below, running):
    chosen = choose(trace, work, trace[-1].end, below, running)
    left, ratio = work.seconds, work.longest / work.seconds
    paused = running and chosen.spans[0][0] > 0
    for start, end in chosen.spans:
        left += work.pause if paused else 0.0
        if start > 0:
            assert start + left * ratio <= trace[-1].end + 1e-2
        left, paused = left - (end - start), True
    assert left == pytest.approx(0, abs=1e-2)


@given(traces(), works)
def test_no_single_stretch_is_better_than_the_cleanest(trace, work):
    deadline = trace[-1].end
    chosen = choose(trace, work, deadline)
    if work.longest < deadline:
        for start in (index / 50 * (deadline - work.longest) for index in range(51)):
            alone = carbon(trace, [(start, start + work.seconds)], work)
            assert chosen.carbon <= alone * (1 + 1e-5)


def test_it_waits_for_the_night():
    chosen = choose(by_hour(240, 200, 96, 96, 300), Work(2 * HOUR, 2.2 * HOUR), 5 * HOUR)
    assert chosen.spans == ((2 * HOUR, 4 * HOUR),)
    assert chosen.carbon == pytest.approx(HOUR * (96 * 2 + 0.1 * (240 + 200)))
    assert chosen.at_once == HOUR * 440


def test_where_all_hours_are_alike_it_starts_at_once():
    chosen = choose(by_hour(200, 200, 200), Work(HOUR, HOUR), 3 * HOUR)
    assert (chosen.spans, chosen.why) == (((0.0, HOUR),), 'best')


def test_a_clean_hour_that_costs_more_to_wait_for_than_it_saves_is_not_waited_for():
    night = by_hour(*[210] * 12, 190)
    assert choose(night, Work(HOUR, HOUR, idle=0.0), 13 * HOUR).spans == ((12 * HOUR, 13 * HOUR),)
    chosen = choose(night, Work(HOUR, HOUR, idle=0.1), 13 * HOUR)
    assert (chosen.spans, chosen.why) == (((0.0, HOUR),), 'dearer')
    assert choose(by_hour(190, 210, 210), Work(HOUR, HOUR), 3 * HOUR).why == 'best'


def test_it_pauses_over_a_dirty_hour_only_where_that_pays():
    trace = by_hour(100, 900, 100, 100)
    assert choose(trace, Work(2 * HOUR, 2 * HOUR, 0.1, 900), 4 * HOUR).spans == (
        (2 * HOUR, 4 * HOUR),
    )  # a wait of two hours at a tenth of the power, and no pause
    assert len(choose(trace, Work(2 * HOUR, 2 * HOUR, 0.1, 60), 4 * HOUR).spans) == 2
    paused = choose(by_hour(100, 900, 100), Work(2 * HOUR, 2 * HOUR, 0.1, 0), 3.1 * HOUR)
    assert paused.spans == ((0.0, HOUR), (2 * HOUR, 3 * HOUR))
    assert len(choose(by_hour(100, 110, 100), Work(2 * HOUR, 2 * HOUR, 0.1, 0), 3.1 * HOUR).spans) == 1


def test_a_limit_is_kept_where_there_are_hours_enough_below_it():
    chosen = choose(by_hour(250, 150, 250, 150, 250, 250), Work(2 * HOUR, 2.1 * HOUR, 0.01, 10), 6 * HOUR, 200)
    assert [start for start, _ in chosen.spans] == [HOUR, 3 * HOUR]
    assert chosen.spans[-1][1] == pytest.approx(4 * HOUR + 10)


def test_an_hour_at_the_limit_is_not_below_it():
    assert choose(by_hour(200, 199), Work(900, 900, 0.0), 2 * HOUR, 200).spans[0][0] == HOUR


def test_where_no_hour_is_below_the_limit_the_next_best_are_taken():
    chosen = choose(by_hour(400, 300, 350, 500), Work(HOUR, HOUR * 1.2), 4 * HOUR, 200)
    assert chosen.spans == ((HOUR, 2 * HOUR),)


def test_what_is_above_the_limit_and_dearer_to_wait_for_starts_at_once_and_says_why():
    chosen = choose(by_hour(201, *[400] * 8, 199), Work(HOUR, HOUR), 10 * HOUR, 200)
    assert (chosen.spans[0][0], chosen.why) == (0.0, 'dearer')


def test_nobody_waits_for_hours_of_which_nothing_is_known():
    assert choose([], Work(HOUR, HOUR), 10 * HOUR).why == 'unknown'
    trace = [Hour(0, HOUR, 300.0), Hour(HOUR, 10 * HOUR, 300.0, known=False)]
    assert choose(trace, Work(HOUR, HOUR), 10 * HOUR, 200).spans == ((0.0, HOUR),)
