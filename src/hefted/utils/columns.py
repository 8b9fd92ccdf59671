"""Tables as columns, and columns as arrays of words or numbers: what is looked up on the host, before any device."""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.errors import ArgumentError

HostArray = np.ndarray[Any, Any]


def columns_of(table: Any) -> dict[str, Any] | None:
    """A dict of columns as it is, a frame of pandas or polars as such a dict; None for anything else."""
    if isinstance(table, dict):
        return table  # pyright: ignore[reportUnknownVariableType]
    if hasattr(table, 'columns') and hasattr(table, 'to_numpy'):
        return {str(name): table[name] for name in table.columns}
    return None


def column(argument: str, values: Any) -> HostArray:
    """An array of strings (whatever holds them), or of numbers.

    Raises:
        ArgumentError: Words and numbers in one column, or gaps in it.
    """
    values = values.to_numpy() if hasattr(values, 'to_numpy') else values
    array = np.asarray(values)
    if array.dtype.kind in 'biuf':
        return array
    if array.dtype.kind == 'S' or array.dtype.kind in 'OUT':
        flat = [one.decode('utf-8') if isinstance(one, bytes) else one for one in array.ravel().tolist()]
        wrong = [one for one in flat if not isinstance(one, str)]
        if not wrong:
            return np.array(flat, dtype=str).reshape(array.shape)
        if all(isinstance(one, (int, np.integer)) for one in flat):
            return np.array(flat, dtype='int64').reshape(array.shape)
        raise ArgumentError(
            f'Expected {argument} to be strings, or numbers, received {wrong[0]!r} ({type(wrong[0]).__name__}) among '
            'them. Fill what is missing, and make them of one kind.'
        )
    raise ArgumentError(f'Expected {argument} to be strings or numbers, received dtype {array.dtype}.')


def words(argument: str, values: Any) -> HostArray:
    """An array of strings.

    Raises:
        ArgumentError: It is of something else.
    """
    array = column(argument, values)
    if array.dtype.kind != 'U' and array.size:
        raise ArgumentError(f'Expected {argument} to be strings, received dtype {array.dtype}. Convert it, as by str.')
    return array.astype(str)


def whole_numbers(argument: str, values: Any) -> HostArray:
    """An array of int64.

    Raises:
        ArgumentError: It is of something else.
    """
    array = column(argument, values)
    if array.dtype.kind == 'f' and not (array == np.floor(array)).all():
        raise ArgumentError(f'Expected {argument} to be whole numbers, received fractions, such as {array.ravel()[0]}.')
    if array.dtype.kind not in 'biuf':
        raise ArgumentError(f'Expected {argument} to be whole numbers, received strings. Convert them, as by int.')
    return array.astype('int64')
