"""What an array is, and making one of something else: conversions, casts, shapes and dtypes."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax

from hefted import dtypes
from hefted.errors import ArgumentError
from hefted.ops.calling import array, on_arrays, optional_dtype
from hefted.symbolic import KerasTensor, is_keras_tensor
from hefted.variables import Array, Variable


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Array:
    """An array of an array, a Variable, a list or a number.

    Args:
        x: Converted.
        dtype: Of the result; as it is if None.
        sparse: Only None or False.
        ragged: Only None or False.

    Raises:
        ValueError: `sparse` or `ragged` is true.
    """
    if sparse or ragged:
        raise ArgumentError('Expected sparse and ragged to be None or False: only dense arrays are supported.')
    return _convert(x, optional_dtype(dtype))


@on_arrays()
def _convert(x: Any, dtype: str | None) -> Array:
    return array(x, dtype)


_convert.__name__ = _convert.__qualname__ = 'convert_to_tensor'


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """A copy of the numbers on the host."""
    if is_keras_tensor(x):
        return np.array(x)  # raises, and says why
    return np.array(array(x) if isinstance(x, (list, tuple, Variable)) else x)


def is_tensor(x: Any) -> bool:
    """Whether it is an array of JAX's; Variables, symbolic tensors and NumPy's arrays are not."""
    return isinstance(x, jax.Array)


def cast(x: Any, dtype: Any) -> Array:
    """The numbers in another dtype."""
    return _cast(x, dtypes.standardize(dtype))


@on_arrays('x')
def _cast(x: Any, dtype: str) -> Array:
    return array(x, dtypes.on_device(dtype)) if '64' in dtype else array(x, dtype)


_cast.__name__ = _cast.__qualname__ = 'cast'


def saturate_cast(x: Any, dtype: Any) -> Array:
    """The numbers in another dtype, those beyond its limits at its limits.

    Example:
        >>> saturate_cast(np.array([-3.0, 300.0]), 'uint8').tolist()
        [0, 255]
    """
    return _saturate(x, dtypes.standardize(dtype))


@on_arrays('x')
def _saturate(x: Any, dtype: str) -> Array:
    low, high = _limits(dtype)
    least, most = _limits(str(x.dtype))
    low, high = (np.asarray(limit).astype(x.dtype) for limit in (max(low, least), min(high, most)))
    # Rounded to x's dtype, a limit may lie beyond it: the next number towards 0 does not.
    low = np.nextafter(low, 0, dtype=x.dtype) if low < _limits(dtype)[0] else low
    high = np.nextafter(high, 0, dtype=x.dtype) if high > _limits(dtype)[1] else high
    x = lax.convert_element_type(x, 'int32') if x.dtype == bool else x
    return lax.convert_element_type(jnp.clip(x, low.astype(x.dtype), high.astype(x.dtype)), dtype)


_saturate.__name__ = _saturate.__qualname__ = 'saturate_cast'


def _limits(dtype: str) -> tuple[Any, Any]:
    if dtype == 'bool':
        return 0, 1
    info = ml_dtypes.iinfo(dtype) if 'int' in dtype else ml_dtypes.finfo(dtype)
    return info.min, info.max


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes by axis; None where a symbolic tensor's is not known."""
    return x.shape if hasattr(x, 'shape') else array(x).shape


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return dtypes.standardize(x.dtype if hasattr(x, 'dtype') else array(x).dtype)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def _count(x: KerasTensor) -> KerasTensor:
    return KerasTensor((), 'int32')


@on_arrays('x', spec=_count)
def size(x: Any) -> int:
    """The number of numbers."""
    return math.prod(x.shape)


def view(x: Any, dtype: Any = None) -> Array:
    """The same bits as another dtype; of another width, the last axis changes its size."""
    return _view(x, optional_dtype(dtype))


@on_arrays('x')
def _view(x: Any, dtype: str | None) -> Array:
    return x.view(dtype)


_view.__name__ = _view.__qualname__ = 'view'


@on_arrays('variable')
def stop_gradient(variable: Any) -> Array:
    """The same, with a gradient of 0."""
    return lax.stop_gradient(variable)
