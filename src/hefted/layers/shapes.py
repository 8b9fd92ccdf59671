"""Layers that arrange the same values in another shape: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.symbolic import KerasTensor
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array

Shape = tuple[int | None, ...]


class Arrangement(Layer):
    """What these layers share: the values and the dtype stay, and the shape is known by a rule.

    Args:
        **kwargs: For `Layer`.
    """

    rows_independent = True

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


class Flatten(Arrangement):
    """Flatten all axes but the first: (batch, a, b) to (batch, a * b), and (batch,) to (batch, 1).

    Args:
        data_format: 'channels_first' moves the channels last before flattening.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Array) -> Array:
        if self.data_format == 'channels_first' and inputs.ndim > 2:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *rest = input_shape
        return rows, None if None in rest else math.prod(rest)


class Reshape(Arrangement):
    """Give each row another shape.

    Args:
        target_shape: Without the batch axis; one size may be -1, which takes what is left.

    Example:
        >>> Reshape((-1, 2))(np.ones((3, 4, 2))).shape
        (3, 4, 2)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        sizes = [size for size in self.target_shape if isinstance(size, int)]
        if any(size < -1 for size in sizes) or sizes.count(-1) > 1:
            raise ArgumentError(
                f'Expected target_shape with sizes of at least 0 and one -1 at most, received {self.target_shape}.'
            )
        self.built = True

    def call(self, inputs: Array) -> Array:
        shape = self.compute_output_shape(inputs.shape)
        return inputs.reshape(tuple(-1 if size is None else size for size in shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *rest = input_shape
        return (rows, *_resolved(tuple(rest), self.target_shape))


class Permute(Arrangement):
    """Exchange axes.

    Args:
        dims: Which axis of the input comes at each place, counted from 1; the batch axis stays.

    Example:
        >>> Permute((2, 1))(np.ones((5, 3, 4))).shape
        (5, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(f'Expected dims of Permute to be 1 to their number in any order, received {dims}.')
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Array) -> Array:
        return jnp.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))


class RepeatVector(Arrangement):
    """Repeat each row: (batch, features) to (batch, n, features).

    Args:
        n: How often.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f'Expected n of RepeatVector to be an integer, received {n!r}.')
        if n <= 0:
            raise ArgumentError(f'Expected n of RepeatVector to be positive, received {n}.')
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Array) -> Array:
        rows, features = inputs.shape
        return jnp.broadcast_to(inputs[:, None, :], (rows, self.n, features))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0], self.n, input_shape[1]


def _resolved(shape: Shape, target: Sequence[Any]) -> Shape:
    """The target with its -1 resolved for an input of this shape; None where that is not known."""
    if None in shape or None in target:
        return tuple(None if size == -1 else size for size in target)
    total = math.prod(size for size in shape if size is not None)
    known = math.prod(size for size in target if size != -1)
    if -1 not in target and known == total:
        return tuple(target)
    if -1 not in target or known == 0 or total % known:
        raise ShapeError(
            f'The total size of the tensor must be unchanged: received input shape {shape} ({total} values) and '
            f'target_shape={tuple(target)}. Choose sizes whose product is {total}.'
        )
    return tuple(total // known if size == -1 else size for size in target)
