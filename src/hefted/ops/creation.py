"""New arrays: of one value, of rising values, of a diagonal."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError
from hefted.ops import calling
from hefted.ops.calling import on_arrays, optional_dtype, result_type
from hefted.variables import Array, Variable


def array(x: Any, dtype: Any = None) -> Array:
    """An array of the numbers of x."""
    return _array(x, optional_dtype(dtype))


@on_arrays('x')
def _array(x: Any, dtype: Any = None) -> Array:
    return jnp.array(x, dtype=dtype)


_array.__name__ = _array.__qualname__ = 'array'


@on_arrays()
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """Of one value."""
    return jnp.full(shape, calling.array(fill_value), dtype=dtypes.standardize(dtype))


def zeros(shape: Any, dtype: Any = None) -> Array:
    """Of zeros."""
    return jnp.zeros(shape, dtypes.standardize(dtype))


def ones(shape: Any, dtype: Any = None) -> Array:
    """Of ones."""
    return jnp.ones(shape, dtypes.standardize(dtype))


def empty(shape: Any, dtype: Any = None) -> Array:
    """Of zeros: JAX has no arrays without values."""
    return jnp.empty(shape, dtypes.standardize(dtype))


@on_arrays('x')
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Array:
    """Of one value, with the shape and dtype of x."""
    return jnp.full_like(x, calling.array(fill_value), dtype=optional_dtype(dtype))


@on_arrays('x')
def zeros_like(x: Any, dtype: Any = None) -> Array:
    """Of zeros, with the shape and dtype of x."""
    return jnp.zeros_like(x, dtype=optional_dtype(dtype))


@on_arrays('x')
def ones_like(x: Any, dtype: Any = None) -> Array:
    """Of ones, with the shape and dtype of x."""
    return jnp.ones_like(x, dtype=optional_dtype(dtype))


@on_arrays('x')
def empty_like(x: Any, dtype: Any = None) -> Array:
    """Of zeros, with the shape and dtype of x."""
    return jnp.empty_like(x, dtype=optional_dtype(dtype))


# Rising


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """`start`, `start + step`, … up to but without `stop`; of one argument 0, 1, … below it."""
    given = [value.value if isinstance(value, Variable) else value for value in (start, stop, step)]
    if dtype is None:
        dtype = result_type(*(getattr(value, 'dtype', type(value)) for value in given if value is not None))
    start, stop, step = given
    return jnp.arange(start, stop, step, dtype=dtypes.standardize(dtype))


@on_arrays('start', 'stop')
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`; with `retstep`, the distance too."""
    return jnp.linspace(start, stop, num, endpoint, retstep, optional_dtype(dtype), axis)


@on_arrays('start', 'stop')
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Array:
    """`base` to powers at equal distances from `start` to `stop`."""
    return jnp.logspace(start, stop, num, endpoint, base, optional_dtype(dtype), axis)


@on_arrays('start', 'stop')
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Array:
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    return jnp.geomspace(start, stop, num, endpoint, optional_dtype(dtype), axis)


# Of a diagonal


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """N rows and M columns with ones on the diagonal k above the main one.

    Raises:
        TypeError: N or M is a float.
    """
    for name, value in {'N': N, 'M': M}.items():
        if isinstance(value, float) or np.issubdtype(getattr(value, 'dtype', int), np.floating):
            raise TypeError(f'Expected {name} of eye to be an int, received {value!r}.')
    return jnp.eye(N, M, k, dtypes.standardize(dtype))


def identity(n: int, dtype: Any = None) -> Array:
    """N rows and columns with ones on the main diagonal."""
    return jnp.identity(n, dtypes.standardize(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """N rows and M columns with ones on and below the diagonal k above the main one."""
    return jnp.tri(N, M, k, dtypes.standardize(dtype))


@on_arrays('x')
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """Vandermonde's matrix: the powers of each x in a row, the highest first unless `increasing`.

    Raises:
        ValueError: x has not one axis, or N is negative.
        TypeError: N is not an int, or `increasing` not a bool.
    """
    if x.ndim != 1:
        raise ShapeError(f'Expected x of vander to have one axis, received shape {x.shape}.')
    if N is not None and not isinstance(N, int):
        raise TypeError(f'Expected N to be an int, received {N!r}.')
    if N is not None and N < 0:
        raise ArgumentError(f'Expected N to be 0 or more, received {N}.')
    if not isinstance(increasing, bool):
        raise TypeError(f'Expected increasing to be a bool, received {increasing!r}.')
    return jnp.vander(x, N, increasing)


@on_arrays('x')
def diag(x: Any, k: int = 0) -> Array:
    """The matrix with x on the diagonal k above the main one, or that diagonal of a matrix."""
    return jnp.diag(x, k)


@on_arrays('x')
def diagflat(x: Any, k: int = 0) -> Array:
    """The matrix with the numbers of x on the diagonal k above the main one."""
    return jnp.diagflat(x, k)


@on_arrays('x')
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the matrices that two axes make, along a new last axis.

    Raises:
        ValueError: The two axes are one, or are not there.
    """
    for name, axis in {'axis1': axis1, 'axis2': axis2}.items():
        if not -x.ndim <= axis < x.ndim:
            raise ArgumentError(f'Expected {name} to be an axis of shape {x.shape}, received {axis}.')
    if axis1 % x.ndim == axis2 % x.ndim:
        raise ArgumentError(f'Expected axis1 and axis2 to be two axes, received {axis1} and {axis2}.')
    return jnp.diagonal(x, offset, axis1, axis2)


@on_arrays('x')
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of a diagonal."""
    return jnp.trace(x, offset, axis1, axis2)


@on_arrays('x')
def tril(x: Any, k: int = 0) -> Array:
    """Zeros above the diagonal k above the main one."""
    return jnp.tril(x, k)


@on_arrays('x')
def triu(x: Any, k: int = 0) -> Array:
    """Zeros below the diagonal k above the main one."""
    return jnp.triu(x, k)
