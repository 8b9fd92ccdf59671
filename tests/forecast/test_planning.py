"""A plan holds what papers tell: six operations for each parameter and token, attention where the shape is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError, UnknownNameError
from hefted.forecast.fitting import fit
from hefted.forecast.machines import machines
from hefted.forecast.plan import Plan
from hefted.forecast.planning import plan_of
from hefted.forecast.shapes import Shape


def test_gpt_3_took_the_operations_that_its_paper_tells():
    """Brown et al. 2020, table D.1: 3.14e23 operations, 300 billion tokens."""
    assert plan_of(175e9, 300e9).flops == pytest.approx(3.14e23, rel=0.01)


def test_palm_took_the_operations_that_its_paper_tells():
    """Chowdhery et al. 2022, table 21: 2.56e24 operations of 540 billion parameters on 780 billion tokens."""
    shape = Shape(layers=118, width=18432, sequence_length=2048)
    flops = plan_of(540.35e9, 780e9, shape=shape).flops
    assert flops == pytest.approx(2.56e24, rel=0.02)


@given(st.floats(1e5, 1e13), st.floats(1e6, 1e15), st.integers(1, 10**5), st.integers(1, 10**5))
def test_steps_make_all_tokens_and_operations(parameters: float, tokens: float, batch: int, length: int):
    plan = plan_of(parameters, tokens, batch=batch, sequence_length=length)
    assert plan.steps is not None
    assert (plan.steps - 1) * batch * length < tokens <= plan.steps * batch * length * (1 + 1e-9)
    assert plan.flops == pytest.approx(6 * parameters * tokens)
    assert Plan.from_json(plan.to_json()) == plan


def test_a_mixture_of_experts_is_priced_by_what_a_token_passes():
    assert plan_of(671e9, 1e12, active=37e9).flops == pytest.approx(6 * 37e9 * 1e12)
    assert plan_of(671e9, 1e12, active=37e9).state_bytes == 16 * 671 * 10**9


@pytest.mark.parametrize(
    ('said', 'precision'), [('bf16', 'bfloat16'), ('FP16', 'float16'), ('tf32', 'float32'), ('fp8', 'float8')]
)
def test_precisions_are_read_as_people_write_them(said: str, precision: str):
    assert plan_of(1e9, 1e9, precision=said).precision == precision


def test_an_unknown_precision_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'bf16'"):
        plan_of(1e9, 1e9, precision='bf15')


@pytest.mark.parametrize('argument', ['batch', 'sequence_length', 'active'])
def test_nothing_is_no_number(argument: str):
    with pytest.raises(ArgumentError, match=argument):
        plan_of(1e9, 1e9, **{argument: 0})  # pyright: ignore[reportArgumentType]


def test_a_plan_fits_by_its_bytes():
    room = {on: fit(plan_of(7e9, 1e12), machines(on)) for on in ('A100-80GB', '2 x A100-80GB', '8 x A100-80GB')}
    assert [each.fits for each in room.values()] == [False, False, True]
    assert '3 would hold them' in room['A100-80GB'].note
    assert room['8 x A100-80GB'].replica == 3


def test_a_sequence_that_is_too_long_is_no_matter_of_more_machines():
    found = fit(plan_of(7e9, 1e12, sequence_length=4_000_000, batch=1), machines('4096 x A100-80GB'))
    assert found.fits is False
    assert 'Shorter sequences' in found.note


def test_what_nobody_knows_is_not_guessed():
    assert fit(Plan(), machines('H100')).fits is None
    assert fit(plan_of(1e9, 1e9), machines('Radeon Pro V520')).fits is None


def test_what_a_compiled_step_needs_goes_by_the_rows_of_one_device():
    step = Plan(
        peak_bytes=120 * 10**9, state_bytes=10**9, data_bytes=10**9, bytes_per_step=1e12, flops_per_step=1e15, devices=1
    )
    assert [fit(step, machines(on)).fits for on in ('A100-80GB', '2 x A100-80GB')] == [False, True]
    assert "a device's part of the batch" in fit(step, machines('A100-80GB')).note
    shared = replace(step, devices=8)
    assert fit(shared, machines('8 x A100-80GB')).fits is False
    assert fit(shared, machines('16 x A100-80GB')).fits is True
