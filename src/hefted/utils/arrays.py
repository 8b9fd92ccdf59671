"""What user code may pass as an array, made one; and the fuzz factor that keeps logarithms finite."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from hefted.errors import ArgumentError
from hefted.variables import Array, Variable

_epsilon = 1e-7


def epsilon() -> float:
    """The fuzz factor of losses and metrics (1e-7 unless set)."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the fuzz factor."""
    global _epsilon
    if not value > 0:
        raise ArgumentError(f'Expected value to be a positive float, received {value!r}.')
    _epsilon = value


def as_array(x: Any, dtype: Any = None) -> Array:
    """A JAX array (or tracer) of what may be an array, a Variable, a list or a number.

    Example:
        >>> as_array([1, 2], 'float32')
        Array([1., 2.], dtype=float32)
    """
    if isinstance(x, Variable):
        x = x.value
    if isinstance(x, jax.Array):
        return x if dtype is None or x.dtype == dtype else jax.lax.convert_element_type(x, dtype)
    return jnp.asarray(x, dtype)


def as_float(x: Any) -> Array:
    """Like `as_array`, integers and booleans made floats."""
    x = as_array(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else as_array(x, 'float32')


def clip(x: Array, low: float, high: float) -> Array:
    """`jnp.clip` without its nested programs: its bits, and its gradients at ties."""
    return _clip(low, high, x)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _clip(low: float, high: float, x: Array) -> Array:
    return jax.lax.min(jax.lax.max(x, jax.lax.full_like(x, low)), jax.lax.full_like(x, high))


@_clip.defjvp
def _clip_slope(low: float, high: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """As of a maximum and a minimum: 1 inside, 1/2 on an edge, 0 outside; theirs divide, which XLA does not fuse."""
    (x,), (tangent,) = primals, tangents
    one, half, zero = (jax.lax.full_like(x, value) for value in (1.0, 0.5, 0.0))
    least, most = jax.lax.full_like(x, low), jax.lax.full_like(x, high)
    inside = jax.lax.bitwise_and(jax.lax.gt(x, least), jax.lax.lt(x, most))
    edge = jax.lax.bitwise_or(jax.lax.eq(x, least), jax.lax.eq(x, most))
    share = jax.lax.select(inside, one, jax.lax.select(edge, half, zero))
    return _clip(low, high, x), jax.lax.mul(tangent, share)


def select(condition: Array, yes: Array, no: Any) -> Array:
    """`jnp.where` without its nested program; `no` may be a number."""
    return jax.lax.select(condition, yes, no if isinstance(no, jax.Array) else jax.lax.full_like(yes, no))


def divide_no_nan(x: Array, y: Array) -> Array:
    """`x / y`, 0 where `y` is 0."""
    zero = jax.lax.eq(y, jax.lax.full_like(y, 0))
    return select(zero, jax.lax.full_like(x, 0), jax.lax.div(x, select(zero, jax.lax.full_like(y, 1), y)))


def normalize(x: Array, axis: int = -1) -> Array:
    """The array with norm 1 along `axis`; a norm under `epsilon()` counts as that."""
    squares = jax.lax.square(x).sum(axis=axis, keepdims=True)
    return x * jax.lax.min(jax.lax.rsqrt(squares), jax.lax.full_like(squares, 1 / _epsilon))


def squeeze_or_expand(x: Array, y: Array, expand_rank_1: bool = True) -> tuple[Array, Array]:
    """Give two arrays one rank where they differ by a last axis of size 1, as Keras does.

    `(batch,)` beside `(batch, 1)` becomes `(batch, 1)`; otherwise the last axis goes.
    """
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        if y.ndim == 1 and expand_rank_1:
            return x, jax.lax.expand_dims(y, (1,))
        return jax.lax.squeeze(x, (x.ndim - 1,)), y
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        y, x = squeeze_or_expand(y, x, expand_rank_1)
    return x, y
