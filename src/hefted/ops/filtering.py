"""Images blurred, their edges found, and how like one another two are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.errors import ShapeError
from hefted.ops.calling import array, on_arrays, result_type
from hefted.ops.colours import check_images
from hefted.ops.windows import channels_back, channels_last
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array


def _by_channel(images: Array, kernel: Array, padding: str) -> Array:
    """Each channel of (batch, height, width, channels) convolved with one kernel (height, width)."""
    channels = images.shape[-1]
    kernel = jnp.broadcast_to(kernel[:, :, None, None], (*kernel.shape, 1, channels))
    return lax.conv_general_dilated(
        images, kernel, (1, 1), padding, dimension_numbers=('NHWC', 'HWIO', 'NHWC'), feature_group_count=channels
    )


def _bell(size: int, sigma: Any, dtype: Any) -> Array:
    """A normal density at `size` places, with sum 1."""
    places = jnp.arange(size, dtype=dtype) - jnp.asarray((size - 1) / 2, dtype)
    density = jnp.exp(-0.5 * jnp.square(places / sigma))
    return density / jnp.sum(density)


@on_arrays('images')
def gaussian_blur(
    images: Any, kernel_size: Sequence[int] = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Array:
    """Images convolved with a normal density.

    Args:
        images: One or a batch.
        kernel_size: Of the window: across and down.
        sigma: Deviations: across and down.
        data_format: 'channels_last'; None is 'channels_first', as in Keras.

    Raises:
        ValueError: The images have neither three nor four axes.
    """
    data_format = data_format or 'channels_first'
    single = check_images(images)
    sigma = array(sigma, images.dtype)
    across, down = (_bell(kernel_size[i], sigma[i], images.dtype) for i in (0, 1))
    batch = channels_last(images[None] if single else images, data_format)
    blurred = channels_back(_by_channel(batch, jnp.outer(down, across), 'SAME'), data_format)
    return blurred[0] if single else blurred


@on_arrays('images')
def sobel_edges(images: Any, data_format: str | None = None) -> Array:
    """How fast images change downwards and to the right, on a new last axis.

    Args:
        images: A batch.
        data_format: 'channels_last' or 'channels_first'.

    Returns:
        (*images.shape, 2).

    Source: Sobel & Feldman 1968.
    """
    data_format = standardize_data_format(data_format)
    across = jnp.asarray(np.outer([1, 2, 1], [-1, 0, 1]), images.dtype)
    batch = channels_last(images, data_format)
    edges = [channels_back(_by_channel(batch, k, 'SAME'), data_format) for k in (across.T, across)]
    return jnp.stack(edges, -1)


@on_arrays('x1', 'x2')
def psnr(x1: Any, x2: Any, max_val: Any) -> Array:
    """The peak signal-to-noise ratio in decibels: `20 log10(max_val) - 10 log10(mean((x1 - x2)^2))`.

    Raises:
        ValueError: The shapes differ.
    """
    if x1.shape != x2.shape:
        raise ShapeError(f'Expected x1 and x2 of one shape, received {x1.shape} and {x2.shape}.')
    return 20 * jnp.log10(array(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


@on_arrays('image1', 'image2')
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """The structural similarity of images, 1 for equal ones.

    Args:
        image1: One or a batch.
        image2: Of the same shape.
        max_val: The largest value that a pixel can have.
        filter_size: Of the window of local means.
        filter_sigma: The deviation of its weights.
        k1: Keeps the quotient of means finite.
        k2: Keeps the quotient of variances finite.
        data_format: 'channels_last' or 'channels_first'.

    Returns:
        One number for each image.

    Raises:
        ValueError: An image has neither three nor four axes.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    single = check_images(image1, 'image1')
    check_images(image2, 'image2')
    dtype = result_type(image1.dtype, float)
    x, y = (
        channels_last(lax.convert_element_type(x[None] if single else x, dtype), data_format) for x in (image1, image2)
    )
    bell = _bell(filter_size, filter_sigma, dtype)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        _by_channel(values, jnp.outer(bell, bell), 'VALID') for values in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    means = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    covariance, variances = mean_xy - mean_x * mean_y, mean_xx - mean_x**2 + mean_yy - mean_y**2
    similarity = jnp.mean(means * (2.0 * covariance + c2) / (variances + c2), (1, 2, 3))
    return lax.convert_element_type(similarity[0] if single else similarity, image1.dtype)
