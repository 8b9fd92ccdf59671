"""The floor of the MLP 784-512-512-10: one jitted scan an epoch, Adam as Keras has it."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from adam import adam, moments
from common import EPOCHS, Clock, glorot, mlp_data, report

BATCH = 128
SIZES = (784, 512, 512, 10)


def loss_and_accuracy(weights, x, y):
    for kernel, bias in weights[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = weights[-1]
    scores = jax.nn.log_softmax(x @ kernel + bias)
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], 1)), jnp.mean(scores.argmax(1) == y)


def step(carry, batch):
    weights, state, loss_sum, accuracy_sum = carry
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, *batch)
    weights, state = adam(weights, state, slopes)
    return (weights, state, loss_sum + loss, accuracy_sum + accuracy), None


def epoch(weights, state, x, y, order):
    carry, _ = jax.lax.scan(lambda carry, batch: step(carry, (x[batch], y[batch])), (weights, state, 0.0, 0.0), order)
    return carry


x, y = mlp_data()
rng = np.random.default_rng(1)
weights = [(glorot(rng, a, b), np.zeros(b, np.float32)) for a, b in pairwise(SIZES)]
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
