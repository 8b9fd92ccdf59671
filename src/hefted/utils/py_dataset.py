"""`PyDataset`: batches by number, for data that is made as it is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Subclass it with `__getitem__(index)`, which gives a batch, and `__len__` or `num_batches`.

    Args:
        workers: How many threads or processes make batches ahead; 1 makes them on one thread, in order.
        use_multiprocessing: Whether the workers are processes, each with a copy of the dataset.
        max_queue_size: How many batches the workers may have under way.

    Attributes:
        tokens: Of text, how many places of a pass hold a token and no padding; None where nobody knows, and a forecast
            and a receipt count all places.
        whole_passes: Whether `on_epoch_end` waits for the end of a pass where an epoch (`steps_per_epoch`) is a part of
            one, so that a pass with an order of its own has every row once; Keras calls it at each epoch's end.

    Example:
        >>> class Squares(PyDataset):
        ...     num_batches = 3
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((2, 1), index), np.full((2, 1), index**2)
        >>> [int(y[0, 0]) for _, y in Squares()]
        [0, 1, 4]
    """

    # Of a subclass that does not call this constructor, too.
    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10
    tokens: int | None = None
    whole_passes: bool = False

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch of a number: x, (x,), (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(f'{type(self).__name__} has no __getitem__(index): say there what a batch is.')

    @property
    def num_batches(self) -> int | None:
        """How many there are; None for no end."""
        length = getattr(self, '__len__', None)
        if length is None:
            raise NotImplementedError(
                f'{type(self).__name__} has neither __len__ nor num_batches: say there how many batches there are, '
                'or None for no end.'
            )
        return length()

    def row_numbers(self, index: int) -> Any:
        """Which rows of the data a batch holds, by number, where an order is drawn; None where they come as they lie.

        `predict` gives its outputs in the order of these numbers.
        """
        del index
        return None

    def batch_kinds(self) -> Any:
        """What tells the shapes of each batch of a pass, such as its rows' length, in order; None where all are alike.

        A training is foreseen by a batch of each kind then, and not by the first batch alone.
        """
        return None

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called as each epoch begins."""

    def on_epoch_end(self) -> None:
        """Called when each epoch's batches are done (`whole_passes`: each pass's), and once before the first."""


Sequence = PyDataset  # its older name
