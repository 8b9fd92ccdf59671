"""The largest or mean value of each window.

Inputs are (batch, *space, channels), or (batch, channels, *space) with 'channels_first'; one to three axes of space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError
from hefted.ops import pooling
from hefted.ops.calling import on_arrays
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array

Sizes = int | Sequence[int]


@on_arrays('inputs')
def max_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = 'valid', data_format: str | None = None
) -> Array:
    """The largest value of each window.

    Args:
        inputs: Of one to three axes of space.
        pool_size: Of the window.
        strides: From window to window; the window's size if None.
        padding: 'valid', or 'same', where windows reach beyond the edges.
        data_format: 'channels_last' or 'channels_first'.
    """
    return _pooled(pooling.max_pool, inputs, pool_size, strides, padding, data_format)


@on_arrays('inputs')
def average_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = 'valid', data_format: str | None = None
) -> Array:
    """The mean of each window; what lies beyond the edges does not count.

    Args:
        inputs: Of one to three axes of space.
        pool_size: Of the window.
        strides: From window to window; the window's size if None.
        padding: 'valid', or 'same', where windows reach beyond the edges.
        data_format: 'channels_last' or 'channels_first'.
    """
    return _pooled(pooling.average_pool, inputs, pool_size, strides, padding, data_format)


def _pooled(
    pool: Callable[..., Array], inputs: Array, size: Sizes, strides: Sizes | None, padding: str, data_format: str | None
) -> Array:
    rank = inputs.ndim - 2
    window = sizes(size, rank)
    steps = window if strides is None else sizes(strides, rank)
    out = pool(channels_last(inputs, data_format), window, steps, standardize_padding(padding))
    return channels_back(out, data_format)


# Adaptive


@on_arrays('inputs')
def adaptive_average_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Array:
    """The means of as many windows as the output has places, of sizes that differ by at most 1.

    Args:
        inputs: Of one to three axes of space.
        output_size: Places of the output along each of them.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: There are no or more than three axes of space.
    """
    return _adaptive(inputs, output_size, data_format, pooling.adaptive_average_pool)


@on_arrays('inputs')
def adaptive_max_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Array:
    """The largest values of as many windows as the output has places, of sizes that differ by at most 1.

    Args:
        inputs: Of one to three axes of space.
        output_size: Places of the output along each of them.
        data_format: 'channels_last' or 'channels_first'.

    Raises:
        ValueError: There are no or more than three axes of space.
    """
    return _adaptive(inputs, output_size, data_format, pooling.adaptive_max_pool)


def _adaptive(inputs: Array, output_size: Sizes, data_format: str | None, pool: Callable[..., Array]) -> Array:
    rank = inputs.ndim - 2
    if rank not in (1, 2, 3):
        raise ShapeError(f'Expected inputs with one to three axes of space, received shape {inputs.shape}.')
    return channels_back(pool(channels_last(inputs, data_format), sizes(output_size, rank)), data_format)


# Layout


def sizes(value: Sizes, rank: int) -> tuple[int, ...]:
    """One size for each axis of space."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def standardize_padding(padding: str) -> str:
    """'valid' or 'same', in lower case."""
    if padding.lower() not in ('valid', 'same'):
        raise ArgumentError(f"Expected padding to be 'valid' or 'same', received {padding!r}.")
    return padding.lower()


def channels_last(x: Array, data_format: str | None) -> Array:
    """(batch, *space, channels), whichever layout x has."""
    return x if standardize_data_format(data_format) == 'channels_last' else jnp.moveaxis(x, 1, -1)


def channels_back(x: Array, data_format: str | None) -> Array:
    """The layout that was given."""
    return x if standardize_data_format(data_format) == 'channels_last' else jnp.moveaxis(x, -1, 1)
