"""Images of another size, enlarged, cut or framed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from hefted.errors import ArgumentError
from hefted.ops.calling import on_arrays
from hefted.ops.colours import check_images
from hefted.ops.tensors import saturate_cast
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array

_INTERPOLATIONS = ('bilinear', 'nearest', 'lanczos3', 'lanczos5', 'bicubic')
_METHODS = ('linear', 'bilinear', 'trilinear', 'cubic', 'bicubic', 'tricubic', 'lanczos3', 'lanczos5')


@on_arrays('images')
def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = 'bilinear',
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = 'constant',
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images of another height and width, in their own dtype.

    Args:
        images: One or a batch.
        size: Height and width.
        interpolation: 'bilinear', 'nearest', 'bicubic', 'lanczos3' or 'lanczos5'.
        antialias: Whether a smaller image is smoothed first.
        crop_to_aspect_ratio: Whether edges are cut off first, so that nothing is stretched.
        pad_to_aspect_ratio: Whether edges are added first, so that nothing is stretched.
        fill_mode: Only 'constant'.
        fill_value: Of the edges added.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: An argument is none of these, or both of cropping and padding are asked for.
    """
    if len(size) != 2 or size[0] <= 0 or size[1] <= 0:
        raise ArgumentError(f'Expected size to be a positive height and width, received {size}.')
    if interpolation not in _INTERPOLATIONS:
        raise ArgumentError(f'Expected interpolation to be one of {_INTERPOLATIONS}, received {interpolation!r}.')
    if fill_mode != 'constant':
        raise ArgumentError(f"Expected fill_mode to be 'constant', received {fill_mode!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError('Expected one of crop_to_aspect_ratio and pad_to_aspect_ratio to be True, received both.')
    check_images(images)
    vertical, horizontal = _space(images, data_format)
    source = images
    if crop_to_aspect_ratio:
        source = _cropped(images, size, (vertical, horizontal))
    elif pad_to_aspect_ratio:
        source = _padded(images, size, (vertical, horizontal), fill_value)
    shape = list(source.shape)
    shape[vertical], shape[horizontal] = size
    resized = jax.image.resize(source, shape, interpolation, antialias)
    if resized.dtype == images.dtype:
        return resized
    return saturate_cast(jnp.round(resized) if jnp.issubdtype(images.dtype, jnp.integer) else resized, images.dtype)


def _space(images: Array, data_format: str | None) -> tuple[int, int]:
    """The axes of height and width."""
    first = images.ndim - (3 if standardize_data_format(data_format) == 'channels_last' else 2)
    return first, first + 1


def _cropped(images: Array, size: Sequence[int], axes: tuple[int, int]) -> Array:
    """The largest middle part with the proportions of `size`."""
    height, width = (images.shape[axis] for axis in axes)
    wanted = int(float(width * size[0]) / size[1]), int(float(height * size[1]) / size[0])
    for axis, have, want in zip(axes, (height, width), wanted, strict=True):
        keep = max(min(have, want), 1)
        start = int(float(have - keep) / 2)
        images = jax.lax.slice_in_dim(images, start, start + keep, axis=axis)
    return images


def _padded(images: Array, size: Sequence[int], axes: tuple[int, int], fill_value: float) -> Array:
    """In the middle of the smallest frame with the proportions of `size`."""
    height, width = (images.shape[axis] for axis in axes)
    wanted = int(float(width * size[0]) / size[1]), int(float(height * size[1]) / size[0])
    widths = [(0, 0)] * images.ndim
    for axis, have, want in zip(axes, (height, width), wanted, strict=True):
        edge = int(float(max(have, want) - have) / 2)
        if edge:
            widths[axis] = (edge, edge)
            break
    return jnp.pad(images, widths, constant_values=fill_value)


@on_arrays('images', 'scale', 'translation')
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Arrays scaled and moved along some axes, 0 where nothing comes from.

    Args:
        images: Of any shape.
        output_shape: Of the result.
        scale: A factor for each axis.
        translation: A distance for each axis, in places of the output.
        spatial_dims: These axes.
        method: 'linear', 'cubic', 'lanczos3' or 'lanczos5'.
        antialias: Whether it is smoothed where it gets smaller.

    Raises:
        ValueError: The method is none of these.
    """
    if method not in _METHODS:
        raise ArgumentError(f'Expected method to be one of {_METHODS}, received {method!r}.')
    return jax.image.scale_and_translate(
        images, tuple(output_shape), tuple(spatial_dims), scale, translation, method, antialias
    )


# Frames


@on_arrays('images')
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images with zeros round them; of before, after and target, two are given along each axis.

    Raises:
        ValueError: Not just two are given, or what follows is negative.
    """
    check_images(images)
    widths = [(0, 0)] * images.ndim
    height, width = _space(images, data_format)
    for axis, given in {
        height: {'top_padding': top_padding, 'bottom_padding': bottom_padding, 'target_height': target_height},
        width: {'left_padding': left_padding, 'right_padding': right_padding, 'target_width': target_width},
    }.items():
        before, after, target = _two_of_three(given)
        size = images.shape[axis]
        before = target - after - size if before is None else before
        after = target - before - size if after is None else after
        _check_not_negative(dict(zip(given, (before, after, 0), strict=True)))
        widths[axis] = (before, after)
    return jnp.pad(images, widths)


@on_arrays('images')
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images without their edges; of before, after and target, two are given along each axis.

    Raises:
        ValueError: Not just two are given, or what follows is negative.
    """
    check_images(images)
    height, width = _space(images, data_format)
    for axis, given in {
        height: {'top_cropping': top_cropping, 'bottom_cropping': bottom_cropping, 'target_height': target_height},
        width: {'left_cropping': left_cropping, 'right_cropping': right_cropping, 'target_width': target_width},
    }.items():
        before, after, target = _two_of_three(given)
        size = images.shape[axis]
        before = size - target - after if before is None else before
        target = size - after - before if target is None else target
        _check_not_negative(dict(zip(given, (before, 0, target), strict=True)))
        images = jax.lax.slice_in_dim(images, before, before + target, axis=axis)
    return images


def _two_of_three(given: dict[str, int | None]) -> tuple[Any, Any, Any]:
    if list(given.values()).count(None) != 1:
        raise ArgumentError(f'Expected two of {", ".join(given)}, received {given}.')
    _check_not_negative({name: value for name, value in given.items() if value is not None})
    before, after, target = given.values()
    return before, after, target


def _check_not_negative(sizes: dict[str, Any]) -> None:
    for name, size in sizes.items():
        if size < 0:
            raise ArgumentError(f'Expected {name} to be 0 or more, received or computed {size}.')
