"""Normalizing by statistics of some axes, in float32 at least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hefted.variables import Array

Axes = Sequence[int]


def layer_normalization(x: Array, gamma: Any, beta: Any, axes: Axes, epsilon: float) -> Array:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` over `axes` (Ba et al. 2016).

    Args:
        x: Any shape.
        gamma: Of the sizes of `axes`, or None.
        beta: The same.
        axes: Which axes the mean and the variance are taken over.
        epsilon: Added to the variance.

    Returns:
        As `x`.
    """
    wide = widened(x)
    mean = jnp.mean(wide, tuple(axes), keepdims=True)
    centred = wide - mean
    factor = lax.rsqrt(jnp.mean(lax.square(centred), tuple(axes), keepdims=True) + epsilon)
    return scaled(centred * factor, gamma, beta, axes).astype(x.dtype)


def rms_normalization(x: Array, scale: Any, axes: Axes, epsilon: float) -> Array:
    """`scale * x / sqrt(mean(x^2) + epsilon)` over `axes` (Zhang & Sennrich 2019)."""
    wide = widened(x)
    factor = lax.rsqrt(jnp.mean(lax.square(wide), tuple(axes), keepdims=True) + epsilon)
    return scaled(wide * factor, scale, None, axes).astype(x.dtype)


def unit_normalization(x: Array, axes: Axes | None, epsilon: float = 1e-12) -> Array:
    """`x / |x|` over `axes`; a norm below `epsilon` counts as that."""
    total = jnp.sum(lax.square(x), None if axes is None else tuple(axes), keepdims=True)
    return x * jnp.minimum(lax.rsqrt(total), 1.0 / epsilon)


def widened(x: Array) -> Array:
    """At least float32: 16-bit sums overflow."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def scaled(x: Array, gamma: Any, beta: Any, axes: Axes) -> Array:
    """`gamma * x + beta`, both of the sizes of `axes`."""
    shape = [1] * x.ndim
    for axis in axes:
        shape[axis] = x.shape[axis]
    for value, combine in ((gamma, jax.lax.mul), (beta, jax.lax.add)):
        if value is not None:
            x = combine(x, jnp.broadcast_to(value.astype(x.dtype).reshape(shape), x.shape))
    return x
