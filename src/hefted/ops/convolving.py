"""Convolutions with Keras's arguments: plain, depthwise, separable, transposed; and their windows laid out.

Inputs are (batch, *space, channels), or (batch, channels, *space) with 'channels_first'; one to three axes of space.
The kernels are `convolution`'s, whose gradients stay fast in compiled loops.
"""

from __future__ import annotations

from typing import Any

from jax import lax

from hefted.errors import ShapeError
from hefted.ops import convolution
from hefted.ops.calling import on_arrays
from hefted.ops.windows import Sizes, channels_back, channels_last, sizes, standardize_padding
from hefted.variables import Array


def _standard(x: Array, strides: Sizes, padding: str, dilation: Sizes) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Strides, padding and dilation as the kernels of `convolution` want them."""
    rank = x.ndim - 2
    return sizes(strides, rank), standardize_padding(padding), sizes(dilation, rank)


@on_arrays('inputs', 'kernel')
def conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = 'valid',
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve with a kernel (*space, channels / groups, filters).

    Args:
        inputs: Of one to three axes of space; made the kernel's dtype.
        kernel: Its third last axis … first are space; groups follow from its input channels.
        strides: Of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: Places from one of the kernel's numbers to the next.

    Raises:
        ValueError: The channels do not fit the kernel, or the output would be empty.
    """
    x = channels_last(lax.convert_element_type(inputs, kernel.dtype), data_format)
    if x.shape[-1] % kernel.shape[-2]:
        raise ShapeError(
            f'Expected inputs with a multiple of the {kernel.shape[-2]} channels of the kernel {kernel.shape}, '
            f'received shape {inputs.shape}.'
        )
    steps, kind, spread = _standard(x, strides, padding, dilation_rate)
    out = convolution.convolve(x, kernel, steps, kind, spread, x.shape[-1] // kernel.shape[-2])
    if not out.size and x.size:
        raise ShapeError(
            f'Expected inputs at least as large as the window, received shape {inputs.shape} for kernel {kernel.shape} '
            f'with strides {strides}, dilation_rate {dilation_rate} and padding {padding!r}.'
        )
    return channels_back(out, data_format)


def _check_channels(inputs: Array, x: Array, kernel: Array, axis: int) -> None:
    if x.shape[-1] != kernel.shape[axis]:
        raise ShapeError(
            f'Expected inputs with the {kernel.shape[axis]} input channels of the kernel {kernel.shape}, '
            f'received shape {inputs.shape}.'
        )


@on_arrays('inputs', 'kernel')
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = 'valid',
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve each channel by itself with a kernel (*space, channels, multiplier).

    Args:
        inputs: Of one or two axes of space.
        kernel: Its output channels are `channels * multiplier`.
        strides: Of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: Places from one of the kernel's numbers to the next.

    Raises:
        ValueError: The channels do not fit the kernel.
    """
    x = channels_last(inputs, data_format)
    _check_channels(inputs, x, kernel, -2)
    return channels_back(convolution.depthwise(x, kernel, *_standard(x, strides, padding, dilation_rate)), data_format)


@on_arrays('inputs', 'depthwise_kernel', 'pointwise_kernel')
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sizes = 1,
    padding: str = 'valid',
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """`depthwise_conv`, then a convolution with windows of one place that mixes the channels.

    Args:
        inputs: Of one or two axes of space.
        depthwise_kernel: (*space, channels, multiplier).
        pointwise_kernel: (1, …, channels * multiplier, filters).
        strides: Of the first convolution's window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: Places from one of the kernel's numbers to the next.
    """
    deep = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(deep, pointwise_kernel, data_format=data_format)


@on_arrays('inputs', 'kernel')
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = 'valid',
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """The transpose of `conv`: each input's number spreads the kernel (*space, filters, channels) over the output.

    Args:
        inputs: Of one to three axes of space.
        kernel: Note the order of its last axes.
        strides: How far the input's numbers come apart.
        padding: 'valid' or 'same'.
        output_padding: What the output is longer by than its least size; None makes 'same' `size * strides`.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: Places from one of the kernel's numbers to the next.

    Raises:
        ValueError: The channels do not fit the kernel.
    """
    x = channels_last(inputs, data_format)
    _check_channels(inputs, x, kernel, -1)
    extra = None if output_padding is None else sizes(output_padding, x.ndim - 2)
    out = convolution.convolve_transposed(x, kernel, *_standard(x, strides, padding, dilation_rate), extra)
    return channels_back(out, data_format)
