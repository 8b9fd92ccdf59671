"""Layers that join arrays along an axis: Concatenate, and Dot, which sums over one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.layers.input_spec import check_axes
from hefted.layers.merging import Merge, Shape, masks_of, shapes_of
from hefted.utils.arrays import normalize as unit_norm
from hefted.variables import Array


class Concatenate(Merge):
    """The inputs one behind the other along an axis.

    Args:
        axis: Which; not the batch's, 0.

    Example:
        >>> Concatenate()([np.ones((1, 2)), np.zeros((1, 1))]).tolist()
        [[1.0, 1.0, 0.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self._joins_rows = axis == 0

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self._joins_rows

    def build(self, input_shape: Any) -> None:
        shapes = shapes_of(self, input_shape)
        ranks = {len(shape) for shape in shapes}
        check_axes(self.name, self.axis, shapes[0])
        axis = self.axis % len(shapes[0])
        rests = [shape[:axis] + shape[axis + 1 :] for shape in shapes]
        if len(ranks) > 1 or not all(len({*sizes} - {None}) <= 1 for sizes in zip(*rests, strict=True)):
            raise ShapeError(
                f'Concatenate requires inputs with matching shapes except for axis {self.axis}, received {shapes}. '
                'Reshape them, or choose another axis.'
            )
        self._joins_rows = axis == 0

    def call(self, inputs: Any) -> Array:
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(f'Expected a list of tensors for Concatenate, received {inputs!r}.')
        return jnp.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = shapes_of(self, input_shape)
        sizes = [shape[self.axis] for shape in shapes]
        joined = list(shapes[0])
        joined[self.axis] = None if None in sizes else sum(size for size in sizes if size is not None)
        return tuple(joined)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        masks = masks_of(inputs, previous_mask)
        if masks is None or all(mask is None for mask in masks):
            return None
        wide = [_wide(mask, x) for mask, x in zip(masks, inputs, strict=True)]
        return jnp.concatenate(wide, self.axis).any(-1)


class Dot(Merge):
    """The sum over one axis of the products of two inputs, row by row.

    Args:
        axes: The axis of both that is summed over, or one for each.
        normalize: Whether to give the inputs norm 1 along it first: the result is then the cosine of their angle.

    Two inputs of shape (batch, n) give (batch, 1); (batch, a, n) and (batch, b, n) with axes=2 give (batch, a, b).

    Example:
        >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(f'Expected axes of Dot to be an int, or a list of two, received {axes!r}.')
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(axis, int) for axis in axes)):
            raise ArgumentError(f'Expected axes of Dot to be an int, or a list of two, received {axes!r}.')
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        self._axes_for(self._two(input_shape))

    def call(self, inputs: Any) -> Array:
        one, other = inputs
        a, b = self._axes_for(self._two([one.shape, other.shape]))
        if self.normalize:
            one, other = unit_norm(one, a), unit_norm(other, b)
        product = lax.dot_general(one, other, (((a,), (b,)), ((0,), (0,))))
        return product[:, None] if product.ndim == 1 else product

    def compute_output_shape(self, input_shape: Any) -> Any:
        one, other = self._two(input_shape)
        a, b = self._axes_for([one, other])
        rest = tuple(size for i, size in enumerate(one) if i not in (0, a))
        rest += tuple(size for i, size in enumerate(other) if i not in (0, b))
        return (one[0], *(rest or (1,)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        del inputs, previous_mask  # summed over: no step is left

    def _two(self, input_shape: Any) -> list[Shape]:
        shapes = shapes_of(self, input_shape)
        if len(shapes) != 2:
            raise ArgumentError(f'Expected a list of 2 inputs for Dot, received {len(shapes)}.')
        return shapes

    def _axes_for(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """The axis of each input that is summed over, counted from the front."""
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        if any(not -len(shape) <= axis < len(shape) for axis, shape in zip(axes, shapes, strict=True)):
            raise ShapeError(f'Expected axes of Dot within the inputs, received axes {axes} for shapes {shapes}.')
        a, b = (axis % len(shape) for axis, shape in zip(axes, shapes, strict=True))
        if 0 in (a, b):
            raise ShapeError(f'Dot cannot sum over the batch axis, 0: received axes {axes}. Choose another.')
        one, other = shapes[0][a], shapes[1][b]
        if None not in (one, other) and one != other:
            raise ShapeError(
                f'Incompatible input shapes for Dot: axis {a} of {shapes[0]} has size {one}, axis {b} of {shapes[1]} '
                f'has size {other}. Choose axes of one size.'
            )
        return a, b


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of tensors one behind the other along an axis, as `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The products of two tensors summed over an axis, as `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)


def _wide(mask: Any, x: Array) -> Array:
    """A mask of the input's own shape."""
    if mask is None:
        return jnp.ones(x.shape, bool)
    return jnp.broadcast_to(mask[..., None], x.shape) if mask.ndim < x.ndim else mask
