"""Matrices taken apart, inverted and solved for. Leading axes are many matrices at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays, result_type
from hefted.variables import Array


def _check_matrix(name: str, x: Array, square: bool = False) -> None:
    if x.ndim < 2:
        raise ShapeError(f'Expected {name} to have two axes or more, received shape {x.shape}.')
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f'Expected {name} to be square in its last two axes, received shape {x.shape}.')


@on_arrays('x')
def cholesky(x: Any, upper: bool = False) -> Array:
    """The lower triangular L with `L @ L.T = x` of a positive definite x, or the upper `L.T`.

    Raises:
        ValueError: x is not square, or (outside a compiled step) not positive definite.
    """
    _check_matrix('x', x, square=True)
    factor = jnp.linalg.cholesky(x, upper=upper)
    if not isinstance(factor, Tracer) and bool(jnp.isnan(factor).any()):
        raise ArgumentError('Expected x of cholesky to be symmetric and positive definite; it is not.')
    return factor


@on_arrays('x')
def cholesky_inverse(x: Any, upper: bool = False) -> Array:
    """The inverse of a matrix whose Cholesky factor is x."""
    _check_matrix('x', x, square=True)
    inverse = jax.scipy.linalg.solve_triangular(x, jnp.eye(x.shape[-1], dtype=x.dtype), lower=not upper)
    return inverse @ inverse.T if upper else inverse.T @ inverse


@on_arrays('x')
def det(x: Any) -> Array:
    """The determinant."""
    _check_matrix('x', x, square=True)
    return jnp.linalg.det(x)


@on_arrays('x')
def slogdet(x: Any) -> tuple[Array, Array]:
    """The determinant's sign, and the logarithm of its size."""
    sign, logarithm = jnp.linalg.slogdet(x)
    return sign, logarithm


@on_arrays('x')
def logdet(x: Any) -> Array:
    """The logarithm of the determinant's size."""
    return jnp.linalg.slogdet(x)[1]


@on_arrays('x')
def eig(x: Any) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors (columns), complex; on CPU alone."""
    _check_matrix('x', x, square=True)
    values, vectors = jnp.linalg.eig(x)
    return values, vectors


@on_arrays('x')
def eigh(x: Any) -> tuple[Array, Array]:
    """Eigenvalues, rising, and eigenvectors (columns) of a symmetric matrix."""
    _check_matrix('x', x, square=True)
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors


@on_arrays('x')
def inv(x: Any) -> Array:
    """The inverse."""
    _check_matrix('x', x, square=True)
    return jnp.linalg.inv(x)


@on_arrays('x')
def pinv(x: Any, rcond: Any = None) -> Array:
    """Moore and Penrose's pseudo-inverse; singular values under `rcond` times the largest count as 0."""
    _check_matrix('x', x)
    return jnp.linalg.pinv(x, rcond)


@on_arrays('x')
def matrix_rank(x: Any, tol: Any = None) -> Array:
    """The number of singular values above `tol`, int32."""
    _check_matrix('x', x)
    return lax.convert_element_type(jnp.linalg.matrix_rank(x, tol), 'int32')


@on_arrays('x')
def lu_factor(x: Any) -> tuple[Array, Array]:
    """The triangular factors in one matrix (the lower one's diagonal is 1), and the row that each row went to."""
    _check_matrix('x', x)
    factor = jax.scipy.linalg.lu_factor
    for _ in range(x.ndim - 2):
        factor = jax.vmap(factor)
    both, pivots = factor(x)
    return both, pivots


@on_arrays('x')
def qr(x: Any, mode: str = 'reduced') -> tuple[Array, Array]:
    """Q with orthonormal columns and an upper triangular R, whose product is x.

    Raises:
        ValueError: `mode` is neither 'reduced' nor 'complete'.
    """
    if mode not in ('reduced', 'complete'):
        raise ArgumentError(f"Expected mode to be 'reduced' or 'complete', received {mode!r}.")
    q, r = jnp.linalg.qr(x, mode)
    return q, r


@on_arrays('x')
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, the singular values, falling, and V transposed; the values alone without `compute_uv`."""
    _check_matrix('x', x)
    parts = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(parts) if compute_uv else parts


@on_arrays('a', 'b')
def solve(a: Any, b: Any) -> Array:
    """The x with `a @ x = b`."""
    _check_system(a, b)
    return jnp.linalg.solve(a, b)


@on_arrays('a', 'b')
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Array:
    """The x with `a @ x = b`, a being triangular."""
    _check_system(a, b)
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


def _check_system(a: Array, b: Array) -> None:
    _check_matrix('a', a, square=True)
    if b.ndim < 1:
        raise ShapeError('Expected b to have one axis or more, received a number.')
    axis = -2 if a.ndim == b.ndim else -1
    if b.ndim in (a.ndim, a.ndim - 1) and a.shape[axis] != b.shape[axis]:
        raise ShapeError(f'Expected b to have as many rows as a, received shapes {a.shape} and {b.shape}.')


@on_arrays('a', 'b')
def lstsq(a: Any, b: Any, rcond: Any = None) -> Array:
    """The x with the least squares of `a @ x - b`."""
    return jnp.linalg.lstsq(a, b, rcond)[0]


@on_arrays('x')
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """A norm of vectors (one axis) or matrices (two axes).

    Args:
        x: Any array; integers are made floats.
        ord: The order: a number, 'fro' or 'nuc'; None is the root of the sum of squares.
        axis: One, two, or None for all.
        keepdims: Whether axes of size 1 stay.
    """
    x = lax.convert_element_type(x, result_type(x.dtype, float))
    return jnp.linalg.norm(x, ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)
