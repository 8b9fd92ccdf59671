"""Whether a plan's memory is there, and what is said if not."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hefted.models.cost import counts
from hefted.models.planning import Work, _precision, _tokens, fits, peak_of


def test_what_needs_more_memory_than_is_free_does_not_fit_and_says_so():
    room, notes = fits(Work(1.0, 1.0, 10**18, 10**18, 'float32'))
    assert room is False
    assert 'smaller batch_size' in notes[0]


def test_what_needs_little_fits():
    assert fits(Work(1.0, 1.0, 1000, 1000, 'float32')) == (True, ())


def test_where_nobody_counted_nobody_knows():
    assert fits(Work(None, None, None, None, 'float32')) == (None, ())


@pytest.mark.parametrize(
    ('kind', 'precision', 'tera'),
    [
        ('NVIDIA H200', 'bfloat16', 989),
        ('Tesla V100-SXM2-16GB', 'float32', 15.7),
        ('TPU v4', 'bfloat16', 275),
        ('NVIDIA H200', 'float32', 494.5),
        ('NVIDIA GB10', 'bfloat16', None),
        ('Tesla P40', 'float16', None),
        ('Tesla V100-SXM2-16GB', 'float16', 125),
        ('Tesla V100-SXM2-16GB', 'bfloat16', None),
        ('Tesla T4', 'bfloat16', None),
        ('Tesla P100-PCIE-16GB', 'bfloat16', None),
        ('NVIDIA A100-SXM4-40GB', 'bfloat16', 312),
        ('AMD Instinct MI100', 'bfloat16', None),
        ('AMD Instinct MI100', 'float16', 184.6),
        ('AMD Instinct MI300X', 'bfloat16', 1300),
        ('TPU v4', 'float16', None),
        ('TPU v2', 'bfloat16', 22.5),
        ('TPU v3', 'bfloat16', 61.5),
        ('TPU v3', 'float32', 61.5),
        ('TPU v5p', 'bfloat16', 459),
        ('TPU7x', 'bfloat16', 1153.5),
        ('AMD Instinct MI250', 'bfloat16', 181),
        ('AMD Instinct MI250X', 'float16', 191.5),
        ('an accelerator that nobody knows', 'bfloat16', None),
    ],
)
def test_the_peak_is_the_catalogues_or_not_known(kind: str, precision: str, tera: float | None):
    found = peak_of(precision, SimpleNamespace(platform='gpu', device_kind=kind))
    assert found == (None if tera is None else pytest.approx(tera * 1e12, rel=0.01))


def test_a_processor_has_no_peak():
    assert peak_of('float32') is None


def _of(*shapes: tuple[tuple[int, ...], str]) -> object:
    return [jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for shape, dtype in shapes]


def test_tokens_are_the_length_of_the_longest_rows_of_whole_numbers():
    ids, mask = ((100, 128), 'int32'), ((100, 128), 'int8')
    assert _tokens((_of(ids, mask), None, None)) == 128
    assert _tokens((_of(ids, ((100, 7), 'float32')), None, None)) == 128
    assert _tokens((_of(((100, 20), 'int32'), ids), None, None)) == 128
    assert _tokens((_of(((100, 128), 'float32')), _of(ids), None)) is None
    assert _tokens((_of(((100,), 'int32')), None, None)) is None


def test_products_are_told_apart_from_what_works_element_by_element():
    def step(x, w):
        def body(carry, _):
            return jnp.tanh(carry @ w), None

        return jax.lax.scan(body, x, None, length=3)[0]

    jaxpr = jax.make_jaxpr(step)(np.ones((4, 8), np.float32), np.ones((8, 8), np.float32)).jaxpr
    assert counts(jaxpr)['float32'] == 3 * 2 * 4 * 8 * 8
    assert sum(counts(jaxpr).values()) == 3 * 2 * 4 * 8 * 8 + 3 * 4 * 8


def test_a_step_of_mixed_precision_is_held_against_the_peak_of_what_most_of_it_multiplies():
    """Half of it would make its MFU twice what others would call it."""
    told = counts(
        jax.make_jaxpr(lambda a, b: (a @ a @ a, b @ a.astype(b.dtype)))(
            np.ones((8, 8), 'bfloat16'), np.ones((2, 8), 'float32')
        ).jaxpr
    )
    assert _precision(told) == 'bfloat16'
    assert _precision({'bfloat16': 1.0, 'float32': 9.0}) == 'float32'
