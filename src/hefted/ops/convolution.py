"""Convolution and max-pooling whose gradients stay fast inside a compiled loop on CPU.

XLA's own gradient of a convolution is one with permuted dimensions. On CPU it leaves the fast path for those inside a
loop body, and a step takes ten times as long. Written out as plain NHWC/HWIO convolutions they stay on it.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from hefted.variables import Array

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
_LAYOUT = ('NHWC', 'HWIO', 'NHWC')


def conv2d(x: Array, kernel: Array, strides: Pair, padding: str, dilation: Pair = (1, 1), groups: int = 1) -> Array:
    """Convolve (batch, height, width, in) with (height, width, in / groups, out).

    Args:
        x: Images.
        kernel: Filters, of the same dtype.
        strides: Of the window.
        padding: 'VALID' or 'SAME'.
        dilation: Of the kernel.
        groups: Number of groups of channels.

    Returns:
        (batch, height', width', out).
    """
    spread = tuple((k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True))
    rows, columns = lax.padtype_to_pads(x.shape[1:3], spread, strides, padding)
    pads = ((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])))
    if groups != 1:
        return _plain(x, kernel, strides, pads, dilation, groups)
    return _conv2d(x, kernel, strides, pads, dilation)


def _plain(x: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair, groups: int = 1) -> Array:
    return lax.conv_general_dilated(
        x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=_LAYOUT, feature_group_count=groups
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv2d(x: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    return _plain(x, kernel, strides, pads, dilation)


def _forward(x: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> tuple[Array, tuple[Array, Array]]:
    return _plain(x, kernel, strides, pads, dilation), (x, kernel)


def _backward(
    strides: Pair, pads: Pads, dilation: Pair, saved: tuple[Array, Array], grad: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    return (
        _input_gradient(x, kernel, grad, strides, pads, dilation),
        _kernel_gradient(x, kernel, grad, strides, pads, dilation),
    )


def _input_gradient(x: Array, kernel: Array, grad: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    """The gradient spread by the strides, convolved with the kernel turned round."""
    turned = jnp.flip(kernel, (0, 1)).transpose(0, 1, 3, 2)
    back: list[Pair] = []
    for axis in (0, 1):
        reach = (kernel.shape[axis] - 1) * dilation[axis]
        low = reach - pads[axis][0]
        spread = (grad.shape[axis + 1] - 1) * strides[axis] + 1
        back.append((low, x.shape[axis + 1] + reach - low - spread))
    return lax.conv_general_dilated(
        grad, turned, (1, 1), back, lhs_dilation=strides, rhs_dilation=dilation, dimension_numbers=_LAYOUT
    )


def _kernel_gradient(x: Array, kernel: Array, grad: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    """The images convolved with the gradient, batch as the channels that are summed over."""
    ends: list[Pair] = []
    for axis in (0, 1):
        low = pads[axis][0]
        needed = (kernel.shape[axis] - 1) * dilation[axis] + (grad.shape[axis + 1] - 1) * strides[axis] + 1
        ends.append((low, needed - x.shape[axis + 1] - low))
    out = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0), grad.transpose(1, 2, 0, 3), dilation, ends,
        rhs_dilation=strides, dimension_numbers=_LAYOUT,
    )  # fmt: skip
    return out.transpose(1, 2, 0, 3)


_conv2d.defvjp(_forward, _backward)


def max_pool2d(x: Array, pool: Pair, strides: Pair, padding: str) -> Array:
    """The largest value of each window of (batch, height, width, channels).

    Windows that touch but do not overlap are maxima of strided slices, which costs a fraction of XLA's general window
    on CPU; the first of equal values gets the gradient in both forms.
    """
    if pool == strides and padding == 'VALID':
        return _pool_slices(x, pool)
    lowest = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return lax.reduce_window(x, jnp.asarray(lowest, x.dtype), lax.max, (1, *pool, 1), (1, *strides, 1), padding)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _pool_slices(x: Array, pool: Pair) -> Array:
    slices = _slices(x, pool)
    out = slices[0]
    for piece in slices[1:]:
        out = lax.max(out, piece)
    return out


def _slices(x: Array, pool: Pair) -> list[Array]:
    high, wide = x.shape[1] // pool[0], x.shape[2] // pool[1]
    return [
        lax.slice(
            x, (0, i, j, 0), (x.shape[0], i + (high - 1) * pool[0] + 1, j + (wide - 1) * pool[1] + 1, x.shape[3]),
            (1, *pool, 1),
        )
        for i in range(pool[0]) for j in range(pool[1])
    ]  # fmt: skip


def _pool_forward(x: Array, pool: Pair) -> tuple[Array, tuple[Array, Array]]:
    out = _pool_slices(x, pool)
    return out, (x, out)


def _pool_backward(pool: Pair, saved: tuple[Array, Array], grad: Array) -> tuple[Array]:
    x, out = saved
    batch, high, wide, channels = out.shape
    free = jnp.ones(out.shape, bool)
    pieces: list[Array] = []
    for piece in _slices(x, pool):
        here = free & (piece == out)
        free = free & ~here
        pieces.append(lax.select(here, grad, jnp.zeros_like(grad)))
    rows = [
        jnp.stack(pieces[i * pool[1] : (i + 1) * pool[1]], axis=3).reshape(batch, high, wide * pool[1], channels)
        for i in range(pool[0])
    ]
    full = jnp.stack(rows, axis=2).reshape(batch, high * pool[0], wide * pool[1], channels)
    rest = ((0, 0), (0, x.shape[1] - high * pool[0]), (0, x.shape[2] - wide * pool[1]), (0, 0))
    return (jnp.pad(full, rest),)


_pool_slices.defvjp(_pool_forward, _pool_backward)
