"""Attention: a mean of values, weighed by how well each one's key fits the query."""

from __future__ import annotations

from typing import Any

import jax
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays, result_type
from hefted.variables import Array


@on_arrays('query', 'key', 'value', 'bias', 'mask')
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """`softmax(scale * query @ key.T + bias) @ value` for each head.

    Args:
        query: (batch, targets, heads, size).
        key: (batch, sources, heads or a divisor of it, size).
        value: As the key.
        bias: Added to the scores (batch, heads, targets, sources), broadcast.
        mask: True where a target may look at a source, broadcast to the scores.
        scale: `1 / sqrt(size)` if None.
        is_causal: Whether a target looks at sources up to its own place alone.
        flash_attention: True asks for cuDNN's kernel, which needs a GPU; None and False take XLA's.
        attn_logits_soft_cap: Only None: Keras has it for TPUs.

    Returns:
        (batch, targets, heads, size).

    Raises:
        ValueError: An input has not four axes, or a soft cap is given.

    Source: Vaswani et al. 2017, "Attention is all you need".
    """
    if attn_logits_soft_cap is not None:
        raise ArgumentError('Expected attn_logits_soft_cap to be None: it is supported on TPUs alone.')
    for name, x in {'query': query, 'key': key, 'value': value}.items():
        if x.ndim != 4:
            raise ShapeError(f'Expected {name} (batch, length, heads, size), received shape {x.shape}.')
    dtype = result_type(query.dtype, key.dtype, value.dtype)
    query, key, value = (lax.convert_element_type(x, dtype) for x in (query, key, value))
    return jax.nn.dot_product_attention(
        query, key, value,
        bias=None if bias is None else lax.convert_element_type(bias, dtype),
        mask=mask, scale=scale, is_causal=is_causal, implementation='cudnn' if flash_attention else 'xla',
    )  # fmt: skip
