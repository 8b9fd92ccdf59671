"""Class numbers as vectors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax, nn

from hefted import dtypes
from hefted.errors import ArgumentError
from hefted.ops.calling import on_arrays
from hefted.variables import Array


def _dense(sparse: bool) -> None:
    if sparse:
        raise ArgumentError('Expected sparse to be False: sparse arrays are not supported.')


@on_arrays('x')
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Array:
    """A new axis with 1 at the class's number and 0 elsewhere; numbers out of range give zeros.

    Args:
        x: Class numbers, of any shape.
        num_classes: The size of the new axis.
        axis: Its place.
        dtype: `floatx` if None.
        sparse: Only False.
    """
    _dense(sparse)
    return nn.one_hot(x, num_classes, axis=axis, dtype=dtypes.standardize(dtype))


@on_arrays('inputs')
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Array:
    """1 at each number that a row holds and 0 elsewhere.

    Args:
        inputs: Class numbers (batch, numbers) or (numbers,).
        num_classes: How many classes there are.
        axis: The place of the new axis.
        dtype: `floatx` if None.
        sparse: Only False.
        **kwargs: `num_tokens`, Keras's older name for `num_classes`.

    Returns:
        (batch, num_classes) or (num_classes,).

    Raises:
        ValueError: There is no `num_classes`.
    """
    _dense(sparse)
    count = kwargs.pop('num_tokens', None) if num_classes is None else num_classes
    if count is None:
        raise ArgumentError('Expected num_classes to be an int, received None.')
    hot = nn.one_hot(lax.convert_element_type(inputs, 'int32'), count, axis=axis, dtype=dtypes.standardize(dtype))
    return jnp.max(hot, 1 if inputs.ndim > 1 else 0)
