"""The floor of a large embedding with a small dense head: one jitted scan an epoch, Adam as Keras has it."""

import jax
import jax.numpy as jnp
import numpy as np
from adam import adam, moments
from common import DEPTH, EPOCHS, TOKENS, VOCABULARY, Clock, embedding_data, glorot, report

BATCH = 1024


def loss_and_accuracy(weights, x, y):
    table, up, up_bias, down, down_bias = weights
    hidden = jax.nn.relu(table[x].reshape(len(x), -1) @ up + up_bias)
    scores = (hidden @ down + down_bias)[:, 0]
    loss = jnp.mean(jnp.maximum(scores, 0) - scores * y + jnp.log1p(jnp.exp(-jnp.abs(scores))))
    return loss, jnp.mean((scores > 0) == y)


def step(carry, batch):
    weights, state, loss_sum, accuracy_sum = carry
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, *batch)
    weights, state = adam(weights, state, slopes)
    return (weights, state, loss_sum + loss, accuracy_sum + accuracy), None


def epoch(weights, state, x, y, order):
    carry, _ = jax.lax.scan(lambda carry, batch: step(carry, (x[batch], y[batch])), (weights, state, 0.0, 0.0), order)
    return carry


x, y = embedding_data()
rng = np.random.default_rng(1)
weights = [
    rng.uniform(-0.05, 0.05, (VOCABULARY, DEPTH)).astype(np.float32),
    glorot(rng, TOKENS * DEPTH, 32), np.zeros(32, np.float32), glorot(rng, 32, 1), np.zeros(1, np.float32),
]  # fmt: skip
state = moments(weights)
train = jax.jit(epoch, donate_argnums=(0, 1))
x, y = jax.device_put((x, y))


def fit(weights, state, epochs):
    for _ in range(epochs):
        order = rng.permutation(len(x)).astype(np.int32).reshape(-1, BATCH)
        weights, state, loss, accuracy = train(weights, state, x, y, order)
        loss, accuracy = float(loss) / len(order), float(accuracy) / len(order)
    return weights, state, loss, accuracy


weights, state, *_ = fit(weights, state, 1)
clock = Clock()
weights, state, loss, accuracy = fit(weights, state, EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // BATCH))
