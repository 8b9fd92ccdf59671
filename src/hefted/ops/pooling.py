"""Pooling over any number of axes, channels last: the largest or the mean value of each window.

On CPU, XLA's general window costs many times a maximum of strided slices, its gradient more still. So small windows are
taken apart: one slice for each place in the window. The first of equal values gets the gradient, as with XLA's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.variables import Array

Sizes = tuple[int, ...]
# A window of more places than this is left to XLA.
_SMALL = 32


def max_pool(x: Array, pool: Sizes, strides: Sizes, padding: str) -> Array:
    """The largest value of each window of (batch, …, channels).

    Args:
        x: Values, channels last.
        pool: Size of the window.
        strides: Steps of the window.
        padding: 'valid' or 'same'.

    Example:
        >>> import jax.numpy as jnp
        >>> max_pool(jnp.asarray([[[1.0], [3.0], [2.0], [0.0]]]), (2,), (2,), 'valid').ravel().tolist()
        [3.0, 2.0]
    """
    lowest = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    if math.prod(pool) > _SMALL:
        window = (1, *pool, 1), (1, *strides, 1)
        return lax.reduce_window(x, np.asarray(lowest, x.dtype)[()], lax.max, *window, padding.upper())
    return _largest(_padded(x, pool, strides, padding, lowest), pool, strides)


def average_pool(x: Array, pool: Sizes, strides: Sizes, padding: str) -> Array:
    """The mean of each window of (batch, …, channels); what lies outside the input does not count.

    Args:
        x: Values, channels last.
        pool: Size of the window.
        strides: Steps of the window.
        padding: 'valid' or 'same'.
    """
    total = _sums(x, pool, strides, padding)
    if padding == 'valid':
        return total / math.prod(pool)
    return total / _sums(jnp.ones((1, *x.shape[1:-1], 1), x.dtype), pool, strides, padding)


def _sums(x: Array, pool: Sizes, strides: Sizes, padding: str) -> Array:
    if math.prod(pool) > _SMALL:
        window = (1, *pool, 1), (1, *strides, 1)
        return lax.reduce_window(x, np.zeros((), x.dtype)[()], lax.add, *window, padding.upper())
    padded = _padded(x, pool, strides, padding, 0)
    return reduce(lax.add, (piece for _, piece in _pieces(padded, pool, strides)))


def _padded(x: Array, pool: Sizes, strides: Sizes, padding: str, value: float) -> Array:
    """The input with the edges that the padding asks for."""
    pads = lax.padtype_to_pads(x.shape[1:-1], pool, strides, padding.upper())
    if all(low == high == 0 for low, high in pads):
        return x
    edges = ((0, 0, 0), *((int(low), int(high), 0) for low, high in pads), (0, 0, 0))
    return lax.pad(x, np.asarray(value, x.dtype)[()], edges)


def _pieces(x: Array, pool: Sizes, strides: Sizes) -> Iterator[tuple[Sizes, Array]]:
    """For each place in the window, the place and what lies there in all windows."""
    counts = _counts(x, pool, strides)
    for place in np.ndindex(*pool):
        ends = (p + (n - 1) * s + 1 for p, n, s in zip(place, counts, strides, strict=True))
        yield place, lax.slice(x, (0, *place, 0), (x.shape[0], *ends, x.shape[-1]), (1, *strides, 1))


def _counts(x: Array, pool: Sizes, strides: Sizes) -> Sizes:
    return tuple((size - p) // s + 1 for size, p, s in zip(x.shape[1:-1], pool, strides, strict=True))


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _largest(x: Array, pool: Sizes, strides: Sizes) -> Array:
    return reduce(lax.max, (piece for _, piece in _pieces(x, pool, strides)))


def _forward(x: Array, pool: Sizes, strides: Sizes) -> tuple[Array, tuple[Array, Array]]:
    out = _largest(x, pool, strides)
    return out, (x, out)


def _backward(pool: Sizes, strides: Sizes, saved: tuple[Array, Array], grad: Array) -> tuple[Array]:
    x, out = saved
    if pool == strides:
        return (_of_windows_apart(x, out, grad, pool),)
    free = jnp.ones(out.shape, bool)
    zero = np.zeros((), grad.dtype)[()]
    total: Array | None = None
    for place, piece in _pieces(x, pool, strides):
        here = free & (piece == out)
        free = free & ~here
        share = lax.select(here, grad, jnp.zeros_like(grad))
        edges = [
            (p, size - p - (n - 1) * s - 1, s - 1)
            for p, size, n, s in zip(place, x.shape[1:-1], out.shape[1:-1], strides, strict=True)
        ]
        spread = lax.pad(share, zero, ((0, 0, 0), *edges, (0, 0, 0)))
        total = spread if total is None else lax.add(total, spread)
    assert total is not None
    return (total,)


_largest.defvjp(_forward, _backward)


def _of_windows_apart(x: Array, out: Array, grad: Array, pool: Sizes) -> Array:
    """The gradient where windows do not overlap: each value looks whether it is the one that its window took."""
    pieces = [piece for _, piece in _pieces(x, pool, pool)]
    last = len(pieces) - 1
    taken = jnp.full(out.shape, last, np.int32)
    for number in range(last - 1, -1, -1):
        taken = lax.select(pieces[number] == out, jnp.full(out.shape, number, np.int32), taken)
    # (batch, windows, 1, …, channels) beside (1, 1, places, …, 1), and then in the input's shape
    apart = (out.shape[0], *(n for size in out.shape[1:-1] for n in (size, 1)), out.shape[-1])
    numbers = np.arange(last + 1, dtype=np.int32).reshape((1, *(n for size in pool for n in (1, size)), 1))
    spread = jnp.where(taken.reshape(apart) == numbers, grad.reshape(apart), np.zeros((), grad.dtype))
    covered = spread.reshape(
        x.shape[0], *(n * size for n, size in zip(out.shape[1:-1], pool, strict=True)), x.shape[-1]
    )
    edges = [(0, whole - part, 0) for whole, part in zip(x.shape, covered.shape, strict=True)]
    return lax.pad(covered, np.zeros((), grad.dtype)[()], edges)


def adaptive_max_pool(x: Array, sizes: Sizes) -> Array:
    """Windows that cover (batch, …, channels) evenly, so many along each axis: the largest of each."""
    for axis, size in enumerate(sizes, 1):
        starts, ends = _even(x.shape[axis], size)
        wide = int((ends - starts).max())
        # A shorter window meets its last value again, which changes no maximum.
        index = np.minimum(starts[:, None] + np.arange(wide), ends[:, None] - 1)
        before, behind = x.shape[:axis], x.shape[axis + 1 :]
        windows = x.take(index.ravel(), axis).reshape(math.prod(before), size * wide, math.prod(behind))
        x = max_pool(windows, (wide,), (wide,), 'valid').reshape(*before, size, *behind)
    return x


def adaptive_average_pool(x: Array, sizes: Sizes) -> Array:
    """Windows that cover (batch, …, channels) evenly, so many along each axis: the mean of each."""
    for axis, size in enumerate(sizes, 1):
        starts, ends = _even(x.shape[axis], size)
        places = np.arange(x.shape[axis])
        inside = (places >= starts[:, None]) & (places < ends[:, None])
        shares = inside / (ends - starts)[:, None]
        x = jnp.moveaxis(jnp.tensordot(x, jnp.asarray(shares, x.dtype), ((axis,), (1,))), -1, axis)
    return x


def _even(length: int, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each window starts and ends: rounded outwards, so that neighbours may share a value."""
    numbers = np.arange(windows + 1) * length
    return numbers[:-1] // windows, -(-numbers[1:] // windows)
