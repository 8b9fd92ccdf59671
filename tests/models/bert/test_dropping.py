"""Dropout draws what it says: the cipher's own bits, a share of them, independent of one another."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hefted.models.bert.dropping import dropped, sixteen_bits
from hefted.random import SeedGenerator, dropout


def test_the_bits_are_those_of_jaxs_threefry():
    from jax.extend.random import threefry_2x32

    key = jnp.array([7, 41], jnp.uint32)
    counted = threefry_2x32(key, jnp.concatenate([jnp.arange(6, dtype='uint32'), jnp.zeros(6, 'uint32')]))
    first, second = np.split(np.asarray(counted), 2)
    wanted = np.stack([first & 0xFFFF, first >> 16, second & 0xFFFF, second >> 16]).reshape(4, 2, 3).swapaxes(0, 1)
    np.testing.assert_array_equal(sixteen_bits(key, (2, 12)), wanted.reshape(2, 12))


@pytest.mark.parametrize('shape', [(1000, 64), (40, 16, 99), (6001,)])
@pytest.mark.parametrize('rate', [0.1, 0.5, 0.93])
def test_the_share_that_is_zeroed_is_the_one_that_was_asked_for(shape: tuple[int, ...], rate: float):
    kept = np.asarray(dropped(np.ones(shape, 'float32'), rate, SeedGenerator(1)))
    deviation = (rate * (1 - rate) / kept.size) ** 0.5
    assert abs((kept == 0).mean() - rate) < 5 * deviation
    assert abs(kept.mean() - 1) < 5 * deviation / (1 - rate)


def test_places_are_independent_of_their_neighbours_quarters_rows_and_draws():
    generator = SeedGenerator(5)
    kept = np.asarray(dropped(np.ones((512, 512), 'float32'), 0.5, generator)) > 0
    again = np.asarray(dropped(np.ones((512, 512), 'float32'), 0.5, generator)) > 0
    shifted = [np.roll(kept, step, axis) for axis, step in ((0, 1), (1, 1), (1, 128), (1, 256), (1, 384))]
    for other in (*shifted, again):
        assert abs(np.corrcoef(kept.ravel(), other.ravel())[0, 1]) < 5 / 512


def test_the_slope_is_what_was_kept():
    generator, twin = SeedGenerator(2), SeedGenerator(2)
    slope = jax.grad(lambda x: dropped(x, 0.3, generator).sum())(np.ones((8, 8), 'float32'))
    np.testing.assert_array_equal(slope, dropped(np.ones((8, 8), 'float32'), 0.3, twin))


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('drop', [lambda x: dropped(x, 0.1, SeedGenerator(3)), lambda x: dropout(x, 0.1, seed=3)])
def test_what_is_kept_of_16_bits_is_scaled_up_by_no_more_and_no_less_than_was_dropped(drop: Any, dtype: str):
    inputs = jnp.asarray(np.random.default_rng(0).uniform(1, 2, (256, 256)), dtype)
    found = drop(inputs)
    kept = np.asarray(found, 'float64') > 0
    share = np.asarray(found, 'float64')[kept].sum() / np.asarray(inputs, 'float64')[kept].sum() * 0.9
    assert found.dtype == dtype
    assert abs(share - 1) < 1e-4  # a scale of bfloat16 would make it 0.9984, a divisor 1.0017
