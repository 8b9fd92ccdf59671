"""The floor of an LSTM and a dense head: one jitted scan an epoch, Adam as Keras has it."""

import jax
import jax.numpy as jnp
import numpy as np
from adam import adam, moments
from common import EPOCHS, UNITS, Clock, glorot, lstm_data, report

BATCH = 64


def last_output(x, w):
    projected = jnp.swapaxes(x @ w['kernel'] + w['bias'], 0, 1)

    def step(states, now):
        output, memory = states
        gate, forget, candidate, out = jnp.split(now + output @ w['recurrent_kernel'], 4, -1)
        memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(gate) * jnp.tanh(candidate)
        return (jax.nn.sigmoid(out) * jnp.tanh(memory), memory), None

    zeros = jnp.zeros((len(x), UNITS), x.dtype)
    return jax.lax.scan(step, (zeros, zeros), projected)[0][0]


def loss_and_accuracy(weights, x, y):
    scores = jax.nn.log_softmax(last_output(x, weights) @ weights['head'] + weights['head_bias'])
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], 1)), jnp.mean(scores.argmax(1) == y)


def step(carry, batch):
    weights, state, loss_sum, accuracy_sum = carry
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, *batch)
    weights, state = adam(weights, state, slopes)
    return (weights, state, loss_sum + loss, accuracy_sum + accuracy), None


def epoch(weights, state, x, y, order):
    carry, _ = jax.lax.scan(lambda carry, batch: step(carry, (x[batch], y[batch])), (weights, state, 0.0, 0.0), order)
    return carry


x, y = lstm_data()
rng = np.random.default_rng(1)
weights = {
    'kernel': glorot(rng, x.shape[-1], 4 * UNITS),
    'recurrent_kernel': np.concatenate(
        [np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0] for _ in range(4)], 1, dtype=np.float32
    ),
    'bias': np.repeat(np.float32([0, 1, 0, 0]), UNITS),
    'head': glorot(rng, UNITS, 10),
    'head_bias': np.zeros(10, np.float32),
}
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
