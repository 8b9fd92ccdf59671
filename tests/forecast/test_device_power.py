"""Nodes draw what was measured of such nodes, and less where they wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.forecast.device_power import Load, at, load_of, load_of_step, power, wall
from hefted.forecast.machines import Machines, machines
from hefted.forecast.utilisation import utilisation

NAMES = ['V100', 'A100-80GB', 'H100', 'B200', 'TPU v3', 'L4', 'H100 PCIe', 'TPU v5e', 'GB300']


def liquid(on: str) -> Machines:
    found = machines(on)
    return replace(found, host=found.host._replace(cooling='liquid'))


def test_a_node_of_eight_h100_in_liquid_draws_what_was_measured():
    """MLPerf Training v4.0, BERT to U-Net on 8 x H100: 6.8 to 7.2 kW before the supplies, 6.7 to 7.0 behind them."""
    on = liquid('8 x H100')
    drawn = power(on)
    before, behind = at('wall', on, drawn), at('behind supplies', on, drawn)
    assert 6800 < before.value < 7250
    assert 0.96 < behind.value / before.value < 0.985
    assert before.low < 6800
    assert before.high > 7250


def test_air_takes_more_than_liquid():
    assert wall(power(machines('8 x H100'))).value > 1.05 * wall(power(liquid('8 x H100'))).value


def test_gpt_3s_v100_drew_what_was_measured():
    """Patterson et al. 2021, table 4: 330 W each, host and network cards with it."""
    on = machines('10000 x V100')
    known = utilisation(175e9, on)
    assert known is not None
    drawn = wall(power(on, load_of(known))) / 10_000
    assert drawn.low < 330 < drawn.high
    assert drawn.value == pytest.approx(330, rel=0.12)


def test_who_waits_draws_less():
    on = machines('64 x H100')
    watts = [wall(power(on, Load(1 - waiting, 0.0, waiting))).value for waiting in (0.0, 0.3, 0.6, 1.0)]
    assert watts == sorted(watts, reverse=True)
    assert 0.4 < watts[-1] / watts[0] < 0.75


def test_short_steps_on_many_nodes_wait():
    one, many = (load_of_step(machines(on), 0.012) for on in ('8 x H100', '64 x H100'))
    assert one.waiting == 0
    assert 0.2 < many.waiting < 0.45
    assert 0.05 < load_of_step(machines('512 x H100'), 4.0).waiting < 0.12
    assert load_of_step(machines('64 x H100'), 0.5, samples=0.125).waiting > 0.3


@settings(max_examples=60)
@given(st.sampled_from(NAMES), st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1), st.floats(1, 2))
def test_every_component_lies_in_its_interval_and_grows_with_the_machines(
    name: str, count: int, computing: float, streaming: float, spread: float
):
    load = Load(computing, (1 - computing) * streaming, (1 - computing) * (1 - streaming), spread)
    few, many = (machines(f'{each} x {name}') for each in (count, 2 * count))
    one, two = power(few, load), power(many, load)
    assert set(one) == {'gpu', 'cpu', 'dram', 'unseen'}
    for component, watts in one.items():
        assert 0 < watts.low <= watts.value <= watts.high
        assert two[component].value >= watts.value
    assert at('accelerators', few, one).value < at('behind supplies', few, one).value < at('wall', few, one).value
    assert one['gpu'].value <= 1.02 * count * (few.chip.watts or 1e9)


def test_twice_the_nodes_draw_twice_the_power():
    assert wall(power(machines('64 x H100'))).value == pytest.approx(8 * wall(power(machines('8 x H100'))).value)


def test_small_models_are_less_certain():
    on = machines('8 x V100')
    known = utilisation(3e7, on)
    assert known is not None
    small, large = (power(on, load_of(known, size))['gpu'] for size in (3e7, 1e10))
    assert small.low < 130 * 8 < small.high
    assert small.high / small.low > large.high / large.low
