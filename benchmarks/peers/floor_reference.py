"""The floor: the reference program written by hand, a jitted scan an epoch, every row, metrics read each epoch."""

import jax
import jax.numpy as jnp
import numpy as np
from common import Clock, glorot, reference_data, report

BATCH = 32


def loss_and_accuracy(weights, x, y):
    hidden = jax.nn.relu(x @ weights['w1'] + weights['b1'])
    logit = hidden @ weights['w2'] + weights['b2']
    loss = jnp.mean(jnp.maximum(logit, 0) - logit * y + jnp.log1p(jnp.exp(-jnp.abs(logit))))
    return loss, jnp.mean((logit > 0) == (y > 0.5))


def step(carry, x, y):
    weights, squares, loss_sum, accuracy_sum = carry
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, x, y)
    squares = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, squares, slopes)
    weights = jax.tree.map(lambda w, v, g: w - 0.001 * g / jnp.sqrt(v + 1e-7), weights, squares, slopes)
    return weights, squares, loss_sum + loss * len(x), accuracy_sum + accuracy * len(x)


def epoch(weights, squares, x, y, order):
    rows = len(order)
    whole = rows - rows % BATCH
    carry = (weights, squares, 0.0, 0.0)
    carry, _ = jax.lax.scan(
        lambda carry, batch: (step(carry, x[batch], y[batch]), None), carry, order[:whole].reshape(-1, BATCH)
    )
    weights, squares, loss_sum, accuracy_sum = step(carry, x[order[whole:]], y[order[whole:]])
    return weights, squares, loss_sum / rows, accuracy_sum / rows


x, y = reference_data()
rng = np.random.default_rng(1)
weights = {
    'w1': glorot(rng, 100, 32),
    'b1': np.zeros(32, np.float32),
    'w2': glorot(rng, 32, 1),
    'b2': np.zeros(1, np.float32),
}
squares = jax.tree.map(np.zeros_like, weights)
train = jax.jit(epoch, donate_argnums=(0, 1))


def fit(weights, squares):
    device_x, device_y = jax.device_put((x, y))
    for _ in range(10):
        order = rng.permutation(len(x)).astype(np.int32)
        weights, squares, loss, accuracy = train(weights, squares, device_x, device_y, order)
        loss, accuracy = float(loss), float(accuracy)
    return weights, squares, loss, accuracy


if __name__ == '__main__':
    import sys

    weights, squares, loss, accuracy = fit(weights, squares)
    figures = {}
    if 'second' in sys.argv:
        clock = Clock()
        weights, squares, loss, accuracy = fit(weights, squares)
        figures = clock.read()
    report(loss=loss, accuracy=accuracy, **figures)
