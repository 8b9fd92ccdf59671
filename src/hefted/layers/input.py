"""`Input` and `InputLayer`: the shape of what goes in, said before any data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefted import dtypes
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.variables import Array


class InputLayer(Layer):
    """A layer that passes its input on and fixes its shape.

    Args:
        shape: Without the batch axis.
        batch_size: If fixed.
        dtype: Of the input; `floatx()` if None.
        batch_shape: With the batch axis, instead of `shape` and `batch_size`.
        name: Made up if None.

    Raises:
        ArgumentError: Neither `shape` nor `batch_shape`, or both.
    """

    rows_independent = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        unknown = set(kwargs) - {'sparse', 'ragged', 'optional', 'trainable'}
        if unknown:
            raise ArgumentError(f'Unrecognized keyword arguments passed to InputLayer: {", ".join(sorted(unknown))}.')
        if (shape is None) == (batch_shape is None):
            raise ArgumentError('Expected shape or batch_shape, one of them. Pass shape=(100,) for rows of 100 values.')
        self.batch_shape = tuple(batch_shape) if batch_shape is not None else (batch_size, *_sizes(shape))
        self.input_dtype = dtypes.standardize(dtype)
        self.built = True

    def call(self, inputs: Array) -> Array:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            'batch_shape': self.batch_shape, 'dtype': self.input_dtype,
            'sparse': False, 'ragged': False, 'name': self.name, 'optional': False,
        }  # fmt: skip


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> InputLayer:
    """The first entry of a `Sequential`: `Sequential([Input((100,)), Dense(1)])`.

    Args:
        shape: Without the batch axis.
        batch_size: If fixed.
        dtype: Of the input.
        sparse: Kept for Keras's sake; only False.
        batch_shape: With the batch axis, instead of `shape` and `batch_size`.
        name: Made up if None.
    """
    if sparse:
        raise ArgumentError('Expected sparse to be False: sparse inputs are not supported. Pass a dense array.')
    return InputLayer(shape, batch_size, dtype, batch_shape, name)


def _sizes(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, int):
        raise ArgumentError(f'Expected shape to be a tuple, received {shape!r}. Write ({shape},).')
    return tuple(shape)
