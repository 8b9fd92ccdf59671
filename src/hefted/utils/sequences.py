"""Sequences of different lengths as one array, and rows of norm 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, ShapeError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = 'int32',
    padding: str = 'pre',
    truncating: str = 'pre',
    value: Any = 0.0,
) -> np.ndarray[Any, Any]:
    """Sequences cut or filled to one length.

    Args:
        sequences: Each of shape (length, …).
        maxlen: The length of all; that of the longest if None.
        dtype: Of the result.
        padding: 'pre' fills before, 'post' after.
        truncating: 'pre' cuts at the beginning, 'post' at the end.
        value: What fills.

    Returns:
        (number of sequences, maxlen, …).

    Raises:
        ArgumentError: Not sequences, or a word that is neither 'pre' nor 'post'.
        ShapeError: Entries of different shapes.

    Example:
        >>> pad_sequences([[1], [2, 3]], padding='post').tolist()
        [[1, 0], [2, 3]]
    """
    if not hasattr(sequences, '__len__') or not all(hasattr(s, '__len__') for s in sequences):
        raise ArgumentError('Expected sequences to be a list of sequences, each with a length.')
    for name, word in (('padding', padding), ('truncating', truncating)):
        if word not in ('pre', 'post'):
            raise ArgumentError(f"Expected {name} to be 'pre' or 'post', received {word!r}.")
    length = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    entry = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    if isinstance(value, str) and dtype is not object and not np.issubdtype(dtype, np.str_):
        raise ArgumentError(f'Expected value to be a number for dtype {dtype}, received {value!r}. Say dtype=object.')
    padded = np.full((len(sequences), length, *entry), value, dtype=dtype)
    for row, sequence in zip(padded, sequences, strict=True):
        kept = np.asarray(sequence[:length] if truncating == 'post' else sequence[max(len(sequence) - length, 0) :])
        if not len(kept):
            continue
        if kept.shape[1:] != entry:
            raise ShapeError(f'Expected entries of shape {entry} in every sequence, received {kept.shape[1:]}.')
        if padding == 'post':
            row[: len(kept)] = kept
        else:
            row[length - len(kept) :] = kept
    return padded


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """The array with norm 1 along `axis`; zeros stay zeros.

    Args:
        x: Any shape. A NumPy array or a list gives a NumPy array; a JAX array or a symbolic tensor gives what
            `ops.normalize` makes of it, where a norm under `config.epsilon()` counts as that.
        axis: Along which norms are taken.
        order: Of the norm, above 0.

    Raises:
        ArgumentError: `order` is not a positive whole number.

    Example:
        >>> normalize([3.0, 4.0]).tolist()
        [[0.6, 0.8]]
    """
    if not isinstance(order, int) or order < 1:
        raise ArgumentError(f'Expected order to be a positive whole number, received {order!r}.')
    if not isinstance(x, (np.ndarray, list, tuple, int, float)):
        from hefted.ops import normalize as normalize_tensor

        return normalize_tensor(x, axis, order)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
