"""Dot-product attention over heads, and the masks that go with it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.variables import Array


def dot_product_attention(
    query: Array, key: Array, value: Array, mask: Any, scale: float, flash: bool | None = None
) -> Array:
    """`softmax(scale * query key^T) value` for each head (Vaswani et al. 2017).

    Where a row's mask is False throughout, its output is the mean of the values.

    Args:
        query: (batch, queries, heads, size).
        key: (batch, keys, heads, size).
        value: (batch, keys, heads, value size).
        mask: Booleans that broadcast to (batch, heads, queries, keys), True where to attend; or None.
        scale: What scores are multiplied by.
        flash: Whether to use a fused kernel of the accelerator's.

    Returns:
        (batch, queries, heads, value size).
    """
    if flash and jax.default_backend() == 'gpu':
        return jax.nn.dot_product_attention(query, key, value, mask=mask, scale=scale, implementation='cudnn')
    heads = ((0, 2), (0, 2))
    scores = lax.dot_general(query, key, (((3,), (3,)), heads), preferred_element_type=np.float32)
    scores = lax.mul(scores, np.float32(scale))
    if mask is not None:
        scores = jnp.where(mask, scores, np.float32(-0.7 * np.finfo(np.float32).max))
    weights = softmax(scores).astype(key.dtype)
    mixed = lax.dot_general(weights, value, (((3,), (1,)), ((0, 1), (0, 2))))
    return lax.transpose(mixed, (0, 2, 1, 3))


def softmax(scores: Array) -> Array:
    """Over the last axis."""
    return jax.nn.softmax(scores, axis=-1)


def causal_mask(queries: int, keys: int) -> Array:
    """(queries, keys) booleans: query i attends to the keys up to i."""
    return lax.ge(
        lax.broadcasted_iota(np.int32, (queries, keys), 0), lax.broadcasted_iota(np.int32, (queries, keys), 1)
    )


def window_mask(queries: int, keys: int, window: int) -> Array:
    """(queries, keys) booleans: query i attends to the keys less than `window` away."""
    away = jnp.abs(jnp.arange(queries)[:, None] - jnp.arange(keys)[None, :])
    return away < window


def joined(*masks: Any) -> Any:
    """All masks that are not None, combined with `and`; None if there are none."""
    given = [mask for mask in masks if mask is not None]
    result: Any = given[0] if given else None
    for mask in given[1:]:
        result = jnp.logical_and(result, mask)
    return result
