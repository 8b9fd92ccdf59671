"""Reading and writing at places: by key, by index, by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError
from hefted.ops.calling import array, on_arrays, without_variables
from hefted.symbolic import KerasTensor
from hefted.variables import Array


@on_arrays('x')
def get_item(x: Any, key: Any) -> Array:
    """`x[key]`."""
    key = without_variables(key)
    return x[tuple(key) if isinstance(key, list) else key]


@on_arrays('x', 'indices')
def take(x: Any, indices: Any, axis: int | None = None) -> Array:
    """Those at the indices along an axis, or of all in one; NaN or a very low number beyond the end."""
    return jnp.take(x, indices, axis)


@on_arrays('x', 'indices')
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Array:
    """Those at the indices, which have as many axes as x, along one."""
    return jnp.take_along_axis(x, indices, axis)


def _places(x: KerasTensor) -> tuple[KerasTensor, ...]:
    return tuple(KerasTensor((None,), 'int32') for _ in x.shape)


@on_arrays('x', spec=_places)
def nonzero(x: Any) -> tuple[Array, ...]:
    """The indices of all that is not 0, one array for each axis."""
    return jnp.nonzero(x)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, x2 elsewhere; without both, the indices where it holds.

    Raises:
        ValueError: One of x1 and x2 is given without the other.
    """
    if (x1 is None) != (x2 is None):
        raise ArgumentError('Expected both of x1 and x2, or neither.')
    return nonzero(condition) if x1 is None else _where(condition, x1, x2)


@on_arrays('condition', 'x1', 'x2')
def _where(condition: Any, x1: Any, x2: Any) -> Array:
    quick = condition.dtype == bool and condition.shape == x1.shape == x2.shape and x1.dtype == x2.dtype
    return lax.select(condition, x1, x2) if quick else jnp.where(condition, x1, x2)


_where.__name__ = _where.__qualname__ = 'where'


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    """From each place, the choice of the first condition that holds there, or the default.

    Raises:
        ValueError: One of the lists is none, or is empty.
    """
    for name, value in {'condlist': condlist, 'choicelist': choicelist}.items():
        if not isinstance(value, (list, tuple)) or not value:
            raise ArgumentError(f'Expected {name} to be a list of at least one array, received {value!r}.')
    return _select(list(condlist), list(choicelist), default)


@on_arrays('default')
def _select(condlist: list[Any], choicelist: list[Any], default: Any) -> Array:
    return jnp.select([array(c) for c in condlist], [array(c) for c in choicelist], default)


_select.__name__ = _select.__qualname__ = 'select'


@on_arrays('indices')
def unravel_index(indices: Any, shape: Sequence[int]) -> tuple[Array, ...]:
    """The index along each axis of an array of this shape, from the index in all of it."""
    return jnp.unravel_index(indices, shape)


@on_arrays('inputs')
def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Array:
    """A block of this shape that starts there; a size of -1 is all that is left of an axis."""
    start_indices = without_variables(start_indices)
    sizes = [inputs.shape[i] - start_indices[i] if n == -1 else n for i, n in enumerate(shape)]
    return lax.dynamic_slice(inputs, start_indices, sizes)


@on_arrays('inputs', 'updates')
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Array:
    """The inputs with a block that starts there replaced."""
    return lax.dynamic_update_slice(inputs, updates, without_variables(start_indices))


@on_arrays('indices', 'values')
def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Array:
    """Zeros of this shape with the values added at the indices.

    Args:
        indices: Integers of shape (n, k): n places in the first k axes.
        values: Of shape (n, *shape[k:]).
        shape: Of the result.
    """
    return jnp.zeros(shape, values.dtype).at[tuple(jnp.moveaxis(indices, -1, 0))].add(values)


_REDUCTIONS = {None: 'set', 'add': 'add', 'max': 'max', 'min': 'min', 'mul': 'multiply'}


@on_arrays('inputs', 'indices', 'updates')
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Array:
    """The inputs with values at the indices replaced, or joined to what is there.

    Args:
        inputs: Of any shape.
        indices: Integers of shape (n, k): n places in the first k axes.
        updates: Of shape (n, *inputs.shape[k:]).
        reduction: None, 'add', 'max', 'min' or 'mul'.

    Raises:
        ValueError: The reduction is none of these.
    """
    method = _REDUCTIONS.get(reduction if reduction is None else reduction.lower())
    if method is None:
        raise ArgumentError(f'Expected reduction to be one of {tuple(_REDUCTIONS)}, received {reduction!r}.')
    return getattr(inputs.at[tuple(jnp.transpose(indices))], method)(updates)
