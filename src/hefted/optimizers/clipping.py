"""Clipping of gradients: each element, each gradient's norm, or the norm of all together."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from hefted.variables import Array


def clip(
    grads: Sequence[Array], clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> Sequence[Array]:
    """Clip gradients in the one way that is given, if any."""
    if clipnorm:
        return [_by_norm(g, clipnorm) for g in grads]
    if global_clipnorm:
        return by_global_norm(grads, global_clipnorm)
    if clipvalue:
        return [jnp.clip(g, -clipvalue, clipvalue) for g in grads]
    return grads


def by_global_norm(grads: Sequence[Array], limit: float) -> list[Array]:
    """Scale all gradients so that their norm together is at most `limit`; NaN when it is not finite."""
    norm = jnp.sqrt(sum((g * g).sum() for g in grads))
    scale = limit * jnp.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    return [g * scale for g in grads]


def _by_norm(gradient: Array, limit: float) -> Array:
    norm = jnp.sqrt((gradient * gradient).sum())
    return gradient * limit / jnp.maximum(norm, limit)
