"""Forecasts by formulas: they scale as physics does, hold together, and hold what was published."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.errors import ArgumentError
from hefted.footprint.place import Place
from hefted.forecast.analytic import Shape, forecast_for, machines, plan_of
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, total

NAMES = ['V100', 'A100-80GB', 'H100', 'TPU v3', 'TPU v4', 'L4', 'MI300X']
PARAMETERS = st.floats(1e7, 1e12)
TOKENS = st.floats(1e9, 2e13)
COUNTS = st.integers(1, 4096)
FRANCE = Place.of('FR')


def told(parameters: float, tokens: float, count: int, name: str, **more: object) -> Forecast:
    plan = plan_of(parameters, tokens, **more)  # pyright: ignore[reportArgumentType]
    return forecast_for(plan, f'{count} x {name}', FRANCE)


def ends(quantity: Quantity | None) -> tuple[float, float, float]:
    assert quantity is not None
    return quantity.low, quantity.value, quantity.high


def test_gpt_3_took_what_is_forecast():
    """Patterson et al. 2021, table 4: 14.8 days on 10,000 V100, 330 W each with its host; 1,287 MWh with PUE 1.1."""
    found = told(175e9, 300e9, 10_000, 'V100', precision='fp16')
    low, _, high = ends(found.duration.to('d'))
    assert low <= 14.8 <= high
    low, _, high = ends(found.footprint.energy and found.footprint.energy.to('MWh'))
    assert low <= 1287 / 1.1 <= high


def test_bloom_took_what_is_forecast():
    """Luccioni et al. 2022: 176 billion parameters, 366 billion tokens, 1,082,990 hours of A100 80GB, 384 at once."""
    found = told(176e9, 366e9, 384, 'A100-80GB')
    low, _, high = ends(found.duration.to('h'))
    assert low <= 1_082_990 / 384 <= high


@settings(max_examples=60)
@given(PARAMETERS, TOKENS, COUNTS, st.integers(2, 16), st.sampled_from(NAMES))
def test_more_devices_never_do_more_than_share_the_work(
    parameters: float, tokens: float, count: int, times: int, name: str
):
    few, many = (told(parameters, tokens, n, name) for n in (count, count * times))
    assert many.duration.value * times >= few.duration.value * (1 - 1e-9)


@settings(max_examples=60)
@given(PARAMETERS, TOKENS, COUNTS, st.floats(1.01, 100), st.sampled_from(NAMES))
def test_more_tokens_take_more_of_everything(parameters: float, tokens: float, count: int, times: float, name: str):
    less, more = (told(parameters, each, count, name) for each in (tokens, tokens * times))
    for figure in ('energy', 'carbon', 'water', 'minerals', 'duration'):
        assert getattr(more.footprint, figure).value > getattr(less.footprint, figure).value


@settings(max_examples=60)
@given(PARAMETERS, TOKENS, COUNTS, st.sampled_from(NAMES), st.sampled_from(['bf16', 'fp32', 'fp8']))
def test_every_figure_lies_in_its_interval_and_parts_add_up(
    parameters: float, tokens: float, count: int, name: str, precision: str
):
    found = told(parameters, tokens, count, name, precision=precision)
    footprint = found.footprint
    for figure in (found.duration, footprint.energy, footprint.carbon, footprint.water, footprint.minerals):
        low, value, high = ends(figure)
        assert 0 < low <= value <= high
    assert footprint.energy is not None
    assert total(list(footprint.components.values())).value == pytest.approx(footprint.energy.value)
    assert found.utilisation is not None
    assert 0 < found.utilisation.low <= found.utilisation.high <= 1.0
    watts = footprint.energy.value / found.duration.value
    assert footprint.phases['train'].seconds == found.duration.value
    design = machines(f'{count} x {name}').chip.watts
    assert watts < 3.5 * count * (design or 1000)


@settings(max_examples=60)
@given(PARAMETERS, COUNTS, st.sampled_from(NAMES))
def test_energy_is_power_by_time(parameters: float, count: int, name: str):
    short, long = (told(parameters, tokens, count, name) for tokens in (1e10, 1e12))
    watts = [each.footprint.energy.value / each.duration.value for each in (short, long) if each.footprint.energy]
    assert watts[0] == pytest.approx(watts[1])


def test_a_forecast_is_written_and_read():
    found = told(8e9, 15e12, 512, 'H100', batch=1024, sequence_length=8192)
    assert Forecast.from_json(found.to_json()).to_json() == found.to_json()
    assert found.how == 'catalogue'
    assert found.plan.devices == 512


def test_what_does_not_fit_is_said_with_what_would():
    found = told(175e9, 300e9, 8, 'A100-80GB')
    assert found.fits is False
    assert '56 would hold them' in found.notes[0]
    assert told(175e9, 300e9, 64, 'A100-80GB').fits is True
    assert told(1e9, 300e9, 1, 'A100-80GB').fits is True
    assert told(1e9, 300e9, 1, 'TPU v3').fits is True


def test_a_mixture_of_experts_takes_the_time_of_its_active_part():
    dense, mixed = told(37e9, 1e12, 2048, 'H800'), told(671e9, 1e12, 2048, 'H800', active=37e9)
    assert dense.duration.value < mixed.duration.value < 2 * dense.duration.value
    assert mixed.duration.high / mixed.duration.low > dense.duration.high / dense.duration.low


def test_an_encoder_with_a_decoder_takes_half_of_the_operations():
    shapes = [Shape(kind='decoder'), Shape(kind='encoder-decoder')]
    one, two = (forecast_for(plan_of(11e9, 1e12, shape=each), '512 x TPU v3', FRANCE, shape=each) for each in shapes)
    assert two.duration.value == pytest.approx(one.duration.value / 2, rel=0.03)


def test_longer_sequences_take_longer():
    shape = Shape(layers=32, width=4096)
    short, long = (
        forecast_for(
            plan_of(7e9, 1e12, sequence_length=length, shape=shape),
            '64 x H100',
            FRANCE,
            shape=Shape(layers=32, width=4096, sequence_length=length),
        )
        for length in (2048, 32768)
    )
    assert long.duration.value > 1.3 * short.duration.value
    assert long.plan.flops is not None
    assert short.plan.flops is not None
    assert long.plan.flops > 1.5 * short.plan.flops


def test_sixteen_bits_are_faster_than_thirty_two():
    for name in ('V100', 'A100', 'H100'):
        assert (
            told(1e9, 1e12, 8, name, precision='bf16').duration.value
            < told(1e9, 1e12, 8, name, precision='fp32').duration.value
        )
    assert any('bf16' in note for note in told(1e9, 1e12, 8, 'V100', precision='fp32').notes)


def test_a_small_batch_over_many_nodes_waits():
    usual, small = told(336e6, 1e11, 512, 'V100'), told(336e6, 1e11, 512, 'V100', batch=512, sequence_length=128)
    assert small.duration.value > 1.5 * usual.duration.value
    assert small.footprint.energy is not None
    assert usual.footprint.energy is not None
    watts = [each.footprint.energy.value / each.duration.value for each in (small, usual) if each.footprint.energy]
    assert watts[0] < watts[1]  # who waits draws less


def test_a_tiny_compiled_program_is_launched_rather_than_computed():
    plan = Plan(steps=320, flops_per_step=2e5, bytes_per_step=5e4, parameters=3000, peak_bytes=10**6)
    found = forecast_for(plan, 'H100', FRANCE)
    assert list(found.footprint.phases) == ['compile', 'train']
    assert 320 * 5e-6 < found.footprint.phases['train'].seconds < 320 * 1e-3
    low, value, high = ends(found.duration)
    assert 0.2 < low < value < high < 60
    assert high / low > 10
    assert found.fits is True
    assert found.utilisation is not None
    assert found.utilisation.value < 1e-4


def test_a_large_compiled_program_goes_by_its_operations():
    plan = Plan(steps=10, flops_per_step=1e16, bytes_per_step=1e12, parameters=10**9, precision='bfloat16')
    one, eight = (forecast_for(plan, on, FRANCE) for on in ('H100', '8 x H100'))
    assert one.utilisation is not None
    assert 0.05 < one.utilisation.low < one.utilisation.value < one.utilisation.high < 0.8
    one_s, eight_s = (each.footprint.phases['train'].seconds for each in (one, eight))
    assert one_s / 8 <= eight_s < one_s


def test_validation_is_a_phase_by_its_operations():
    plan = Plan(
        steps=100, flops_per_step=3e12, bytes_per_step=1e9, validation_steps=10, validations=5,
        flops_per_validation_step=1e12, precision='bfloat16',
    )  # fmt: skip
    phases = forecast_for(plan, 'H100', FRANCE).footprint.phases
    assert phases['validate'].seconds == pytest.approx(phases['train'].seconds / 6)


@settings(max_examples=60)
@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(8, 16384))
def test_no_length_of_sequences_exceeds_a_peak(length: int, layers: int, width: int):
    shape = Shape(layers, width, length)
    found = forecast_for(plan_of(1e9, 1e12, shape=shape), '8 x A100', FRANCE, shape=shape)
    assert found.utilisation is not None
    assert 0 < found.utilisation.value < 1.0


def test_a_plan_without_work_is_refused():
    with pytest.raises(ArgumentError, match='plan_of'):
        forecast_for(Plan(), 'H100', FRANCE)
    with pytest.raises(ArgumentError, match='no peak'):
        forecast_for(plan_of(1e9, 1e9), 'Radeon Pro V520', FRANCE)


@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf'), None])
def test_parameters_and_tokens_are_numbers_above_nothing(value: float | None):
    with pytest.raises(ArgumentError, match='parameters:'):
        plan_of(value, 1e9)
    with pytest.raises(ArgumentError, match='tokens:'):
        plan_of(1e9, value)


def test_the_list_price_of_the_instance_is_its_cost():
    named = forecast_for(plan_of(1e9, 1e12), 'aws:p4d.24xlarge', FRANCE)
    alike = forecast_for(plan_of(1e9, 1e12), '8 x A100-40GB', FRANCE)
    assert named.footprint.cost is not None
    assert alike.footprint.cost is not None
    assert named.footprint.cost.value == pytest.approx(alike.footprint.cost.value)
    assert named.footprint.cost.value == pytest.approx(32.7726 * named.duration.to('h').value, rel=0.01)
    assert any('aws:p4d.24xlarge' in note for note in alike.notes)
    assert forecast_for(plan_of(1e9, 1e12), '8 x TPU v3', FRANCE).footprint.cost is None


def test_a_forecast_says_how_often_published_trainings_kept_to_such_an_interval():
    told = forecast_for(plan_of(7e9, 2e12), '512 x A100', 'FR')
    assert '15 took what such an interval told' in told.notes[-1]
    compiled = forecast_for(Plan(steps=100, flops_per_step=1e12), 'A100', 'FR')
    assert not any('published' in note for note in compiled.notes)
