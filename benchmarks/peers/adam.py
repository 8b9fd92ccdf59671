"""Adam, as Keras 3 computes it, in JAX, for the hand-written programs."""

import jax
import jax.numpy as jnp
import numpy as np


def moments(weights):
    """Both moments, and the number of steps done."""
    return jax.tree.map(np.zeros_like, weights), jax.tree.map(np.zeros_like, weights), np.float32(0)


def adam(weights, state, slopes, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """The weights and the moments after one step (Kingma and Ba, 2015, the efficient order of section 2)."""
    first, second, count = state
    count += 1
    alpha = rate * jnp.sqrt(1 - beta_2**count) / (1 - beta_1**count)
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - beta_1), first, slopes)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - beta_2), second, slopes)
    weights = jax.tree.map(lambda w, m, v: w - m * alpha / (jnp.sqrt(v) + epsilon), weights, first, second)
    return weights, (first, second, count)
