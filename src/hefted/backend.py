"""`keras.backend`'s names: what is asked of the back end, and the settings that used to be here."""

from __future__ import annotations

from typing import Any

from hefted import dtypes
from hefted.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from hefted.ops.calling import result_type as _result_type
from hefted.utils.naming import next_uid as get_uid
from hefted.utils.session import clear_session, is_keras_tensor, standardize_dtype

__all__ = [
    'backend', 'clear_session', 'epsilon', 'floatx', 'get_uid', 'image_data_format', 'is_float_dtype', 'is_int_dtype',
    'is_keras_tensor', 'result_type', 'set_epsilon', 'set_floatx', 'set_image_data_format', 'standardize_dtype',
]  # fmt: skip


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of the floating ones."""
    return dtypes.is_float(dtype)


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of whole numbers."""
    return standardize_dtype(dtype).startswith(('int', 'uint'))


def result_type(*dtypes: Any) -> str:
    """The dtype that a function of arrays of these dtypes returns; `float` and `int` stand for Python's numbers.

    Example:
        >>> result_type('int32', 'float16'), result_type('bfloat16', float), result_type()
        ('float16', 'bfloat16', 'float32')
    """
    kinds = [kind if kind in (int, float) else standardize_dtype(kind) for kind in dtypes]
    return _result_type(*kinds) if kinds else floatx()
