"""Windows of an image laid out as columns or patches and put back, and blocks moved between space and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays
from hefted.ops.convolving import conv
from hefted.ops.windows import Sizes, channels_back, channels_last, sizes
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array


@on_arrays('x')
def unfold(x: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Array:
    """The windows of an image as columns.

    Args:
        x: (batch, channels, height, width).
        kernel_size: Of the window.
        dilation: Places from one number of the window to the next.
        padding: Zeros on both sides.
        stride: From window to window.

    Returns:
        (batch, channels * window, windows).

    Raises:
        ValueError: x has not four axes.
    """
    if x.ndim != 4:
        raise ShapeError(f'Expected x (batch, channels, height, width), received shape {x.shape}.')
    pads = [(p, p) for p in sizes(padding, 2)]
    patches = lax.conv_general_dilated_patches(
        x, sizes(kernel_size, 2), sizes(stride, 2), pads,
        rhs_dilation=sizes(dilation, 2), dimension_numbers=('NCHW', 'OIHW', 'NCHW'),
    )  # fmt: skip
    return patches.reshape(*patches.shape[:2], -1)


@on_arrays('x')
def fold(
    x: Any, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Array:
    """The image of `unfold`'s columns; where windows overlap, they are added.

    Args:
        x: (batch, channels * window, windows).
        output_size: Height and width.
        kernel_size: As in `unfold`.
        dilation: As in `unfold`.
        padding: As in `unfold`.
        stride: As in `unfold`.

    Returns:
        (batch, channels, height, width).

    Raises:
        ValueError: x has not three axes.
    """
    if x.ndim != 3:
        raise ShapeError(f'Expected x (batch, channels * window, windows), received shape {x.shape}.')
    window, steps, spread, pads = (sizes(value, 2) for value in (kernel_size, stride, dilation, padding))
    whole = [n + 2 * p for n, p in zip(sizes(output_size, 2), pads, strict=True)]
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(whole, spread, window, steps, strict=True)]
    columns = x.reshape(x.shape[0], -1, *window, *counts)
    out = jnp.zeros((*columns.shape[:2], *whole), x.dtype)
    for i in range(window[0]):
        for j in range(window[1]):
            rows = slice(i * spread[0], i * spread[0] + (counts[0] - 1) * steps[0] + 1, steps[0])
            places = slice(j * spread[1], j * spread[1] + (counts[1] - 1) * steps[1] + 1, steps[1])
            out = out.at[:, :, rows, places].add(columns[:, :, i, j])
    return out[:, :, pads[0] : whole[0] - pads[0], pads[1] : whole[1] - pads[1]]


def _check_block(block_size: int) -> None:
    if block_size < 2:
        raise ArgumentError(f'Expected block_size to be 2 or more, received {block_size}.')


@on_arrays('x')
def depth_to_space(x: Any, block_size: int, data_format: str | None = 'channels_last') -> Array:
    """Channels spread over blocks of space: (batch, h, w, c * b * b) becomes (batch, h * b, w * b, c).

    Raises:
        ValueError: `block_size` is below 2.
    """
    _check_block(block_size)
    b = block_size
    if standardize_data_format(data_format) == 'channels_last':
        n, h, w, c = x.shape
        return x.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)
    n, c, h, w = x.shape
    return x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


@on_arrays('x')
def space_to_depth(x: Any, block_size: int, data_format: str | None = 'channels_last') -> Array:
    """Blocks of space moved to channels: the inverse of `depth_to_space`.

    Raises:
        ValueError: `block_size` is below 2.
    """
    _check_block(block_size)
    b = block_size
    if standardize_data_format(data_format) == 'channels_last':
        n, h, w, c = x.shape
        return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 1, 3, 5, 2, 4).reshape(n, c * b**2, h // b, w // b)


# Patches


def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = 'valid',
    data_format: str | None = None,
) -> Array:
    """The windows of images, each as the channels of one place.

    Args:
        images: (batch, height, width, channels) or one of them; volumes if `size` has three numbers.
        size: Of the window.
        strides: From window to window; the window's size if None.
        dilation_rate: Places from one number of the window to the next.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.

    Returns:
        (batch, rows, columns, height * width * channels of the window).

    Raises:
        TypeError: `size` is neither an int nor a tuple.
        ValueError: It has neither two nor three numbers.
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(f'Expected size to be an int or a tuple, received {size!r}.')
    if not isinstance(size, int) and len(size) not in (2, 3):
        raise ArgumentError(f'Expected size to have two or three numbers, received {size}.')
    return _extract_patches(images, size, strides, dilation_rate, padding, data_format)


@on_arrays('images')
def _extract_patches(
    images: Any, size: Sizes, strides: Sizes | None, dilation_rate: Sizes, padding: str, data_format: str | None
) -> Array:
    return _patches(images, sizes(size, 2), strides, dilation_rate, padding, data_format)


_extract_patches.__name__ = _extract_patches.__qualname__ = 'extract_patches'


@on_arrays('volumes')
def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = 'valid',
    data_format: str | None = None,
) -> Array:
    """The windows of volumes (batch, depth, height, width, channels), each as the channels of one place.

    Args:
        volumes: A batch or one of them.
        size: Of the window.
        strides: From window to window; the window's size if None.
        dilation_rate: Places from one number of the window to the next.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
    """
    return _patches(volumes, sizes(size, 3), strides, dilation_rate, padding, data_format)


def _patches(
    x: Array, window: tuple[int, ...], strides: Sizes | None, dilation: Sizes, padding: str, data_format: str | None
) -> Array:
    single = x.ndim == len(window) + 1
    batch = channels_last(x[None] if single else x, data_format)
    channels = batch.shape[-1]
    count = channels
    for size in window:
        count *= size
    # Each of the kernel's filters picks one number of the window.
    kernel = jnp.eye(count, dtype=x.dtype).reshape(*window, channels, count)
    steps = window if strides is None else strides
    patches = channels_back(conv(batch, kernel, steps, padding, 'channels_last', dilation), data_format)
    return patches[0] if single else patches
