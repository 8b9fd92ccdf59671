"""Convolution over any number of axes, forwards and transposed, whose gradients are convolutions of the same kind.

XLA's own gradient of a convolution is one with permuted dimensions. On CPU it leaves the fast path for those inside a
loop body, and a step takes ten times as long. Here both gradients are written in the plain layout (channels last), by
the one function whose gradients they are: so gradients of gradients are plain as well.
"""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.variables import Array

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
_LETTERS = 'DHW'
# Up to so many numbers meet in one of the output, and so many filters at least, for a convolution to be their sum.
_FEW_TERMS, _MANY_FILTERS = 32, 8


class Window(NamedTuple):
    """How a kernel goes over its input, by spatial axis.

    Attributes:
        strides: Steps of the kernel.
        pads: Zeros before and after the (spread) input; negative ones cut.
        spread: Distance of the input's values, 1 without zeros between them.
        dilation: Distance of the kernel's values.
    """

    strides: Sizes
    pads: Pads
    spread: Sizes
    dilation: Sizes


def convolve(x: Array, kernel: Array, strides: Sizes, padding: str, dilation: Sizes, groups: int = 1) -> Array:
    """Convolve (batch, …, in) with (…, in / groups, out).

    Args:
        x: Values, channels last, over one, two or three axes.
        kernel: Filters, of the same dtype.
        strides: Steps of the kernel.
        padding: 'valid', 'same' or 'causal' (all of it before the first value).
        dilation: Distance of the kernel's values.
        groups: Number of groups of channels.

    Returns:
        (batch, …, out).

    Example:
        >>> import jax.numpy as jnp
        >>> convolve(jnp.ones((1, 5, 1)), jnp.ones((3, 1, 2)), (1,), 'same', (1,)).shape
        (1, 5, 2)
    """
    window = _window(x, kernel, strides, padding, dilation)
    if jax.default_backend() != 'cpu':
        return _plain(x, kernel, window, groups)
    if groups == 1:
        return _convolve(x, kernel, window)
    # XLA's own form of groups takes five to ten times as long here.
    each = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1), strict=True)
    return jnp.concatenate([_convolve(*one, window) for one in each], -1)


def depthwise(x: Array, kernel: Array, strides: Sizes, padding: str, dilation: Sizes) -> Array:
    """Convolve each channel of (batch, …, in) by itself with (…, in, multiplier): (batch, …, in * multiplier)."""
    *places, channels, multiplier = kernel.shape
    window = _window(x, kernel, strides, padding, dilation)
    kernel = kernel.reshape(*places, 1, channels * multiplier)
    if jax.default_backend() != 'cpu':
        return _plain(x, kernel, window, channels)
    repeated = x if multiplier == 1 else jnp.repeat(x, multiplier, -1)
    return _by_channel(repeated, kernel, window)


def convolve_transposed(
    x: Array, kernel: Array, strides: Sizes, padding: str, dilation: Sizes, output_padding: Sizes | None = None
) -> Array:
    """The gradient of a convolution as an operation: (batch, …, in) with (…, out, in) to (batch, …, out), larger.

    Args:
        x: Values, channels last.
        kernel: Filters, of the same dtype.
        strides: Distance of the input's values in the output.
        padding: 'valid' or 'same'.
        dilation: Distance of the kernel's values.
        output_padding: Added to the output's size behind; None for the size that a 'valid' or 'same' convolution of
            these strides comes from.
    """
    turned = jnp.flip(kernel, tuple(range(len(strides)))).swapaxes(-1, -2)
    ones = (1,) * len(strides)
    extras = output_padding or (None,) * len(strides)
    reach = _reach(kernel, dilation)
    pads = tuple(transposed_pads(*each, padding) for each in zip(reach, strides, extras, strict=True))
    window = Window(ones, pads, strides, dilation)
    return (_convolve if jax.default_backend() == 'cpu' else _plain)(x, turned, window)


def transposed_pads(reach: int, stride: int, extra: int | None, padding: str) -> tuple[int, int]:
    """Zeros around the spread input of a transposed convolution along one axis, as Keras on JAX has them.

    Args:
        reach: Size of the spread kernel.
        stride: Distance of the input's values in the output.
        extra: The output padding.
        padding: 'valid' or 'same'.
    """
    if padding == 'valid':
        return reach - 1, reach - 1 + (max(stride - reach, 0) if extra is None else extra)
    total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
    low = min((total + 1) // 2, reach - 1)
    return low, total - low


def _reach(kernel: Array, dilation: Sizes) -> Sizes:
    return tuple((k - 1) * d + 1 for k, d in zip(kernel.shape[:-2], dilation, strict=True))


def _window(x: Array, kernel: Array, strides: Sizes, padding: str, dilation: Sizes) -> Window:
    reach = _reach(kernel, dilation)
    if padding == 'causal':
        pads = tuple((size - 1, 0) for size in reach)
    else:
        found = lax.padtype_to_pads(x.shape[1:-1], reach, strides, padding.upper())
        pads = tuple((int(low), int(high)) for low, high in found)
    return Window(strides, pads, (1,) * len(strides), dilation)


def _plain(x: Array, kernel: Array, window: Window, groups: int = 1) -> Array:
    letters = _LETTERS[-len(window.strides) :]
    layout = (f'N{letters}C', f'{letters}IO', f'N{letters}C')
    return lax.conv_general_dilated(
        x, kernel, window.strides, window.pads, window.spread, window.dilation, layout, groups
    )


def _back(x: Array, kernel: Array, grad: Array, window: Window) -> Window:
    """How the kernel, turned round, goes over the gradient to give that of the input."""
    pads: list[tuple[int, int]] = []
    for axis, reach in enumerate(_reach(kernel, window.dilation)):
        low = reach - 1 - window.pads[axis][0]
        needed = _extent(x, axis, window.spread) + reach - 1
        pads.append((low, needed - low - _extent(grad, axis, window.strides)))
    return Window(window.spread, tuple(pads), window.strides, window.dilation)


def _across(x: Array, kernel: Array, grad: Array, window: Window) -> Window:
    """How the gradient goes over the input to give that of the kernel."""
    pads: list[tuple[int, int]] = []
    for axis, reach in enumerate(_reach(kernel, window.dilation)):
        low = window.pads[axis][0]
        needed = reach - 1 + _extent(grad, axis, window.strides)
        pads.append((low, needed - _extent(x, axis, window.spread) - low))
    return Window(window.dilation, tuple(pads), window.spread, window.strides)


def _turned(kernel: Array) -> Array:
    return jnp.flip(kernel, tuple(range(kernel.ndim - 2)))


def _extent(x: Array, axis: int, distance: Sizes) -> int:
    """How far the values of a spatial axis reach when they are so far apart."""
    return (x.shape[axis + 1] - 1) * distance[axis] + 1


# All channels to all filters


def quickest(x: Array, kernel: Array, window: Window) -> Array:
    """Channels last, in the form that XLA runs fastest on CPUs: a convolution, or a sum of few terms."""
    *places, channels, filters = kernel.shape
    few = math.prod(places) * channels <= _FEW_TERMS and filters >= _MANY_FILTERS
    return (_summed if few and x.dtype == np.float32 else _plain)(x, kernel, window)


def _summed(x: Array, kernel: Array, window: Window) -> Array:
    """As a sum over places and channels.

    XLA fuses it with what follows; its own convolution of a picture's one or three channels takes two to six times as
    long.
    """
    padded, counts = _padded(x, window), _counts(x, kernel, window)
    terms: list[Array] = []
    for place in np.ndindex(kernel.shape[:-2]):
        met = _met(padded, place, window.dilation, window.strides, counts)
        terms += [met[..., channel : channel + 1] * kernel[(*place, channel)] for channel in range(x.shape[-1])]
    return reduce(lax.add, terms)


def _counts(x: Array, kernel: Array, window: Window) -> Sizes:
    """Sizes of the output's spatial axes."""
    axes = zip(window.pads, _reach(kernel, window.dilation), window.strides, strict=True)
    return tuple(
        (_extent(x, axis, window.spread) + low + high - reach) // stride + 1
        for axis, ((low, high), reach, stride) in enumerate(axes)
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: Array, kernel: Array, window: Window) -> Array:
    return quickest(x, kernel, window)


def _convolve_forward(x: Array, kernel: Array, window: Window) -> tuple[Array, tuple[Array, Array]]:
    # Not `quickest`: where this is differentiated in turn it must have these gradients too.
    return _convolve(x, kernel, window), (x, kernel)


def _convolve_backward(window: Window, saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    x_grad = _convolve(grad, _turned(kernel).swapaxes(-1, -2), _back(x, kernel, grad, window))
    # The batch takes the place of the channels: it is what is summed over. XLA must not fuse the transposing with
    # what comes before: it would be done value by value.
    last = x.ndim - 1
    spatial = range(1, last)
    swapped = lax.optimization_barrier((x.transpose(last, *spatial, 0), grad.transpose(*spatial, 0, last)))
    kernel_grad: Array = _convolve(*swapped, _across(x, kernel, grad, window))
    return x_grad, kernel_grad.transpose(*spatial, 0, last)


_convolve.defvjp(_convolve_forward, _convolve_backward)


# Each channel by itself: sums over the kernel's places, which XLA fuses, where its convolution takes ten times as long


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _by_channel(x: Array, kernel: Array, window: Window) -> Array:
    padded, counts = _padded(x, window), _counts(x, kernel, window)
    return reduce(
        lax.add,
        (
            _met(padded, place, window.dilation, window.strides, counts) * kernel[place]
            for place in np.ndindex(kernel.shape[:-2])
        ),
    )


def _by_channel_forward(x: Array, kernel: Array, window: Window) -> tuple[Array, tuple[Array, Array]]:
    return _by_channel(x, kernel, window), (x, kernel)


def _by_channel_backward(window: Window, saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    across = _across(x, kernel, grad, window)
    padded = _padded(x, across)
    # A product with ones: as a sum over columns it would take three times as long.
    ones = jnp.ones((1, grad.size // grad.shape[-1]), grad.dtype)
    places = [
        ones
        @ (_met(padded, place, across.strides, across.dilation, grad.shape[1:-1]) * grad).reshape(-1, grad.shape[-1])
        for place in np.ndindex(kernel.shape[:-2])
    ]
    kernel_grad = jnp.stack(places).reshape(kernel.shape)
    return _by_channel(grad, _turned(kernel), _back(x, kernel, grad, window)), kernel_grad


_by_channel.defvjp(_by_channel_forward, _by_channel_backward)


def _padded(x: Array, window: Window) -> Array:
    edges = [(low, high, step - 1) for (low, high), step in zip(window.pads, window.spread, strict=True)]
    return lax.pad(x, np.zeros((), x.dtype)[()], ((0, 0, 0), *edges, (0, 0, 0)))


def _met(padded: Array, place: Sizes, dilation: Sizes, strides: Sizes, counts: Sizes) -> Array:
    """What one of the kernel's places meets on its way."""
    starts = tuple(p * d for p, d in zip(place, dilation, strict=True))
    ends = (start + (n - 1) * s + 1 for start, n, s in zip(starts, counts, strides, strict=True))
    return lax.slice(padded, (0, *starts, 0), (padded.shape[0], *ends, padded.shape[-1]), (1, *strides, 1))
