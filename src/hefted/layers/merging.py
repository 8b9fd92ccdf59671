"""Layers that make one array of several, element by element: sums, products, means, extremes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.layer import Layer
from hefted.masks import get_mask, set_mask
from hefted.symbolic import KerasTensor
from hefted.variables import Array

Shape = tuple[int | None, ...]


class Merge(Layer):
    """What the merging layers share: a list of inputs, whose shapes broadcast behind the batch axis.

    An input of lower rank gets axes of 1 behind the batch axis. The outputs' mask is true where any input's is, and
    there is none unless each input has one.

    Args:
        **kwargs: For `Layer`.
    """

    rows_independent = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs: list[Array]) -> Array:
        """What it makes of arrays of one rank."""
        raise NotImplementedError(f'{type(self).__name__} has no merge(): say there what it computes.')

    def build(self, input_shape: Any) -> None:
        shapes = shapes_of(self, input_shape)
        self._merged(shapes)
        sizes = {shape[0] for shape in shapes if shape} - {None}
        if len(sizes) > 1:
            raise ShapeError(f'Cannot merge tensors with different batch sizes. Received tensors with shapes {shapes}.')

    def call(self, inputs: Any) -> Array:
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(f'Expected a list of tensors for {type(self).__name__}, received {inputs!r}.')
        rank = max(x.ndim for x in inputs)
        return self.merge([_of_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = shapes_of(self, input_shape)
        sizes = {shape[0] for shape in shapes} - {None}
        return (sizes.pop() if len(sizes) == 1 else None, *self._merged(shapes))

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self._dtype_of(inputs))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        masks = masks_of(inputs, previous_mask)
        if masks is None or any(mask is None for mask in masks):
            return None
        return functools.reduce(jnp.logical_or, masks)

    def _dtype_of(self, inputs: Sequence[Any]) -> str:
        return dtypes.standardize(jnp.result_type(*(np.dtype(dtypes.on_device(x.dtype)) for x in inputs)))

    def _merged(self, shapes: list[Shape]) -> Shape:
        """The shape behind the batch axis."""
        return functools.reduce(lambda a, b: _broadcast(a, b, shapes), (shape[1:] for shape in shapes))


class Add(Merge):
    """The sum of the inputs.

    Example:
        >>> Add()([np.ones((1, 2)), np.ones((1, 2))]).tolist()
        [[2.0, 2.0]]
    """

    def merge(self, inputs: list[Array]) -> Array:
        return functools.reduce(jnp.add, inputs)


class Subtract(Merge):
    """The first of two inputs minus the second."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ArgumentError(f'Expected 2 inputs for Subtract, received {len(input_shape)}.')

    def merge(self, inputs: list[Array]) -> Array:
        if len(inputs) != 2:
            raise ArgumentError(f'Expected 2 inputs for Subtract, received {len(inputs)}.')
        return jnp.subtract(*inputs)


class Average(Merge):
    """The mean of the inputs."""

    def merge(self, inputs: list[Array]) -> Array:
        return functools.reduce(jnp.add, inputs) / len(inputs)

    def _dtype_of(self, inputs: Sequence[Any]) -> str:
        found = super()._dtype_of(inputs)
        return found if dtypes.is_float(found) else 'float32'


class Multiply(Merge):
    """The product of the inputs; a masked step counts as 1, and is 0 where every input masks it."""

    def merge(self, inputs: list[Array]) -> Array:
        masks = [get_mask(x) for x in inputs]
        if all(mask is None for mask in masks):
            return functools.reduce(jnp.multiply, inputs)
        wide = [None if mask is None else _as_wide(mask, x) for mask, x in zip(masks, inputs, strict=True)]
        factors = [
            x if mask is None else jnp.where(mask, x, jnp.ones((), x.dtype))
            for mask, x in zip(wide, inputs, strict=True)
        ]
        output = functools.reduce(jnp.multiply, factors)
        known = [mask for mask in wide if mask is not None]
        if len(known) < len(wide):
            return output
        seen = functools.reduce(jnp.logical_or, known)
        output = jnp.where(seen, output, jnp.zeros((), output.dtype))
        set_mask(output, seen.any(-1))
        return output


class Maximum(Merge):
    """The greatest of the inputs, element by element; a masked step gives way to the others'."""

    def merge(self, inputs: list[Array]) -> Array:
        return _of_unmasked(jnp.maximum, inputs)


class Minimum(Merge):
    """The least of the inputs, element by element; a masked step gives way to the others'."""

    def merge(self, inputs: list[Array]) -> Array:
        return _of_unmasked(jnp.minimum, inputs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of a list of tensors, as `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first of two tensors minus the second, as `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of a list of tensors, as `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of a list of tensors, as `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The greatest of a list of tensors, element by element, as `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The least of a list of tensors, element by element, as `Minimum`."""
    return Minimum(**kwargs)(inputs)


# What the files of merging layers share


def shapes_of(layer: Layer, input_shape: Any) -> list[Shape]:
    """The shapes of a list of inputs.

    Raises:
        ShapeError: It is the shape of one input, or empty.
    """
    if not isinstance(input_shape, (list, tuple)) or not input_shape or not isinstance(input_shape[0], (list, tuple)):
        raise ShapeError(
            f'{type(layer).__name__} should be called on a list of at least 1 input, received shape {input_shape}. '
            'Write layer([x, y]).'
        )
    return [tuple(shape) for shape in input_shape]


def masks_of(inputs: Any, masks: Any) -> list[Any] | None:
    """The masks, one for each input; None where there are none at all."""
    if masks is None:
        return None
    for name, value in (('mask', masks), ('inputs', inputs)):
        if not isinstance(value, (list, tuple)):
            raise ArgumentError(f'Expected {name} to be a list, received {value!r}.')
    if len(masks) != len(inputs):
        raise ArgumentError(f'Expected one mask for each of {len(inputs)} inputs, received {len(masks)}.')
    return list(masks)


def _broadcast(one: Shape, other: Shape, shapes: list[Shape]) -> Shape:
    """What two shapes broadcast to, both behind the batch axis; unknown with anything is unknown."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    lead = len(longer) - len(shorter)
    sizes: list[int | None] = list(longer[:lead])
    for a, b in zip(longer[lead:], shorter, strict=True):
        if a is None or b is None:
            sizes.append(None)
        elif a != b and 1 not in (a, b):
            raise ShapeError(
                f'Inputs have incompatible shapes: {one} and {other} behind the batch axis, of {shapes}. '
                'Sizes must agree, or be 1.'
            )
        else:
            sizes.append(b if a == 1 else a)
    return tuple(sizes)


def _of_rank(x: Array, rank: int) -> Array:
    return x if x.ndim == rank else x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:])


def _as_wide(mask: Array, x: Array) -> Array:
    return jnp.broadcast_to(mask[..., None], x.shape)


def _of_unmasked(extreme: Callable[[Array, Array], Array], inputs: list[Array]) -> Array:
    """Fold the inputs; where one masks a step, the others' value stands."""
    output, seen = inputs[0], get_mask(inputs[0])
    seen = None if seen is None else _as_wide(seen, output)
    for x in inputs[1:]:
        mask = get_mask(x)
        given = x
        if mask is not None:
            mask = _as_wide(mask, x)
            given = jnp.where(mask, x, output)
        if seen is not None:
            output = jnp.where(seen, output, given)
        seen = None if mask is None or seen is None else seen | mask
        output = extreme(output, given)
    if seen is not None and len(inputs) > 1:
        set_mask(output, seen.any(-1))
    return output
