"""Dtypes by name: the default float, what Keras calls standard names, and casts of host arrays."""

from __future__ import annotations

from typing import Any

from hefted.errors import unknown_name

NAMES = (
    'bool', 'uint8', 'uint16', 'uint32', 'uint64', 'int8', 'int16', 'int32', 'int64',
    'bfloat16', 'float16', 'float32', 'float64', 'complex64', 'complex128',
)  # fmt: skip
_TEXT = 'string'  # of symbolic inputs that are looked up on the host; no array of the device's has it
_FLOATS = ('bfloat16', 'float16', 'float32', 'float64')
_PYTHON = {bool: 'bool', int: 'int32', float: 'float32', complex: 'complex64'}
_NARROW = {'float64': 'float32', 'int64': 'int32', 'uint64': 'uint32', 'complex128': 'complex64'}
_floatx = 'float32'


def floatx() -> str:
    """The default float dtype, as a string ('float32' unless set)."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype: 'bfloat16', 'float16', 'float32' or 'float64'."""
    global _floatx
    if value not in _FLOATS:
        raise unknown_name('floatx', value, _FLOATS)
    _floatx = value


def standardize(dtype: Any) -> str:
    """The standard name of a dtype given as a string, a NumPy or JAX dtype, or a Python type.

    Example:
        >>> standardize(float), standardize(np.dtype('int8')), standardize('float16')
        ('float32', 'int8', 'float16')
    """
    if dtype is None:
        return _floatx
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _floatx if dtype is float else _PYTHON[dtype]
    name = dtype if isinstance(dtype, str) else getattr(dtype, 'name', None) or getattr(dtype, '__name__', str(dtype))
    if name not in NAMES and name != _TEXT:
        raise unknown_name('dtype', name, NAMES)
    return name


def is_float(dtype: Any) -> bool:
    """Whether a dtype is one of the floating ones."""
    return standardize(dtype) in _FLOATS


def on_device(dtype: Any) -> str:
    """The dtype that a host array gets on the device: floats as `floatx()`, 64-bit integers as 32-bit.

    Keras casts host floats to `floatx` on entry; JAX without x64 holds no 64-bit integers.
    """
    name = standardize(dtype)
    if name in ('float64', 'float32'):
        return _NARROW.get(_floatx, _floatx)
    return _NARROW.get(name, name)
