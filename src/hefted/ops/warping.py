"""Images seen through a transformation: each place of the output says where in the input it comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays
from hefted.ops.colours import check_images
from hefted.ops.filtering import gaussian_blur
from hefted.ops.windows import channels_back, channels_last
from hefted.variables import Array

_ORDERS = {'nearest': 0, 'bilinear': 1}
_FILL_MODES = ('constant', 'nearest', 'wrap', 'mirror', 'reflect')


def _order(interpolation: str) -> int:
    if interpolation not in _ORDERS:
        raise ArgumentError(f'Expected interpolation to be one of {tuple(_ORDERS)}, received {interpolation!r}.')
    return _ORDERS[interpolation]


def _check_fill_mode(fill_mode: str) -> None:
    if fill_mode not in _FILL_MODES:
        raise ArgumentError(f'Expected fill_mode to be one of {_FILL_MODES}, received {fill_mode!r}.')


@on_arrays('inputs', 'coordinates')
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = 'constant', fill_value: float = 0
) -> Array:
    """The inputs at any coordinates, between places too.

    Args:
        inputs: Of any shape.
        coordinates: (rank of the inputs, *shape of the result).
        order: 0 takes the nearest place, 1 is linear between them.
        fill_mode: What is beyond the edges: 'constant', 'nearest', 'wrap', 'mirror' or 'reflect'.
        fill_value: The constant.

    Raises:
        ValueError: The coordinates do not fit, or an argument is none of these.
    """
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise ShapeError(
            f'Expected coordinates ({inputs.ndim}, …) for inputs of shape {inputs.shape}, '
            f'received shape {coordinates.shape}.'
        )
    _check_fill_mode(fill_mode)
    if order not in (0, 1):
        raise ArgumentError(f'Expected order to be 0 or 1, received {order!r}.')
    return jax.scipy.ndimage.map_coordinates(inputs, coordinates, order, fill_mode, fill_value)


@on_arrays('images', 'transform')
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = 'bilinear',
    fill_mode: str = 'constant',
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """The place (x, y) of the output comes from (a0 x + a1 y + a2, b0 x + b1 y + b2) of the input.

    Args:
        images: One or a batch.
        transform: [a0, a1, a2, b0, b1, b2, 0, 0], or one for each image.
        interpolation: 'bilinear' or 'nearest'.
        fill_mode: What is beyond the edges: 'constant', 'nearest', 'wrap', 'mirror' or 'reflect'.
        fill_value: The constant.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: A shape does not fit, or an argument is none of these.
    """
    order = _order(interpolation)
    _check_fill_mode(fill_mode)
    if transform.ndim not in (1, 2):
        raise ShapeError(f'Expected transform (8,) or (batch, 8), received shape {transform.shape}.')
    single = check_images(images)
    batch = channels_last(images[None] if single else images, data_format)
    rows, columns = jnp.meshgrid(*(jnp.arange(size) for size in batch.shape[1:3]), indexing='ij')

    def places(t: Array) -> tuple[Array, Array]:
        return t[3] * columns + t[4] * rows + t[5], t[0] * columns + t[1] * rows + t[2]

    transforms = jnp.broadcast_to(transform, (batch.shape[0], transform.shape[-1]))
    return _back(_warped(batch, transforms, places, order, fill_mode, fill_value), data_format, single)


def _warped(
    batch: Array, transforms: Array, places: Callable[[Array], Any], order: int, fill_mode: str, fill_value: float
) -> Array:
    """Each channel of each image at the places of its transform."""

    def one(image: Array, transform: Array) -> Array:
        where = places(transform)
        return jax.vmap(
            lambda plane: jax.scipy.ndimage.map_coordinates(plane, where, order, fill_mode, fill_value), -1, -1
        )(image)

    return jax.vmap(one)(batch, transforms)


def _back(batch: Array, data_format: str | None, single: bool) -> Array:
    batch = channels_back(batch, data_format)
    return batch[0] if single else batch


@on_arrays('images', 'start_points', 'end_points')
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = 'bilinear',
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images moved so that four points come to four others.

    Args:
        images: One or a batch.
        start_points: (4, 2) places (x, y), or one set for each image.
        end_points: Where they go, of the same shape.
        interpolation: 'bilinear' or 'nearest'.
        fill_value: Beyond the edges.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: A shape does not fit, or the interpolation is none of these.
    """
    order = _order(interpolation)
    single = check_images(images)
    for name, points in {'start_points': start_points, 'end_points': end_points}.items():
        if points.shape[-2:] != (4, 2) or points.ndim not in (2, 3):
            raise ShapeError(f'Expected {name} (4, 2) or (batch, 4, 2), received shape {points.shape}.')
    if start_points.shape != end_points.shape:
        raise ShapeError(
            f'Expected start_points and end_points of one shape, received {start_points.shape}, {end_points.shape}.'
        )
    batch = channels_last(images[None] if single else images, data_format)
    x, y = jnp.meshgrid(*(jnp.arange(size) for size in (batch.shape[2], batch.shape[1])))

    def places(t: Array) -> tuple[Array, Array]:
        depth = t[6] * x + t[7] * y + 1.0
        return (t[3] * x + t[4] * y + t[5]) / depth, (t[0] * x + t[1] * y + t[2]) / depth

    starts, ends = (lax.convert_element_type(p.reshape(-1, 4, 2), 'float32') for p in (start_points, end_points))
    homographies = jnp.broadcast_to(_homography(starts, ends), (batch.shape[0], 8))
    return _back(_warped(batch, homographies, places, order, 'constant', fill_value), data_format, single)


def _homography(starts: Array, ends: Array) -> Array:
    """The eight numbers of the projective map from end points back to start points, (batch, 8).

    Each pair gives two linear equations: `start = (t0 x + t1 y + t2) / (t6 x + t7 y + 1)`, and so for its y.
    """
    one, none = jnp.ones_like(ends[..., :1]), jnp.zeros_like(ends)
    zero = none[..., :1]
    across = jnp.concatenate([ends, one, none, zero, -starts[..., :1] * ends], -1)
    down = jnp.concatenate([none, zero, ends, one, -starts[..., 1:] * ends], -1)
    known = jnp.concatenate([starts[..., 0], starts[..., 1]], -1)
    return jnp.linalg.solve(jnp.concatenate([across, down], 1), known[..., None])[..., 0]


@on_arrays('images')
def elastic_transform(
    images: Any,
    alpha: Any = 20.0,
    sigma: Any = 5.0,
    interpolation: str = 'bilinear',
    fill_mode: str = 'reflect',
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Array:
    """Images moved by smooth random distances.

    Args:
        images: One or a batch.
        alpha: The size of the distances.
        sigma: How smooth they are, in places: the deviation of the blur that they go through.
        interpolation: 'bilinear' or 'nearest'.
        fill_mode: What is beyond the edges: 'constant', 'nearest', 'wrap', 'mirror' or 'reflect'.
        fill_value: The constant.
        seed: An int or a SeedGenerator.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: A shape does not fit, or an argument is none of these.

    Source: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks".
    """
    from hefted.random import draw_seed

    order = _order(interpolation)
    _check_fill_mode(fill_mode)
    single = check_images(images)
    batch = channels_last(images[None] if single else images, data_format)
    count, height, width, _ = batch.shape
    window = (int(6 * sigma) | 1,) * 2
    # Keras draws both distances from one key, so an image moves along the diagonal.
    noise = jax.random.normal(draw_seed(seed), (count, height, width), batch.dtype) * sigma
    distance = alpha * gaussian_blur(noise[..., None], window, (sigma, sigma), 'channels_last')[..., 0]
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing='ij')
    moved = _warped(batch, distance, lambda d: (rows + d, columns + d), order, fill_mode, fill_value)
    return lax.convert_element_type(_back(moved, data_format, single), images.dtype)
