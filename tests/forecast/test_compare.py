"""Comparisons: what differs, what takes least, and whether that is beyond doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError, LedgerError, UnknownNameError
from hefted.forecast.compare import Comparison, Row, changed, compare, plan_in
from hefted.forecast.plan import Plan

from .priced import price

PLAN = Plan(steps=1000, batch_size=32, flops_per_step=3.6e12, precision='float32')


def compared(*on: str, **more: object) -> Comparison:
    return compare(PLAN, on or ('slow', 'fast'), price=price, **more)  # pyright: ignore[reportArgumentType]


def test_every_combination_is_priced_once():
    found = compared('slow', 'fast', 'slow', places=['FR', 'US-VA'], precisions=['float32', 'bfloat16'])
    assert len(found.rows) == 8
    assert found.differs == ('on', 'place', 'precision')
    assert 'slow · France · float32' in found.names


def test_rows_are_named_by_what_differs_alone():
    assert compared('slow', places=['FR', 'US-VA']).names == ['France', 'Virginia']
    assert compared('slow', 'fast').names == ['fast', 'slow']
    assert compared('slow').names == ['slow']
    assert set(compared('slow', batches=[16, 32]).names) == {'batch 16', 'batch 32'}


def test_places_that_a_short_name_does_not_tell_apart_are_named_in_full():
    found = compared('slow', places=['US-VA', 'aws:us-east-1'])
    assert found.names == ['Virginia, United States', 'Virginia, United States, aws:us-east-1']


def test_rows_are_in_the_order_of_what_is_asked_for():
    assert compared(by='duration').names == ['fast', 'slow']
    assert compared(by='energy').names == ['fast', 'slow']
    found = compared('slow', 'fast', places=['US-VA', 'FR']).sorted('carbon')
    assert found.names[0] == 'fast · France'
    assert found.names[-1] == 'slow · Virginia'
    with pytest.raises(UnknownNameError, match="Did you mean 'carbon'"):
        found.sorted('carbn')  # pyright: ignore[reportArgumentType]


def test_what_does_not_fit_comes_last_and_is_never_best():
    found = compared('tiny', 'slow', by='energy')
    assert found.names == ['slow', 'tiny']
    best = found.best('energy')
    assert best is not None
    assert best.choice.on == 'slow'
    assert compared('tiny').best('energy') is None


def test_what_is_not_known_is_no_best():
    assert compared().best('water') is None
    assert compared().verdict('water') is None


def test_errors_that_two_forecasts_share_do_not_blur_their_difference():
    found = compared('slow', 'fast')
    fast, slow = found.rows
    one, two = fast.figure('duration'), slow.figure('duration')
    assert one is not None
    assert two is not None
    assert two.low < one.high  # their intervals overlap
    ratio = found.ratio(slow, fast)
    assert ratio is not None
    assert ratio.times.low == pytest.approx(ratio.times.high) == pytest.approx(4.0)
    assert ratio.clear


def test_what_may_be_alike_is_said_to_be_so():
    said = compared('fast', 'faster', by='energy').verdict()
    assert said == 'Least energy: faster, but not beyond doubt: fast may take as little.'


def test_what_is_beyond_doubt_is_said_with_how_many_times():
    said = compared('slow', places=['FR', 'US-VA']).verdict('carbon')
    assert said is not None
    assert said.startswith('Least carbon: France. The next, Virginia, takes about 10')
    assert 'times (' in said
    assert compared().verdict('duration') == 'Shortest: fast. The next, slow, takes about 4.0 times.'


def test_nothing_to_run_on_is_an_error_that_says_what_to_write():
    with pytest.raises(ArgumentError, match="such as on=\\['8 x H100'\\]"):
        compare(PLAN, [], price=price)


def test_what_pricing_does_not_know_is_its_error():
    with pytest.raises(UnknownNameError, match='on'):
        compared('quick')


def test_a_plan_may_be_made_for_each_precision_and_batch():
    asked: list[tuple[str | None, int | None]] = []

    def plan_of(precision: str | None, batch: int | None) -> Plan:
        asked.append((precision, batch))
        return PLAN

    compare(plan_of, ['slow'], precisions=['bfloat16'], batches=[8, 16], price=price)
    assert asked == [('bfloat16', 8), ('bfloat16', 16)]


@given(st.integers(1, 4096), st.integers(1, 4096))
def test_another_batch_is_the_same_work_in_other_steps(before: int, after: int):
    plan = Plan(
        steps=10**6, batch_size=before, flops_per_step=1e9, bytes_per_step=5e6, state_bytes=10**6, peak_bytes=2 * 10**6
    )
    other = changed(plan, batch=after)
    assert other.flops == pytest.approx(plan.flops, rel=1e-2)
    assert other.batch_size == after
    assert other.bytes_per_step is not None
    assert other.bytes_per_step >= 1e6
    assert other.peak_bytes is not None
    assert (other.peak_bytes - 10**6) * before == pytest.approx(10**6 * after, rel=1e-2, abs=before)


def test_a_plan_keeps_what_it_does_not_know():
    assert changed(Plan(batch_size=2), batch=4) == Plan(batch_size=4)
    assert changed(PLAN, precision='bfloat16').precision == 'bfloat16'
    assert changed(PLAN) is PLAN


def test_a_batch_that_cannot_be_is_an_error():
    with pytest.raises(ArgumentError, match='positive'):
        changed(PLAN, batch=0)
    with pytest.raises(ArgumentError, match='tells its batch size'):
        changed(Plan(steps=3), batch=4)


def test_the_plan_of_a_run_is_read_from_its_journal():
    assert plan_in([{'schema': 1}, {'plan': PLAN.to_json(), 'forecast': {}}]) == PLAN
    with pytest.raises(LedgerError, match='holds its plan'):
        plan_in([{'schema': 1}, {'plan': None}])


def test_a_row_tells_its_figures():
    row = compared('slow').rows[0]
    assert isinstance(row, Row)
    assert row.figure('duration') == row.forecast.duration
    assert row.figure('minerals') is None
