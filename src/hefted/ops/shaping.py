"""The same numbers in another shape or order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import array, on_arrays
from hefted.symbolic import KerasTensor
from hefted.variables import Array

Axes = int | Sequence[int]


def _reshaped(x: KerasTensor, newshape: Any) -> KerasTensor:
    """The symbolic result of `reshape`: a size that depends on an unknown one is None."""
    target = _sizes(newshape)
    if None in x.shape or None in target:
        return KerasTensor((None if d == -1 else d for d in target), x.dtype)
    size, known = math.prod(d or 0 for d in x.shape), math.prod(d or 0 for d in target if d != -1)
    if size % known if -1 in target and known else size != known:
        raise ShapeError(f'Expected newshape to hold the {size} numbers of shape {x.shape}, received {newshape}.')
    return KerasTensor((size // known if d == -1 else d for d in target), x.dtype)


def _sizes(newshape: Any) -> tuple[int | None, ...]:
    """Checked sizes; None is one of `ops.shape` that was not known when the graph was made."""
    given = newshape if hasattr(newshape, '__iter__') else (newshape,)
    sizes = tuple(None if d is None else int(d) for d in given)
    if any(d is not None and d < -1 for d in sizes) or sizes.count(-1) > 1:
        raise ArgumentError(f'Expected newshape to be sizes of 0 or more and at most one -1, received {newshape}.')
    return sizes


@on_arrays('x', spec=_reshaped)
def reshape(x: Any, newshape: Any) -> Array:
    """The same numbers in another shape; one size may be -1: what is left.

    Raises:
        ArgumentError: A size is below -1, or two are -1.
    """
    target = tuple(-1 if d is None else d for d in _sizes(newshape))
    return lax.reshape(x, target) if x.size == math.prod(target) else jnp.reshape(x, target)


@on_arrays('x')
def ravel(x: Any) -> Array:
    """All numbers in one axis."""
    return jnp.ravel(x)


@on_arrays('x')
def transpose(x: Any, axes: Sequence[int] | None = None) -> Array:
    """The axes in another order; None turns them round."""
    return jnp.transpose(x, axes)


@on_arrays('x')
def swapaxes(x: Any, axis1: int, axis2: int) -> Array:
    """Two axes in one another's place."""
    return jnp.swapaxes(x, axis1, axis2)


@on_arrays('x')
def moveaxis(x: Any, source: Axes, destination: Axes) -> Array:
    """Axes moved to other places, the others in their order."""
    return jnp.moveaxis(x, source, destination)


@on_arrays('x')
def expand_dims(x: Any, axis: Axes) -> Array:
    """New axes of size 1 at these places of the result."""
    return lax.expand_dims(x, (axis,) if isinstance(axis, int) else tuple(axis))


@on_arrays('x')
def squeeze(x: Any, axis: Axes | None = None) -> Array:
    """Without these axes, or any, of size 1."""
    return jnp.squeeze(x, tuple(axis) if isinstance(axis, list) else axis)


@on_arrays('x')
def broadcast_to(x: Any, shape: Sequence[int]) -> Array:
    """Repeated along new axes and those of size 1 until it has this shape."""
    return jnp.broadcast_to(x, shape)


@on_arrays('x')
def flip(x: Any, axis: Axes | None = None) -> Array:
    """Back to front along these axes, or all."""
    return jnp.flip(x, tuple(axis) if isinstance(axis, list) else axis)


@on_arrays('x')
def fliplr(x: Any) -> Array:
    """Back to front along the second axis."""
    return jnp.fliplr(x)


@on_arrays('x')
def flipud(x: Any) -> Array:
    """Back to front along the first axis."""
    return jnp.flipud(x)


@on_arrays('array')
def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turned by k quarters in the plane of two axes.

    Raises:
        ValueError: It has fewer than two axes, or the two are not different ones.
    """
    if array.ndim < 2:
        raise ShapeError(f'Expected array to have two axes or more, received shape {array.shape}.')
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ArgumentError(f'Expected axes to be two different ones, received {axes}.')
    return jnp.rot90(array, k, axes)


@on_arrays('x')
def roll(x: Any, shift: Axes, axis: Axes | None = None) -> Array:
    """Moved along axes; what leaves at one end comes in at the other."""
    return jnp.roll(x, shift, axis)


@on_arrays('x')
def tile(x: Any, repeats: Axes) -> Array:
    """The whole, repeated along each axis."""
    return jnp.tile(x, repeats)


@on_arrays('x')
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Array:
    """Each element, repeated along an axis."""
    return jnp.repeat(x, array(repeats) if isinstance(repeats, list) else repeats, axis)


@on_arrays('x')
def pad(x: Any, pad_width: Any, mode: str = 'constant', constant_values: Any = None) -> Array:
    """With more at both ends of each axis.

    Args:
        x: Padded.
        pad_width: An int, a pair (before, after), or a pair for each axis.
        mode: 'constant', 'reflect', 'symmetric', 'edge', …
        constant_values: 0 if None; only for 'constant'.

    Raises:
        ValueError: `constant_values` is given for another mode.
    """
    if constant_values is None:
        return jnp.pad(x, pad_width, mode)
    if mode != 'constant':
        raise ArgumentError(f"Expected constant_values with mode='constant' alone, received mode={mode!r}.")
    return jnp.pad(x, pad_width, mode, constant_values=constant_values)


# Together


def arrays(xs: Any) -> list[Array]:
    """Each as an array."""
    return [array(x) for x in xs]


@on_arrays()
def concatenate(xs: Any, axis: int = 0) -> Array:
    """One after another along an axis."""
    return jnp.concatenate(arrays(xs), axis)


@on_arrays()
def stack(x: Any, axis: int = 0) -> Array:
    """One after another along a new axis."""
    return jnp.stack(arrays(x), axis)


@on_arrays()
def hstack(xs: Any) -> Array:
    """One after another along the second axis, of one-dimensional ones the first."""
    return jnp.hstack(arrays(xs))


@on_arrays()
def vstack(xs: Any) -> Array:
    """One below another along the first axis."""
    return jnp.vstack(arrays(xs))


@on_arrays()
def dstack(xs: Any) -> Array:
    """One behind another along the third axis."""
    return jnp.dstack(arrays(xs))


@on_arrays('x1', 'x2')
def append(x1: Any, x2: Any, axis: int | None = None) -> Array:
    """x2 after x1; both flattened if `axis` is None."""
    return jnp.append(x1, x2, axis)


@on_arrays()
def meshgrid(*x: Any, indexing: str = 'xy') -> list[Array]:
    """Coordinates of a grid from those of its axes."""
    return list(jnp.meshgrid(*arrays(x), indexing=indexing))


# Apart


def _pieces(x: KerasTensor, indices_or_sections: Any, axis: int = 0) -> list[KerasTensor]:
    """The symbolic results of `split`, of unknown size where the axis is."""
    axis, size = axis % len(x.shape), x.shape[axis]
    if isinstance(indices_or_sections, int):
        if size is not None and size % indices_or_sections:
            raise ShapeError(
                f'Expected axis {axis} of shape {x.shape} to be divisible by indices_or_sections, '
                f'received {indices_or_sections}. Use ops.array_split.'
            )
        sizes = [None if size is None else size // indices_or_sections] * indices_or_sections
    else:
        edges = [0, *(int(i) for i in indices_or_sections), size]
        sizes = [None if b is None or a is None else b - a for a, b in itertools.pairwise(edges)]
    return [KerasTensor((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in sizes]


@on_arrays('x', spec=_pieces)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """In so many equal parts along an axis, or cut before each of the indices."""
    return jnp.split(x, _cuts(indices_or_sections), axis)


def _cuts(indices_or_sections: Any) -> Any:
    return tuple(indices_or_sections) if isinstance(indices_or_sections, list) else indices_or_sections


@on_arrays('x')
def array_split(x: Any, indices_or_sections: int, axis: int = 0) -> list[Array]:
    """In so many parts along an axis, of sizes that differ by at most 1.

    Raises:
        TypeError: `indices_or_sections` or `axis` is not an int.
        ValueError: `indices_or_sections` is not positive.
    """
    for name, value in {'indices_or_sections': indices_or_sections, 'axis': axis}.items():
        if not isinstance(value, int):
            raise TypeError(f'Expected {name} to be an int, received {value!r}.')
    if indices_or_sections <= 0:
        raise ArgumentError(f'Expected indices_or_sections to be positive, received {indices_or_sections}.')
    return jnp.array_split(x, indices_or_sections, axis)


@on_arrays('x')
def hsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """`split` along the second axis, of one-dimensional ones the first."""
    return jnp.hsplit(x, _cuts(indices_or_sections))


@on_arrays('x')
def vsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """`split` along the first axis."""
    return jnp.vsplit(x, _cuts(indices_or_sections))


@on_arrays('x')
def dsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """`split` along the third axis."""
    return jnp.dsplit(x, _cuts(indices_or_sections))


def _unstacked(x: KerasTensor, num: int | None = None, axis: int = 0) -> list[KerasTensor]:
    axis %= len(x.shape)
    count = x.shape[axis] if num is None else num
    if count is None:
        raise ArgumentError(f'Expected num for axis {axis} of shape {x.shape}, whose size is not known. Give num.')
    return [KerasTensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype) for _ in range(count)]


@on_arrays('x', spec=_unstacked)
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Array]:
    """The arrays that were stacked along an axis; `num` is their number where it is not known."""
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]
