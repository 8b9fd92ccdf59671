"""Arrays in memory as rows: checked, weighted, split; nothing is moved to a device here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, cast

import numpy as np

from hefted import dtypes, tree
from hefted.distribution.shards import spread
from hefted.errors import ArgumentError, DataError, ShapeError, warn

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Inputs, targets and weights with one row count.

    Attributes:
        x: Arrays, nested as the model takes them, of device dtypes.
        y: The same for targets, or None.
        weight: float32 (rows,) or (rows, …), or None.
    """

    x: Any
    y: Any
    weight: Any

    @property
    def count(self) -> int:
        return int(tree.flatten(self.x)[0].shape[0])

    @property
    def nbytes(self) -> int:
        return sum(leaf.nbytes for leaf in tree.flatten((self.x, self.y, self.weight)) if leaf is not None)

    def take(self, rows: slice) -> Rows:
        """A range of rows, without copying."""
        return Rows(*(_map(lambda a: a[rows], part) for part in (self.x, self.y, self.weight)))


def rows_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    where: str = '',
) -> Rows:
    """Arrays, lists or frames as `Rows`.

    Args:
        x: (rows, …), or a nested structure of such.
        y: The same, or None.
        sample_weight: (rows,), or None.
        class_weight: Weight by class, for targets that are classes; not with `sample_weight`.
        where: What the arguments are part of, for errors, such as ' of validation_data'.

    Raises:
        ArgumentError: Something that is not an array, or both kinds of weight.
        ShapeError: Unequal numbers of rows.
        DataError: No rows at all.
    """
    x = _map(lambda a: host_array(f'x{where}', a), x)
    y = _map(lambda a: host_array(f'y{where}', a), y)
    weight = _map(lambda a: host_array(f'sample_weight{where}', a).astype(dtypes.floatx(), copy=False), sample_weight)
    _check_counts({'x': x, 'y': y, 'sample_weight': weight}, where)
    rows = Rows(x, y, weight)
    return rows if class_weight is None else weighted(rows, class_weight)


def weighted(rows: Rows, class_weight: Mapping[int, float]) -> Rows:
    """The same rows, each with the weight of its class.

    Raises:
        ArgumentError: They have weights already.
    """
    if rows.weight is not None:
        raise ArgumentError('Expected class_weight or sample_weight, received both. Multiply them into sample_weight.')
    return replace(rows, weight=weights_by_class(rows.y, class_weight))


def host_array(argument: str, value: Any) -> HostArray:
    """A NumPy array of the dtype that the device will hold; one-dimensional targets stay so."""
    given = type(value).__name__
    if spread(value):
        raise ArgumentError(
            f'Expected {argument} to be an array that this process has all of, received a jax.Array whose rows lie on '
            'several hosts. Pass all rows as a NumPy array in every process, or the rows of each with a distribution '
            'with auto_shard_dataset=False, such as DataParallel(auto_shard_dataset=False).'
        )
    value = _plain(argument, value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(
            f'Expected {argument} to be an array, received a {given} whose rows do not have the same '
            'length. Pad them to one length first.'
        ) from error
    if array.dtype.kind not in 'biuf' and array.dtype.name != 'bfloat16':
        raise ArgumentError(
            f'Expected {argument} to be an array of numbers, received dtype {array.dtype} from {given}. '
            'Encode text and objects as numbers first.'
        )
    if array.ndim == 0:
        raise ArgumentError(
            f'Expected {argument} to have at least one axis (rows), received the scalar {value!r}.'
            + _to_be_batched(argument)
        )
    return array.astype(dtypes.on_device(array.dtype), copy=False)


def _plain(argument: str, value: Any) -> Any:
    """What NumPy understands, of a frame, a series or a tensor of another library."""
    if hasattr(value, 'to_numpy') and hasattr(value, 'columns'):  # a frame of pandas or polars
        array = value.to_numpy()
        return array if array.dtype != object else _numbers(argument, value)
    if hasattr(value, 'iloc') and value.ndim == 1:  # a series of pandas is a column, as in Keras
        return value.to_numpy()[:, None] if value.dtype != object else value.to_numpy()
    if hasattr(value, 'to_numpy'):
        return value.to_numpy()
    if hasattr(value, 'detach') and hasattr(value, 'cpu'):  # a tensor of torch, wherever it is
        value = value.detach().cpu()
        return value.float() if str(value.dtype) == 'torch.bfloat16' else value
    return value.toarray() if hasattr(value, 'toarray') else value  # sparse matrices


def _numbers(argument: str, frame: Any) -> HostArray:
    """A frame whose columns have kinds of their own, as numbers."""
    columns: list[HostArray] = []
    for name in frame.columns:
        column = np.asarray(frame[name].to_numpy())
        try:
            # NumPy would read text that looks like a number, and count a date in nanoseconds.
            text = column.dtype == object and any(isinstance(value, str) for value in column)
            if text or column.dtype.kind not in 'biufO':
                raise TypeError(column.dtype)
            columns.append(column.astype(dtypes.floatx()))
        except (TypeError, ValueError) as error:
            raise ArgumentError(
                f'Expected {argument} to be a frame of numbers, received column {name!r} of {frame[name].dtype}. '
                'Encode text and objects as numbers first, and fill what is missing.'
            ) from error
    return np.stack(columns, axis=1)


def _check_counts(named: dict[str, Any], where: str) -> None:
    counts = {name: [a.shape[0] for a in tree.flatten(part) if a is not None] for name, part in named.items()}
    if len({count for each in counts.values() for count in each}) > 1:
        told = ', '.join(f'{name}{where} has {" and ".join(map(str, each))}' for name, each in counts.items() if each)
        raise ShapeError(
            f'Data cardinality is ambiguous. Expected equal numbers of rows, received: {told}. '
            f'Check that they were cut and filtered alike.{_to_be_batched(where)}'
        )
    if not counts['x'] or not counts['x'][0]:
        raise DataError(f'Expected x{where} with at least one row, received none. Check how the data was loaded.')


def _to_be_batched(where: str) -> str:
    """What to do about something that is no batch, where one was to be."""
    return ' Batch a dataset of single rows first, as in dataset.batch(32).' if ' of a batch of ' in where else ''


def weights_by_class(y: Any, class_weight: Mapping[int, float]) -> HostArray:
    """Weight of each row by its class: the class itself, or the index of the largest of a one-hot row."""
    if not isinstance(y, np.ndarray):
        raise ArgumentError('Expected y to be one array with class_weight, received several or none.')
    if not isinstance(class_weight, Mapping) or not all(
        isinstance(number, Real) for pair in class_weight.items() for number in pair
    ):
        raise ArgumentError(
            f'Expected class_weight to be a dict from each class, a number, to its weight, received {class_weight!r} '
            f'({type(class_weight).__name__}). Write {{0: 1.0, 1: 2.5}}.'
        )
    classes = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y))
    classes = classes.round().astype(int)
    known, inverse = np.unique(classes, return_inverse=True)
    missing = [int(c) for c in known if int(c) not in class_weight]
    if missing:
        # Keras gives classes that are not named a weight of 1.
        class_weight = {**dict.fromkeys(missing, 1.0), **class_weight}
    return np.array([class_weight[int(c)] for c in known], dtypes.floatx())[inverse]


def split(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """The first rows to train on, the last `fraction` of them to validate on (before any shuffling, as Keras).

    Raises:
        ArgumentError: The fraction leaves no row on one side.
    """
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ArgumentError(f'Expected validation_split between 0 and 1, received {fraction!r}.')
    at = int(rows.count * (1 - fraction))
    if at in (0, rows.count):
        raise ArgumentError(
            f'Expected validation_split to leave rows on both sides, received {fraction!r} for {rows.count} rows.'
        )
    return rows.take(slice(None, at)), rows.take(slice(at, None))


def batch_size_for(rows: int, batch_size: int | None, warns: bool = False, steps: int | None = None) -> int:
    """The batch size to work with, never more than there are rows.

    Args:
        rows: How many rows there are.
        batch_size: What the user asked for; if None, what makes one pass of `steps`, or else 32.
        warns: Whether to say so where that is more than the rows.
        steps: Of an epoch, as the user asked for.

    Raises:
        ArgumentError: Not a positive integer.
    """
    usual = 32 if steps is None else -(-rows // steps)
    size = usual if batch_size is None else batch_size
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ArgumentError(f'Expected batch_size to be a positive integer or None, received {batch_size!r}.')
    if warns and batch_size is not None and size > rows:
        warn(f'batch_size={batch_size} is larger than the data: each step takes all {rows} rows.')
    return min(int(size), rows)


def tokens_of(x: Any) -> int | None:
    """How many places of all rows hold a token and no padding, by the array named 'padding_mask'; None without one.

    Example:
        >>> tokens_of({'token_ids': np.array([[5, 7, 0]]), 'padding_mask': np.array([[True, True, False]])})
        2
    """
    mask = cast('dict[Any, Any]', x).get('padding_mask') if isinstance(x, dict) else None
    if mask is None or len(mask.shape) != 2 or not getattr(mask, 'is_fully_addressable', True):
        return None
    return int(np.count_nonzero(np.asarray(mask)))


def _map(function: Any, structure: Any) -> Any:
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: _map(function, value) for key, value in structure.items()}
    if isinstance(structure, tuple) or (
        isinstance(structure, list) and structure and all(hasattr(item, 'shape') for item in structure)
    ):
        return tuple(_map(function, item) for item in structure)
    return function(structure)
