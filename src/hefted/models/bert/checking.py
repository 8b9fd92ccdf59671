"""Whether the numbers that a BERT is given have rows in its tables, seen on the host, before a step is made of them.

A look-up within a compiled step cannot raise: a number beyond the table would give NaN there, and one below 0 another
token's row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from hefted.data.arrays import host_array
from hefted.errors import ArgumentError, DataError

_REMEDIES = {
    'token_ids': 'The tokenizer is of another model: load the one that was published with this one '
    '(WordPieceTokenizer.load), or make the model with vocabulary_size={more} at least.',
    'segment_ids': 'Number segments from 0, or make the model with num_segments={more} at least.',
    'position_ids': 'Number places from 0 in each text, or make the model with max_sequence_length={more} at least.',
    'mask_positions': 'They are places of a row of token_ids, counted from 0.',
}


def require_rows(given: Mapping[str, Any], sizes: Mapping[str, tuple[str, int]]) -> None:
    """Raise where a number has no row; what is traced, or lies on other machines too, is let through.

    Args:
        given: Arrays by name.
        sizes: For some of the names, what the size is called and how large it is.

    Raises:
        ArgumentError: A number that is not whole.
        DataError: The message names the number and its place, the size, and the remedy.

    Example:
        >>> require_rows({'token_ids': np.array([[2, 60]])}, {'token_ids': ('vocabulary_size', 60)})
        Traceback (most recent call last):
        ...
        hefted.errors.DataError: Expected token_ids from 0 to 59, as vocabulary_size=60 says, received 60 at [0, 1]. \
The tokenizer is of another model: load the one that was published with this one (WordPieceTokenizer.load), or make \
the model with vocabulary_size=61 at least.
    """
    for name, (called, size) in sizes.items():
        array = None if name not in given else _on_host(name, given[name])
        if array is None or not array.size:
            continue
        if array.dtype.kind == 'f' and not np.array_equal(array, np.rint(array)):
            raise ArgumentError(f'Expected {name} to be whole numbers, received {array.dtype} with fractions or NaN.')
        if not 0 <= array.min() <= array.max() < size:
            raise _outside(name, array, called, size)


def _outside(name: str, array: Any, called: str, size: int) -> DataError:
    at = tuple(int(axis) for axis in np.argwhere((array < 0) | (array >= size))[0])
    remedy = _REMEDIES[name].format(more=int(array.max()) + 1)
    if name == 'token_ids' and array[at] < 0:
        remedy = 'Numbers below 0 are for targets that do not count: pad token_ids with the number of [PAD].'
    return DataError(
        f'Expected {name} from 0 to {size - 1}, as {called}={size} says, received {array[at]} at {list(at)}. {remedy}'
    )


def _on_host(name: str, value: Any) -> Any:
    if isinstance(value, Tracer):
        return None
    if isinstance(value, jax.Array):
        return np.asarray(value) if value.is_fully_addressable else None
    if value is None or type(value).__module__.startswith('hefted.'):  # a symbol, which has no values yet
        return None
    return value if isinstance(value, np.ndarray) and value.dtype.kind in 'biuf' else host_array(name, value)
