"""Windows that slide along a time series, as batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, ShapeError
from hefted.utils.py_dataset import PyDataset


class Windows(PyDataset):
    """Batches of windows on a series (see `timeseries_dataset_from_array`).

    Args:
        data: (steps, …).
        targets: (steps, …): one for the window that starts at its step; None for none.
        starts: (windows,) of the windows' first steps, in their order.
        offsets: (sequence_length,) of the steps of a window, from its first.
        batch_size: None gives windows one by one.
    """

    def __init__(self, data: Any, targets: Any, starts: Any, offsets: Any, batch_size: int | None) -> None:
        super().__init__()
        self.data, self.targets, self.starts, self.offsets, self.batch_size = data, targets, starts, offsets, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.starts) / (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if self.batch_size is None:
            starts = self.starts[index]
        else:
            starts = self.starts[index * self.batch_size : (index + 1) * self.batch_size]
        windows = self.data[starts[..., None] + self.offsets]
        return windows if self.targets is None else (windows, self.targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = 'tf',
) -> PyDataset:
    """Windows that slide along a time series.

    Args:
        data: (steps, …), at equal intervals of time.
        targets: (steps, …): entry i belongs to the window that starts at step i; None for none.
        sequence_length: Steps in a window.
        sequence_stride: Steps from one window's start to the next one's.
        sampling_rate: Steps from one entry of a window to the next.
        batch_size: Windows in a batch; None gives windows one by one.
        shuffle: Whether windows are shuffled, once. (`fit` shuffles the order of batches in each epoch besides.)
        seed: Of that order; None draws one from NumPy.
        start_index: The first step that is used.
        end_index: The first step that is not.
        format: 'tf' or 'grain', which change nothing: it is a PyDataset.

    Returns:
        A PyDataset of windows of shape (batch, sequence_length, …), or of pairs (windows, targets).

    Raises:
        ArgumentError: A number is out of its range.
        ShapeError: There are fewer targets than windows from `start_index` on.

    Example:
        >>> windows = timeseries_dataset_from_array(np.arange(7), None, sequence_length=3, sequence_stride=2)
        >>> windows[0].tolist()
        [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    """
    data = np.asarray(data)
    steps = len(data)
    for name, value in (('sampling_rate', sampling_rate), ('sequence_stride', sequence_stride)):
        if not 0 < value < steps:
            raise ArgumentError(f"Expected {name} to be above 0 and below data's {steps} steps, received {value}.")
    if format not in ('tf', 'grain'):
        raise ArgumentError(f"Expected format to be 'tf' or 'grain', received {format!r}.")
    if start_index and not 0 <= start_index < steps:
        raise ArgumentError(f"Expected start_index to be from 0 to below data's {steps} steps, received {start_index}.")
    if end_index and not (start_index or 0) < end_index < steps:
        raise ArgumentError(
            f"Expected end_index to be above start_index ({start_index or 0}) and below data's {steps} steps, received "
            f'{end_index}.'
        )
    first, end = start_index or 0, steps if end_index is None else end_index
    windows = end - first - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)
        windows = min(windows, len(targets))
        targets = targets[first:end]
    starts = np.arange(0, windows, sequence_stride)
    if targets is not None and len(starts) and starts[-1] >= len(targets):
        raise ShapeError(
            f'Expected a target for each of {windows} steps from start_index={first} on, received {len(targets)}. '
            'targets[i] belongs to the window that starts at data[i].'
        )
    if shuffle:
        np.random.RandomState(np.random.randint(10**6) if seed is None else seed).shuffle(starts)
    offsets = np.arange(sequence_length) * sampling_rate
    return Windows(data[first:end], targets, starts, offsets, batch_size)
