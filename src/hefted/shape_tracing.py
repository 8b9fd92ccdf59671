"""The shapes that a function returns for symbolic tensors: found by tracing it with JAX, nothing is computed.

A size that is not known yet is None: it is traced with two stand-ins, and what comes out different is not known either.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError
from hefted.symbolic import KerasTensor, Shape
from hefted.variables import Discarded

# Keras traces with these two as well; primes are rarely a size of anything else.
_STAND_INS = (83, 89)


class _Tracing(threading.local):
    rows_unknown = False


_tracing = _Tracing()


def rows_unknown() -> bool:
    """Whether only shapes are traced now, for any number of rows."""
    return _tracing.rows_unknown


@contextmanager
def any_rows(unknown: bool = True) -> Generator[None]:
    """Within the block only shapes are traced, for any number of rows: layers built there are built for any."""
    outer, _tracing.rows_unknown = _tracing.rows_unknown, unknown
    try:
        yield
    finally:
        _tracing.rows_unknown = outer


def eval_shapes(function: Callable[..., Any], *probes: Any) -> Any:
    """As `jax.eval_shape`, but variables may be assigned meanwhile; what was assigned is forgotten."""

    def traced(*arrays: Any) -> Any:
        with Discarded():
            return function(*arrays)

    return jax.eval_shape(traced, *probes)


def infer(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The KerasTensors that a function returns for KerasTensors: it is traced, nothing is computed.

    Variables may be read and assigned; what is assigned is forgotten. Arguments that are not symbolic are passed as
    they are.

    Args:
        function: Over arrays.
        *args: Nested; KerasTensors stand for arrays.
        **kwargs: The same.

    Returns:
        As the function, KerasTensors in the place of arrays; other things as they are.
    """
    return trace_shapes(function, args, kwargs)


def trace_shapes(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], by_rows: bool = False
) -> Any:
    """As `infer`, the arguments in a tuple and a dict.

    Args:
        function: Over arrays.
        args: Positional arguments.
        kwargs: Keyword arguments.
        by_rows: Whether it is known that each row of the outputs comes of that row of the inputs, so that an
            unknown number of rows needs one trace only.
    """
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=lambda x: x is None or isinstance(x, KerasTensor))
    symbolic = [leaf for leaf in leaves if isinstance(leaf, KerasTensor)]
    unknown = any(None in tensor.shape for tensor in symbolic)
    once = not unknown or (by_rows and all(t.shape[:1] == (None,) and None not in t.shape[1:] for t in symbolic))
    skeleton: list[Any] = []

    def trace(*arrays: Any) -> Any:
        given = iter(arrays)
        filled = [next(given) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves]
        args, kwargs = jax.tree.unflatten(structure, filled)
        with Discarded():
            outputs = function(*args, **kwargs)
        flat, shape = jax.tree.flatten(outputs, is_leaf=lambda x: x is None)
        skeleton[:] = [shape, *(_HERE if _is_array(leaf) else leaf for leaf in flat)]
        return [leaf for leaf in flat if _is_array(leaf)]

    with any_rows(any(t.shape[:1] == (None,) for t in symbolic)), _told_without_stand_ins(unknown):
        found = [
            jax.eval_shape(trace, *(_stand_in(tensor, size) for tensor in symbolic))
            for size in (_STAND_INS[:1] if once else _STAND_INS)
        ]
    made = iter(_merged(found, rows_unknown=once and unknown))
    shape, *flat = skeleton
    return jax.tree.unflatten(shape, [next(made) if leaf is _HERE else leaf for leaf in flat])


@contextmanager
def _told_without_stand_ins(unknown: bool) -> Generator[None]:
    """JAX's errors on shapes speak of stand-ins, which nobody passed: they are told with None there."""
    try:
        yield
    except (TypeError, ValueError) as error:
        told = str(error)
        hidden = re.sub(rf'(?<![\w.]){_STAND_INS[0]}(?![\w.])', 'None', told)
        if not unknown or hidden == told or type(error) not in (TypeError, ValueError):
            raise
        raise ShapeError(hidden.partition('\n---')[0]) from error


_HERE = object()  # where an array was in the outputs


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic))


def _stand_in(tensor: KerasTensor, size: int) -> jax.ShapeDtypeStruct:
    shape = tuple(size if d is None else d for d in tensor.shape)
    if tensor.dtype == 'string':
        raise ArgumentError(
            f'Expected numbers, received {tensor}: only layers that look words up, such as StringLookup and Hashing, '
            'take strings. Call one of them first; a model that begins with one is called on data alone.'
        )
    return jax.ShapeDtypeStruct(shape, np.dtype(dtypes.on_device(tensor.dtype)))


def _merged(found: list[list[Any]], rows_unknown: bool) -> list[KerasTensor]:
    """One tensor for each output; a size that differs between the traces is None."""
    merged: list[KerasTensor] = []
    for alike in zip(*found, strict=True):
        sizes = zip(*(array.shape for array in alike), strict=True)
        shape: Shape = tuple(each[0] if len(set(each)) == 1 else None for each in sizes)
        if rows_unknown and shape:
            shape = (None, *shape[1:])
        merged.append(KerasTensor(shape, dtypes.standardize(alike[0].dtype)))
    return merged
