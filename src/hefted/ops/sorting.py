"""Order, the places of extremes, and what is in which bin."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays
from hefted.symbolic import KerasTensor
from hefted.variables import Array


@on_arrays('x')
def sort(x: Any, axis: int | None = -1) -> Array:
    """Rising along an axis, or all of it in one."""
    return jnp.sort(x, axis)


@on_arrays('x')
def argsort(x: Any, axis: int | None = -1) -> Array:
    """The indices that would sort it along an axis, int32; of equal ones the first comes first."""
    return jnp.argsort(x, axis if x.ndim else None)


@on_arrays('x')
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Array:
    """Indices along an axis: of the `kth` smallest in its place, of smaller ones before it, of larger ones after."""
    return jnp.argpartition(x.reshape(-1), kth, 0) if axis is None else jnp.argpartition(x, kth, axis)


@on_arrays('x')
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the largest along an axis, int32, of equal ones the first; 0 counts as more than -0."""
    return jnp.argmax(_with_signed_zeros(x), axis, keepdims=keepdims)


@on_arrays('x')
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the smallest along an axis, int32, of equal ones the first; -0 counts as less than 0."""
    return jnp.argmin(_with_signed_zeros(x), axis, keepdims=keepdims)


def _with_signed_zeros(x: Array) -> Array:
    """The least negative number for -0, as Keras has it on CPU."""
    if not x.ndim or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    if x.dtype in (jnp.float16, jnp.bfloat16):
        x = lax.convert_element_type(x, 'float32')
    return jnp.where((x == 0) & jnp.signbit(x), -jnp.finfo(x.dtype).tiny, x)


@on_arrays('x')
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """As `argmax`, NaN left out; -1 where all are NaN."""
    return jnp.nanargmax(x, axis, keepdims=keepdims)


@on_arrays('x')
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """As `argmin`, NaN left out; -1 where all are NaN."""
    return jnp.nanargmin(x, axis, keepdims=keepdims)


@on_arrays('x')
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """The k largest along the last axis, falling, and their indices."""
    values, indices = lax.top_k(x, k)
    return values, indices


@on_arrays('targets', 'predictions')
def in_top_k(targets: Any, predictions: Any, k: int) -> Array:
    """Whether each row's target is among its k largest predictions.

    Args:
        targets: Class numbers (batch,).
        predictions: Scores (batch, classes); NaN is the lowest.
        k: How many.
    """
    own = jnp.take_along_axis(predictions, jnp.expand_dims(targets, -1), -1)
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return (predictions > own).sum(-1) < k


@on_arrays('sorted_sequence', 'values')
def searchsorted(sorted_sequence: Any, values: Any, side: str = 'left') -> Array:
    """Where each value would go into a rising sequence; 'right' is behind equal ones.

    Raises:
        ValueError: The sequence has not one axis.
    """
    if sorted_sequence.ndim != 1:
        raise ShapeError(
            f'Expected sorted_sequence to have one axis, received shape {sorted_sequence.shape}. '
            'Use ops.vectorized_map for several.'
        )
    return jnp.searchsorted(sorted_sequence, values, side=side)


@on_arrays('x', 'bins')
def digitize(x: Any, bins: Any) -> Array:
    """The number of the bin that each lies in: 0 below the first edge."""
    return jnp.digitize(x, bins)


@on_arrays('x')
def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Array, Array]:
    """How many lie in each of so many equal bins, and the edges of the bins.

    Raises:
        TypeError: `bins` is not an int.
        ValueError: `bins` is negative, `range` no rising pair, or x has more than one axis.
    """
    if not isinstance(bins, int):
        raise TypeError(f'Expected bins to be an int, received {bins!r}.')
    if bins < 0:
        raise ArgumentError(f'Expected bins to be 0 or more, received {bins}.')
    if range and (not isinstance(range, tuple) or len(range) < 2 or range[1] < range[0]):
        raise ArgumentError(f'Expected range to be a pair (least, greatest), received {range!r}.')
    if x.ndim > 1:
        raise ShapeError(f'Expected x of histogram to have one axis, received shape {x.shape}. Use ops.ravel.')
    return jnp.histogram(x, bins, range)


def _counts(x: KerasTensor, weights: Any = None, minlength: int = 0, sparse: bool = False) -> KerasTensor:
    return KerasTensor((*x.shape[:-1], None), 'int32' if weights is None else weights.dtype)


@on_arrays('x', 'weights', spec=_counts)
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Array:
    """How often each of 0, 1, … occurs, or the sum of its weights, up to the largest or `minlength`.

    Args:
        x: Integers of one axis, or rows of them.
        weights: Of x's shape.
        minlength: The least length of the result.
        sparse: Only False.

    Raises:
        ValueError: `sparse` is true.
    """
    if sparse:
        raise ArgumentError('Expected sparse to be False: sparse arrays are not supported.')
    if x.ndim < 2:
        return jnp.bincount(x, weights, minlength)
    rows = [None] * len(x) if weights is None else list(weights)
    return jnp.stack([jnp.bincount(row, w, minlength) for row, w in zip(x, rows, strict=True)])


def _different(
    x: KerasTensor,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The symbolic results of `unique`: nobody knows how many, unless `size` says so."""
    place = None if axis is None else axis % len(x.shape)
    values = (size,) if place is None else (*x.shape[:place], size, *x.shape[place + 1 :])
    found = [KerasTensor(values, x.dtype)]
    found += [KerasTensor((size,), 'int32')] * return_index
    found += [KerasTensor(x.shape if place is None else (x.shape[place],), 'int32')] * return_inverse
    found += [KerasTensor((size,), 'int32') for _ in range(return_counts)]
    return found[0] if len(found) == 1 else tuple(found)


@on_arrays('x', spec=_different)
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different values, and where asked their first places, the place of each among them, and how often.

    Args:
        x: Any array.
        sorted: Whether they rise.
        return_index: Whether the first place of each is returned.
        return_inverse: Whether the places that rebuild x are.
        return_counts: Whether the numbers of each are.
        axis: Compares slices along it; None compares single values.
        size: How many there are; inside a compiled step it must be given.
        fill_value: For those that `size` has too many; the least value if None.
    """
    return jnp.unique(
        x, return_index, return_inverse, return_counts, axis,
        equal_nan=False, size=size, fill_value=fill_value, sorted=sorted,
    )  # fmt: skip


@on_arrays('x1', 'x2')
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Array:
    """Whether each of x1 is anywhere in x2."""
    return jnp.isin(x1, x2, assume_unique, invert)
