"""Steps of BERT's pre-training in Flax (linen) with Optax, as its examples are written: one jitted step in a loop."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from bert_common import BATCH, DECAY, DROPOUT, HALF, PLACES, RATE, SEGMENTS, SIZES, STEPS, Clock, data, jax_compilations

DTYPE = jnp.bfloat16 if HALF else jnp.float32
START = nn.initializers.normal(0.02)


def dense(width):
    return nn.Dense(width, dtype=DTYPE, kernel_init=START)


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        drop = nn.Dropout(DROPOUT, deterministic=False)
        attend = nn.MultiHeadDotProductAttention(
            SIZES['heads'], dtype=DTYPE, kernel_init=START, dropout_rate=DROPOUT, deterministic=False
        )
        x = nn.LayerNorm(1e-12, dtype=DTYPE)(x + drop(attend(x)))
        wide = dense(SIZES['width'])(nn.gelu(dense(SIZES['hidden'])(x), approximate=False))
        return nn.LayerNorm(1e-12, dtype=DTYPE)(x + drop(wide))


class Pretrainer(nn.Module):
    @nn.compact
    def __call__(self, ids, segments, places):
        table = nn.Embed(SIZES['vocabulary'], SIZES['width'], embedding_init=START, dtype=DTYPE)
        x = table(ids)
        x += nn.Embed(PLACES, SIZES['width'], embedding_init=START, dtype=DTYPE)(jnp.arange(ids.shape[1]))
        x += nn.Embed(SEGMENTS, SIZES['width'], embedding_init=START, dtype=DTYPE)(segments)
        x = nn.Dropout(DROPOUT, deterministic=False)(nn.LayerNorm(1e-12, dtype=DTYPE)(x))
        for _ in range(SIZES['layers']):
            x = Block()(x)
        order = dense(2)(jnp.tanh(dense(SIZES['width'])(x[:, 0])))
        masked = jnp.take_along_axis(x, places[..., None], 1)
        masked = nn.LayerNorm(1e-12, dtype=DTYPE)(nn.gelu(dense(SIZES['width'])(masked), approximate=False))
        bias = self.param('bias', nn.initializers.zeros, (SIZES['vocabulary'],))
        return table.attend(masked).astype(jnp.float32) + bias, order.astype(jnp.float32)


rows, compilations = data(), jax_compilations()
model, optimizer = Pretrainer(), optax.adamw(RATE, weight_decay=DECAY)
keys = jax.random.split(jax.random.key(0))
weights = model.init({'params': keys[0], 'dropout': keys[1]}, *(each[:1] for each in rows[:3]))['params']
state = weights, optimizer.init(weights), jax.random.key(1)


@partial(jax.jit, donate_argnums=0)
def step(state, batch):
    weights, moments, key = state
    key, use = jax.random.split(key)
    ids, segments, places, tokens, follows = batch

    def loss_of(weights):
        scores, order = model.apply({'params': weights}, ids, segments, places, rngs={'dropout': use})
        told = optax.softmax_cross_entropy_with_integer_labels
        return told(scores, tokens).mean() + told(order, follows).mean()

    loss, gradient = jax.value_and_grad(loss_of)(weights)
    change, moments = optimizer.update(gradient, moments, weights)
    return (optax.apply_updates(weights, change), moments, key), loss


def epoch(state):
    total = 0.0
    for batch in np.random.default_rng(0).permutation(BATCH * STEPS).reshape(STEPS, BATCH):
        state, loss = step(state, tuple(each[batch] for each in rows))
        total += loss
    return state, float(total) / STEPS


state, _ = epoch(state)
clock = Clock(compilations, jax.default_backend())
clock.report(epoch(state)[1])
