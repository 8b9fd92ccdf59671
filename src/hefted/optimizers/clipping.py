"""Clipping of gradients: each element, each gradient's norm, or the norm of all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from hefted.variables import Array


def by_value(grads: Sequence[Array], limit: float) -> list[Array]:
    """Each element at most `limit` in size."""
    return [jnp.clip(g, -limit, limit) for g in grads]


def by_global_norm(grads: Sequence[Array], limit: float) -> list[Array]:
    """Scale all gradients so that their norm together is at most `limit`; NaN when it is not finite."""
    norm = jnp.sqrt(sum((g * g).sum() for g in grads))
    scale = limit * jnp.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    return [g * scale for g in grads]


def by_norm(gradient: Array, limit: float, axes: Any = None) -> Array:
    """Scale one gradient so that its norm, or that along `axes`, is at most `limit`."""
    norm = jnp.sqrt((gradient * gradient).sum(axes, keepdims=axes is not None))
    return gradient * limit / jnp.maximum(norm, limit)
