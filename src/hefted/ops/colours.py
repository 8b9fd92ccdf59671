"""Colours of images: grey, hue, saturation and value. Images are one (height, width, channels) or a batch of them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import array, on_arrays, result_type
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array


def check_images(images: Array, name: str = 'images') -> bool:
    """Whether it is a single image; an error if it is neither that nor a batch."""
    if images.ndim not in (3, 4):
        raise ShapeError(
            f'Expected {name} to have three axes (an image) or four (a batch), received shape {images.shape}.'
        )
    return images.ndim == 3


def _channel_axis(images: Array, data_format: str | None) -> int:
    check_images(images)
    return -1 if standardize_data_format(data_format) == 'channels_last' else -3


@on_arrays('images')
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Array:
    """`0.2989 red + 0.587 green + 0.114 blue`, one channel; grey images as they are.

    Raises:
        ValueError: There are neither three nor one channels.

    Source: ITU-R BT.601.
    """
    axis = _channel_axis(images, data_format)
    if images.shape[axis] not in (1, 3):
        raise ShapeError(f'Expected images to have 3 channels (or 1), received shape {images.shape}.')
    if images.shape[axis] == 1:
        return images
    dtype = result_type(images.dtype, float)
    weights = array([0.2989, 0.5870, 0.1140], dtype)
    grey = jnp.tensordot(lax.convert_element_type(images, dtype), weights, (axis, 0))
    return lax.convert_element_type(jnp.expand_dims(grey, axis), images.dtype)


def _planes(images: Array, axis: int) -> list[Array]:
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ArgumentError(f'Expected images to be floats, received dtype {images.dtype}. Use ops.cast.')
    return [lax.index_in_dim(images, i, images.ndim + axis, keepdims=False) for i in range(3)]


@on_arrays('images')
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Array:
    """Hue, saturation and value, in [0, 1], of red, green and blue.

    Raises:
        ValueError: The images are not floats.
    """
    axis = _channel_axis(images, data_format)
    images = jnp.where(jnp.abs(images) < jnp.finfo(images.dtype).eps, 0.0, images) if _is_float(images) else images
    red, green, blue = _planes(images, axis)
    value = jnp.maximum(jnp.maximum(red, green), blue)
    span = value - jnp.minimum(jnp.minimum(red, green), blue)
    saturation = jnp.where(value > 0, span / jnp.where(value > 0, value, 1.0), 0.0)
    sixth = 1.0 / (6.0 * jnp.where(span > 0, span, 1.0))
    hue = jnp.where(value == green, sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = jnp.where(value == red, sixth * (green - blue), hue)
    hue = jnp.where(span > 0, hue, 0.0) + lax.convert_element_type(hue < 0.0, hue.dtype)
    return jnp.stack([hue, saturation, value], axis)


def _is_float(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)


@on_arrays('images')
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Array:
    """The inverse of `rgb_to_hsv`.

    Raises:
        ValueError: The images are not floats.
    """
    axis = _channel_axis(images, data_format)
    hue, saturation, value = _planes(images, axis)
    sector = jnp.mod(hue, 1.0) * 6.0
    shares = (jnp.abs(sector - 3.0) - 1.0, 2.0 - jnp.abs(sector - 2.0), 2.0 - jnp.abs(sector - 4.0))
    colours = [value * ((1.0 - saturation) + saturation * jnp.clip(share, 0.0, 1.0)) for share in shares]
    return jnp.stack(colours, axis)
