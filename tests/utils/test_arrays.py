"""Small helpers over arrays keep jax.numpy's bits and slopes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from hefted.layers import Dense
from hefted.utils.arrays import clip

rng = np.random.default_rng(0)


def test_clip_and_its_slope_are_jax_numpys_also_on_the_edges() -> None:
    x = jnp.asarray([-1.0, 0.25, 0.5, 0.75, 2.0, np.nan, np.inf], 'float32')
    edges = 0.25, 0.75
    np.testing.assert_array_equal(clip(x, *edges), jnp.clip(x, *edges))
    slope, expected = (jax.grad(lambda x, f=f: f(x, *edges).sum())(x) for f in (clip, jnp.clip))
    np.testing.assert_array_equal(slope, expected)
    np.testing.assert_array_equal(slope, [0, 0.5, 1, 0.5, 0, 0, 0])


def test_a_small_product_with_a_column_is_the_product_and_so_are_its_slopes() -> None:
    layer = Dense(1, use_bias=False)
    layer.build((None, 16))
    kernel = layer.kernel.value
    for shape in ((32, 16), (4, 3, 16), (512, 16)):  # the last is not small
        x = jnp.asarray(rng.standard_normal(shape), 'float32')

        def of_layer(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return (layer.stateless_call([kernel], [], x)[0] ** 2).sum()

        def by_hand(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return (jnp.matmul(x, kernel) ** 2).sum()

        assert layer(x).shape == (*shape[:-1], 1)
        for ours, theirs in zip(
            jax.grad(of_layer, (0, 1))(x, kernel), jax.grad(by_hand, (0, 1))(x, kernel), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
