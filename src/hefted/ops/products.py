"""Sums of products: matrices, contractions, correlations, distances."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.errors import ShapeError
from hefted.ops.calling import array, on_arrays
from hefted.variables import Array


@on_arrays('x1', 'x2')
def matmul(x1: Any, x2: Any) -> Array:
    """The matrix product over the last two axes; of int8 an int32."""
    return jnp.matmul(x1, x2, preferred_element_type=_wide(x1, x2))


def _wide(*arrays: Array) -> str | None:
    """int8 products are summed as int32, which hardware does as fast."""
    return 'int32' if all(x.dtype == 'int8' for x in arrays) else None


@on_arrays()
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Array:
    """The sum of products that Einstein's notation names: `einsum('ij,jk->ik', a, b)`."""
    arrays = [array(x) for x in operands]
    named: dict[str, Any] = {**kwargs, 'preferred_element_type': _wide(*arrays)}
    return jnp.einsum(subscripts, *arrays, **named)


@on_arrays('x1', 'x2')
def dot(x1: Any, x2: Any) -> Array:
    """The sum of products over the last axis of x1 and the last but one of x2."""
    return jnp.dot(x1, x2)


@on_arrays('x1', 'x2')
def vdot(x1: Any, x2: Any) -> Array:
    """The sum of all products, x1 conjugated."""
    return jnp.vdot(x1, x2)


@on_arrays('x1', 'x2')
def inner(x1: Any, x2: Any) -> Array:
    """The sums of products over the last axes."""
    return jnp.inner(x1, x2)


@on_arrays('x1', 'x2')
def outer(x1: Any, x2: Any) -> Array:
    """Each of x1 times each of x2, both flattened."""
    return jnp.outer(x1, x2)


@on_arrays('x1', 'x2')
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Array:
    """Sums of products over so many axes, the last of x1 and the first of x2, or over those named."""
    return jnp.tensordot(x1, x2, axes)


@on_arrays('x1', 'x2')
def kron(x1: Any, x2: Any) -> Array:
    """Kronecker's product: x2 in the place of each element of x1, multiplied by it."""
    return jnp.kron(x1, x2)


@on_arrays('x1', 'x2')
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The vector orthogonal to both, of vectors of two or three numbers."""
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@on_arrays('x1', 'x2')
def correlate(x1: Any, x2: Any, mode: str = 'valid') -> Array:
    """The sums of products of x2 moved along x1; `mode` is 'valid', 'same' or 'full'."""
    return jnp.correlate(x1, x2, mode)


@on_arrays('x')
def corrcoef(x: Any) -> Array:
    """Pearson's correlations of the rows."""
    return jnp.corrcoef(x)


@on_arrays('x', 'y')
def cdist(x: Any, y: Any) -> Array:
    """Euclid's distances of each row of x from each row of y.

    Args:
        x: (…, n, size).
        y: (…, m, size).

    Returns:
        (…, n, m).

    Raises:
        ValueError: One has fewer than two axes, or their last axes differ.
    """
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f'Expected x (…, n, size) and y (…, m, size) with one size, received shapes {x.shape} and {y.shape}.'
        )
    return jnp.sqrt(jnp.square(jnp.expand_dims(x, -2) - jnp.expand_dims(y, -3)).sum(-1))
