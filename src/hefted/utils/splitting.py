"""A data set in two parts, as NumPy arrays."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from hefted import tree
from hefted.errors import ArgumentError, ShapeError
from hefted.utils.py_dataset import PyDataset


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,  # noqa: ARG001 - Keras's: the parts are NumPy arrays whatever it says
) -> tuple[Any, Any]:
    """A data set's first rows and its last ones.

    Args:
        dataset: An array, a list or tuple of arrays of one length, or a PyDataset of finitely many batches.
        left_size: Of the first part: a number of rows, or a fraction of all; None is what the other leaves.
        right_size: Of the last part, likewise.
        shuffle: Whether rows are shuffled before.
        seed: Of the order; None draws one from Python's random numbers.
        preferred_backend: Has no effect.

    Returns:
        (left, right), each of the structure of `dataset` (of a batch, for a PyDataset), of NumPy arrays, and ready for
        `fit` and its `validation_data`.

    Raises:
        TypeError: `dataset` or a size is of another type.
        ArgumentError: No size, or one that leaves a part empty.
        ShapeError: The arrays differ in length.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> left.tolist(), right.tolist()
        ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])
    """
    arrays = _arrays(dataset)
    lengths = {len(leaf) for leaf in tree.flatten(arrays)}
    if len(lengths) != 1:
        raise ShapeError(f'Expected the arrays of dataset to be of one length, received lengths {sorted(lengths)}.')
    rows = lengths.pop()
    left, right = _sizes(left_size, right_size, rows)
    order = list(range(rows))
    if shuffle:
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)
    first, last = order[:left], order[rows - right :]
    return tuple(tree.map_structure(lambda leaf, part=part: leaf[part], arrays) for part in (first, last))  # pyright: ignore[reportReturnType]


def _arrays(dataset: Any) -> Any:
    """The rows, in the structure that the parts will have."""
    if isinstance(dataset, PyDataset):
        if dataset.num_batches is None:
            raise ArgumentError('Expected dataset to end, received one whose num_batches is None.')
        batches = list(dataset)
        if not batches:
            raise ArgumentError('Expected dataset to have batches, received one of none.')
        return tree.map_structure(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *batches)
    if isinstance(dataset, (list, tuple)):
        if not dataset or not all(isinstance(entry, np.ndarray) for entry in dataset):
            found = sorted({type(entry).__name__ for entry in dataset})
            raise ArgumentError(f'Expected dataset to be a list or tuple of NumPy arrays, received one of {found}.')
        return tuple(dataset)
    if isinstance(dataset, np.ndarray):
        return dataset
    raise TypeError(
        'Expected dataset to be a NumPy array, a list or tuple of them, or a PyDataset, '
        f'received a {type(dataset).__name__}.'
    )


def _sizes(left: float | None, right: float | None, rows: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ArgumentError('Expected left_size or right_size, received neither.')
    counts = [_count(name, size, rows) for name, size in (('left_size', left), ('right_size', right))]
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ArgumentError(f'Expected left_size + right_size to be at most 1, received {left} + {right}.')
    first = rows - (counts[1] or 0) if counts[0] is None else counts[0]
    last = rows - first if counts[1] is None else counts[1]
    if first + last > rows:
        raise ArgumentError(f'Expected left_size + right_size to be at most {rows} rows, received {first} + {last}.')
    if not first or not last:
        raise ArgumentError(f'Expected rows in both parts, received {first} and {last} of {rows}. Change a size.')
    return first, last


def _count(name: str, size: float | None, rows: int) -> int | None:
    if size is None:
        return None
    if type(size) not in (int, float):
        raise TypeError(f'Expected {name} to be an int, a float or None, received {size!r}.')
    if not 0 < size < (rows if type(size) is int else 1):
        raise ArgumentError(
            f'Expected {name} to be a number of rows below {rows}, or a fraction between 0 and 1, received {size}.'
        )
    return size if isinstance(size, int) else round(size * rows)
