"""The small CNN in plain JAX: one jitted step, called in a Python loop, metrics read each epoch."""

import jax
import jax.numpy as jnp
import numpy as np
from adam import adam, moments
from common import EPOCHS, Clock, cnn_data, glorot, report
from jax import lax

BATCH = 128


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), 'VALID')


def loss_and_accuracy(weights, x, y):
    for kernel, bias in weights[:-1]:
        x = lax.conv_general_dilated(x, kernel, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
        x = pool(jax.nn.relu(x + bias))
    kernel, bias = weights[-1]
    scores = jax.nn.log_softmax(x.reshape(len(x), -1) @ kernel + bias)
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], 1)), jnp.mean(scores.argmax(1) == y)


def step(weights, state, x, y):
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, x, y)
    return (*adam(weights, state, slopes), loss, accuracy)


x, y = cnn_data()
rng = np.random.default_rng(1)
shapes = ((3, 3, 1, 32), (3, 3, 32, 64), (1600, 10))
weights = [(glorot(rng, *shape), np.zeros(shape[-1], np.float32)) for shape in shapes]
state = moments(weights)
train = jax.jit(step, donate_argnums=(0, 1))


def fit(weights, state, epochs):
    for _ in range(epochs):
        batches = rng.permutation(len(x)).reshape(-1, BATCH)
        logs = []
        for batch in batches:
            weights, state, loss, accuracy = train(weights, state, x[batch], y[batch])
            logs.append((loss, accuracy))
        means = np.mean(logs, axis=0)
    return weights, state, float(means[0]), float(means[1])


weights, state, *_ = fit(weights, state, 1)
clock = Clock()
weights, state, loss, accuracy = fit(weights, state, EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // BATCH))
