"""The floor of two transformer encoder blocks: one jitted scan an epoch, Adam as Keras has it."""

import jax
import jax.numpy as jnp
import numpy as np
from adam import adam, moments
from common import BLOCKS, EPOCHS, HEADS, HIDDEN, WIDTH, Clock, glorot, report, transformer_data

BATCH = 8


def normalized(x, gain, offset):
    mean = x.mean(-1, keepdims=True)
    x = x - mean
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-3) * gain + offset


def attention(x, w):
    q, k, v = (jnp.einsum('btc,cnh->btnh', x, w[n]) + w[n + '_bias'] for n in ('query', 'key', 'value'))
    scores = jax.nn.softmax(jnp.einsum('btnh,bsnh->bnts', q * (WIDTH // HEADS) ** -0.5, k))
    return jnp.einsum('btnh,nhc->btc', jnp.einsum('bnts,bsnh->btnh', scores, v), w['out']) + w['out_bias']


def block(x, w):
    x = normalized(x + attention(x, w), w['gain_1'], w['offset_1'])
    hidden = jax.nn.gelu(x @ w['up'] + w['up_bias'], approximate=False)
    return normalized(x + hidden @ w['down'] + w['down_bias'], w['gain_2'], w['offset_2'])


def loss_and_accuracy(weights, x, y):
    for w in weights['blocks']:
        x = block(x, w)
    scores = jax.nn.log_softmax(x @ weights['head'] + weights['head_bias'])
    return -jnp.mean(jnp.take_along_axis(scores, y[..., None], -1)), jnp.mean(scores.argmax(-1) == y)


def step(carry, batch):
    weights, state, loss_sum, accuracy_sum = carry
    (loss, accuracy), slopes = jax.value_and_grad(loss_and_accuracy, has_aux=True)(weights, *batch)
    weights, state = adam(weights, state, slopes)
    return (weights, state, loss_sum + loss, accuracy_sum + accuracy), None


def epoch(weights, state, x, y, order):
    carry, _ = jax.lax.scan(lambda carry, batch: step(carry, (x[batch], y[batch])), (weights, state, 0.0, 0.0), order)
    return carry


def first_block(rng):
    per_head = WIDTH // HEADS
    zeros, ones = np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32)
    w = {name: glorot(rng, WIDTH, WIDTH).reshape(WIDTH, HEADS, per_head) for name in ('query', 'key', 'value')}
    w |= {f'{name}_bias': np.zeros((HEADS, per_head), np.float32) for name in ('query', 'key', 'value')}
    return w | {
        'out': glorot(rng, WIDTH, WIDTH).reshape(HEADS, per_head, WIDTH), 'out_bias': zeros,
        'up': glorot(rng, WIDTH, HIDDEN), 'up_bias': np.zeros(HIDDEN, np.float32),
        'down': glorot(rng, HIDDEN, WIDTH), 'down_bias': zeros,
        'gain_1': ones, 'offset_1': zeros, 'gain_2': ones, 'offset_2': zeros,
    }  # fmt: skip


x, y = transformer_data()
rng = np.random.default_rng(1)
weights = {
    'blocks': [first_block(rng) for _ in range(BLOCKS)],
    'head': glorot(rng, WIDTH, 10),
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
