"""`Input` and `InputLayer`: the shape of what goes in, said before any data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefted import dtypes
from hefted.errors import ArgumentError, unknown_arguments
from hefted.layers.layer import Layer
from hefted.operation import Node
from hefted.symbolic import KerasTensor, standardize_shape
from hefted.variables import Array

Shape = Sequence[int | None]


class InputLayer(Layer):
    """A layer that passes its input on and fixes its shape.

    Args:
        shape: Without the batch axis.
        batch_size: If fixed.
        dtype: Of the input; `floatx()` if None.
        sparse: Kept for Keras's sake; only False.
        ragged: The same.
        batch_shape: With the batch axis, instead of `shape` and `batch_size`.
        input_tensor: A symbolic tensor to take instead of a new one.
        optional: Whether the model may be called with None for it.
        name: Made up if None.

    Attributes:
        tensor: The symbolic tensor that stands for what goes in.

    Raises:
        ArgumentError: Neither `shape` nor `batch_shape`, or both.
    """

    rows_independent = True

    def __init__(
        self,
        shape: Shape | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Shape | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if sparse or ragged:
            raise ArgumentError('Expected a dense input: sparse and ragged ones are not supported. Pass a dense array.')
        shape = kwargs.pop('input_shape', shape)
        batch_shape = kwargs.pop('batch_input_shape', batch_shape)
        unknown = set(kwargs) - {'trainable'}
        if unknown:
            raise unknown_arguments(self, sorted(unknown), 'input_shape', 'batch_input_shape')
        if input_tensor is not None:
            batch_shape, shape, dtype = input_tensor.shape, None, dtype or input_tensor.dtype
        if (shape is None) == (batch_shape is None):
            raise ArgumentError('Expected shape or batch_shape, one of them. Pass shape=(100,) for rows of 100 values.')
        self.batch_shape = standardize_shape(batch_shape) if batch_shape is not None else (batch_size, *_sizes(shape))
        self.optional = optional
        self._own_dtype = dtypes.standardize(dtype)
        self.built = True
        self.tensor = input_tensor or KerasTensor(self.batch_shape, self._own_dtype, name=self.name)
        Node(self, (), {}, self.tensor)

    @property
    def dtype(self) -> str:
        return self._own_dtype

    @property
    def input_dtype(self) -> str:
        return self._own_dtype

    def call(self, inputs: Array) -> Array:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            'batch_shape': self.batch_shape, 'dtype': self._own_dtype,
            'sparse': False, 'ragged': False, 'name': self.name, 'optional': self.optional,
        }  # fmt: skip


def Input(
    shape: Shape | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Shape | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor for what goes into a model; the first entry of a `Sequential`, too.

    Args:
        shape: Without the batch axis; None where a size is not known.
        batch_size: If fixed.
        dtype: Of the input; `floatx()` if None.
        sparse: Kept for Keras's sake; only False.
        ragged: The same.
        batch_shape: With the batch axis, instead of `shape` and `batch_size`.
        name: Made up if None.
        tensor: A symbolic tensor to take instead of a new one.
        optional: Whether the model may be called with None for it.

    Returns:
        A KerasTensor of shape (batch, *shape).

    Example:
        >>> Input((28, 28)).shape
        (None, 28, 28)
    """
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.tensor


def _sizes(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, int):
        raise ArgumentError(f'Expected shape to be a tuple, received {shape!r}. Write ({shape},).')
    return standardize_shape(shape)
