"""Utilisation falls where physics makes it fall, and its three parts are all of the time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.footprint.tables import table
from hefted.forecast.machines import machines
from hefted.forecast.utilisation import (
    Utilisation,
    exposed,
    replica_of,
    travelling,
    usual_batch_tokens,
    utilisation,
    width_of,
)

NAMES = ['P100', 'V100', 'A100-40GB', 'H100', 'B200', 'TPU v3', 'T4', 'RTX 4090', 'MI300X']


def share(parameters: float, on: str, **more: object) -> float:
    return known(parameters, on, **more).share.value


def known(parameters: float, on: str, **more: object) -> Utilisation:
    found = utilisation(parameters, machines(on), **more)  # pyright: ignore[reportArgumentType]
    assert found is not None
    return found


@settings(max_examples=60)
@given(
    st.floats(1e5, 2e12),
    st.integers(1, 100_000),
    st.sampled_from(NAMES),
    st.sampled_from(['float32', 'bfloat16', 'float8']),
    st.none() | st.floats(1, 1e9),
    st.none() | st.integers(1, 10**6),
)
def test_parts_are_all_of_the_time_and_no_peak_is_exceeded(
    parameters: float, count: int, name: str, precision: str, tokens: float | None, length: int | None
):
    found = known(parameters, f'{count} x {name}', precision=precision, tokens_per_step=tokens, sequence_length=length)
    assert found.computing + found.streaming + found.waiting == pytest.approx(1)
    assert min(found.computing, found.streaming, found.waiting) >= 0
    assert 0 < found.share.low <= found.share.value <= found.share.high <= 0.9


def test_larger_models_reach_more_of_a_peak():
    shares = [share(parameters, '8 x A100-80GB') for parameters in (1e8, 1e9, 1e10, 1e11)]
    assert shares == sorted(shares)
    assert shares[0] < 0.8 * shares[-1]


def test_a_chip_with_more_operations_for_a_byte_reaches_less():
    assert share(7e9, '8 x H100') < share(7e9, '8 x A100-80GB')
    assert share(7e9, '8 x A100-40GB') < share(7e9, '8 x A100-80GB')


def test_older_software_reaches_less_and_is_less_certain():
    old, new = known(7e9, '8 x V100').share, known(7e9, '8 x A100-80GB').share
    assert old.value < new.value
    assert old.high / old.low > new.high / new.low


def test_roberta_on_a_thousand_v100_lies_at_the_low_end():
    """Liu et al. 2019: 100,000 steps of 8,192 sequences of 512 tokens in about a day on 1,024 V100."""
    found = known(355e6, '1024 x V100-32GB', tokens_per_step=8192 * 512).share
    real = 6 * 355e6 * 1e5 * 8192 * 512 / (1024 * 86_400 * 125e12)
    assert found.low < real < found.value


def test_a_slower_network_shows_where_batches_are_small():
    many = share(336e6, '1024 x V100', tokens_per_step=65_536 * 8)
    assert many < 0.7 * share(336e6, '8 x V100', tokens_per_step=65_536 * 8)


def test_experts_cost_more_than_they_compute():
    assert share(671e9, '2048 x H800', active=37e9) < share(37e9, '2048 x H800')


def test_bert_large_on_a_dgx_was_as_fast_as_nvidia_says():
    """NVIDIA DeepLearningExamples, PyTorch BERT 20.06: 8 x V100, mixed, 1236 sequences a second of 128 tokens."""
    found = known(336e6, '8 x V100-16GB', width=1024, sequence_length=128, precision='float16').share
    real = 1236 * 128 * 6 * 336e6 / (8 * 125e12)
    assert found.low < real < found.high
    assert found.value == pytest.approx(real, rel=0.2)


def test_no_utilisation_is_told_of_a_chip_whose_peak_is_not_known():
    assert utilisation(1e9, machines('Radeon Pro V520')) is None


def test_gradients_leave_a_node_in_parts():
    one, two = machines('8 x A100'), machines('16 x A100')
    within = travelling(1e9, one)
    assert travelling(1e9, two) == pytest.approx(within + 2 * 2e9 / 8 / 25e9)
    assert travelling(1e9, machines('A100')) == 0
    assert exposed(1.0, 0.0, one) == 0
    assert exposed(1.0, 5.0, one) > exposed(1.0, 0.5, one)


def test_a_model_is_shared_out_over_as_few_devices_as_hold_it():
    assert replica_of(1e9, machines('64 x A100-80GB')) == 1
    assert replica_of(175e9, machines('1024 x A100-80GB')) == 50
    assert replica_of(175e9, machines('8 x A100-80GB')) == 8


@pytest.mark.parametrize(('parameters', 'width'), [(124e6, 768), (1.3e9, 2048), (13e9, 5120), (175e9, 12288)])
def test_width_is_that_of_published_models(parameters: float, width: int):
    assert width_of(parameters) == pytest.approx(width, rel=0.25)


def test_batches_grow_with_models_and_devices():
    assert usual_batch_tokens(1e8) == 5e5
    assert usual_batch_tokens(1e12) == 4e6
    assert usual_batch_tokens(1e8, 10_000) == 2048 * 10_000


@pytest.mark.parametrize('name', sorted(row['name'] for row in table('accelerators').values()))
def test_fewer_bits_never_take_longer(name: str):
    on = machines(f'8 x {name}')
    if on.chip.peak() is None:
        return
    speeds: list[float] = []
    for precision in ('float32', 'bfloat16', 'float8'):
        known = utilisation(7e9, on, precision=precision)
        assert known is not None
        speeds.append(known.share.value * (on.chip.peak(precision) or 0))
    assert speeds == sorted(speeds)
