"""Runs at once in one process: even parts, level by level, that add up to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.splitting import Slice, parts
from hefted.metering.reading import RawReading

trees = st.lists(st.integers(-1, 8), min_size=1, max_size=9).map(
    lambda above: {str(at): str(parent) if parent < at else 'process' for at, parent in enumerate(above)}
)


@given(trees)
def test_siblings_add_up_to_their_parent_and_the_topmost_to_the_process(parents):
    found = parts(parents)
    for above in {*parents.values()}:
        children = [found[run] for run, parent in parents.items() if parent == above]
        assert sum(children) == pytest.approx(found.get(above, 1.0) if above in parents else sum(children))
    top = [found[run] for run, parent in parents.items() if parent not in parents]
    assert sum(top) == pytest.approx(1.0)


def test_a_parent_that_has_ended_leaves_its_children_beside_the_others():
    assert parts({'orphan': 'gone', 'other': 'process'}) == {'orphan': 0.5, 'other': 0.5}


def reading(now, joules):
    return RawReading(now, now, {'sensor': joules}, occupied=now)


steps = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 100), st.sampled_from([1.0, 0.5, 0.25])), max_size=20)


@given(steps)
def test_the_run_and_those_beside_it_have_all_that_was_counted(steps):
    mine, rest = Slice(reading(0.0, 5.0)), Slice(reading(0.0, 5.0))
    now, joules, total = 0.0, 5.0, 0.0
    rest.take(reading(0.0, 5.0), 0.0)
    for seconds, used, part in steps:
        now, joules = now + seconds, joules + used
        one, two = mine.take(reading(now, joules), part), rest.take(reading(now, joules), 1 - part)
        assert one.joules['sensor'] + two.joules['sensor'] == pytest.approx(used, abs=1e-9)
        assert one.occupied + two.occupied == pytest.approx(seconds, abs=1e-9)
        total += one.joules['sensor']
        assert mine.own(reading(now, joules)).joules['sensor'] - 5.0 == pytest.approx(total, abs=1e-9)


def test_a_reading_that_was_not_taken_yet_is_told_in_the_runs_part():
    mine = Slice(reading(0.0, 0.0))
    mine.take(reading(1.0, 10.0), 0.5)
    told = mine.own(reading(3.0, 30.0))
    assert told.joules['sensor'] == pytest.approx(10.0 + 10.0)
    assert told.occupied == pytest.approx(2.0)
    assert mine.take(reading(0.5, 5.0)) is None
