"""Flax NNX modules train with the numbers of a loop written by hand. Flax lies in an environment of its own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hefted

pytestmark = pytest.mark.service('flax')
rng = np.random.default_rng(0)
X = rng.standard_normal((96, 6)).astype('float32')
Y = rng.standard_normal((96, 1)).astype('float32')


def test_a_module_has_the_numbers_of_its_own_loop_and_holds_the_trained_values() -> None:
    import optax
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.first = nnx.Linear(6, 16, rngs=rngs)
            self.norm = nnx.BatchNorm(16, rngs=rngs)
            self.drop = nnx.Dropout(0.3, rngs=rngs)
            self.last = nnx.Linear(16, 1, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))

    reference, module = Net(nnx.Rngs(0)), Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(reference, optax.sgd(0.05), wrt=nnx.Param)
    reference.train()

    @nnx.jit
    def step(model: Net, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> jax.Array:
        loss, gradients = nnx.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2))(model)
        optimizer.update(model, gradients)
        return loss

    wanted = [
        np.mean([float(step(reference, optimizer, X[i : i + 32], Y[i : i + 32])) for i in range(0, 96, 32)])
        for _ in range(3)
    ]
    history = hefted.fit(
        module,
        X,
        Y,
        optimizer=hefted.optimizers.SGD(0.05),
        loss='mse',
        batch_size=32,
        epochs=3,
        shuffle=False,
        verbose=0,
    )
    np.testing.assert_allclose(history.history['loss'], wanted, rtol=1e-5)
    for kind in (nnx.Param, nnx.BatchStat):
        for found, value in zip(
            jax.tree.leaves(nnx.state(module, kind)), jax.tree.leaves(nnx.state(reference, kind)), strict=True
        ):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
    assert history.footprint is not None
