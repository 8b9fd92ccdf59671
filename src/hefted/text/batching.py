"""What data sets of text share: an order of their own each epoch, a host's part of each batch, and going on later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArgumentError
from hefted.text.trimming import is_whole
from hefted.utils.py_dataset import PyDataset

_ORDER = 0  # what numbers are drawn for, beside the epoch's: rows' order here, masks elsewhere


def checked_shard(shard: tuple[int, int], batch_size: int) -> tuple[int, int]:
    """(index, count) of the hosts that share each batch.

    Raises:
        ArgumentError: It is no such pair, or the hosts do not divide the batch, or that is no number of rows.
    """
    index, count = shard
    if not 0 <= index < count:
        raise ArgumentError(
            f'Expected shard to be (index, count) with index from 0 to count - 1, received {shard!r}. '
            'On several hosts it is (jax.process_index(), jax.process_count()).'
        )
    if not is_whole(batch_size, 1):
        raise ArgumentError(
            f'Expected batch_size to be a whole number of at least 1, received {batch_size!r}. 32 is usual.'
        )
    if batch_size % count:
        raise ArgumentError(
            f'Expected batch_size to be what {count} host{"s" if count > 1 else ""} can share, a multiple of {count}, '
            f'received {batch_size}.'
        )
    return index, count


class EpochsInOrder(PyDataset):
    """Numbered rows in batches, each pass in an order that follows from the seed and the pass's number alone.

    Where `steps_per_epoch` makes several epochs of a pass they share its order, so that every row comes once in it.
    In a loop of one's own `on_epoch_end()` behind each pass moves the order on.

    Args:
        batch_size: Rows of a whole batch, over all hosts.
        seed: What every order follows from.
        shuffle: Whether there is one; rows come as they are numbered otherwise.
        shard: (index, count): every host has its part of each batch, and as many batches as the others.

    Attributes:
        longest: Places that the longest row needs.
    """

    longest: int
    whole_passes = True

    def __init__(self, batch_size: int, seed: int, shuffle: bool, shard: tuple[int, int]) -> None:
        super().__init__()
        if not is_whole(seed, 0):
            raise ArgumentError(f'Expected seed to be a whole number of at least 0, received {seed!r}. 0 is usual.')
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.shard = checked_shard(shard, batch_size)
        self.epoch = -1  # of a `fit` the first is 0: its look at a batch is an epoch's begin and end
        self._order: tuple[int, list[NDArray[np.int64]]] | None = None

    def groups(self) -> list[NDArray[np.int64]]:
        """Rows by number in groups that batches do not mix; all are one group where a subclass does not part them."""
        raise NotImplementedError

    @property
    def num_batches(self) -> int:
        """How many a pass has."""
        return len(self.batches())

    def __len__(self) -> int:
        return self.num_batches

    def row_numbers(self, index: int) -> NDArray[np.int64]:
        """The rows of a batch by number, this host's part of them: `predict` puts its outputs in their order."""
        batches = self.batches()
        if not 0 <= index < len(batches):
            raise IndexError(f'Expected a batch from 0 to {len(batches) - 1}, received {index}.')
        here, count = self.shard
        return batches[index][here::count]

    def drawn(self, index: int, purpose: int) -> np.random.Generator:
        """Random numbers for a batch of the epoch that is under way: the same whenever asked for."""
        return np.random.default_rng([self.seed, 1 + self.epoch, 1 + purpose, index])

    def drawn_of_rows(self, numbers: NDArray[np.int64], purpose: int) -> list[np.random.Generator]:
        """Random numbers for each of these rows: the same in each epoch, wherever the row comes."""
        return [np.random.default_rng([self.seed, 0, 1 + purpose, number]) for number in numbers.tolist()]

    def batches(self) -> list[NDArray[np.int64]]:
        """The rows of each batch of the epoch that is under way, by number, over all hosts."""
        epoch = 1 + self.epoch if self.shuffle else 0
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self._ordered(np.random.default_rng([self.seed, epoch, _ORDER]))
        return self._order[1]

    def _ordered(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        batches = [batch for group in self.groups() for batch in self._cut(group, rng)]
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        short = [batch for batch in batches if len(batch) < self.batch_size]  # last: the first one says what is usual
        if self.shuffle:
            whole = [whole[number] for number in rng.permutation(len(whole))]
        return whole + short

    def _cut(self, group: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Batches of a group; of the last one, what the hosts can share."""
        rows = rng.permutation(group) if self.shuffle else group
        rows = rows[: len(rows) - len(rows) % self.shard[1]]
        return [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]

    def on_epoch_end(self) -> None:
        """The next pass has the next order."""
        self.epoch += 1

    def get_state(self) -> dict[str, Any]:
        """What an interrupted training goes on by."""
        return {'epoch': self.epoch, 'seed': self.seed, 'batches': self.num_batches, 'batch_size': self.batch_size}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where that state was.

        Raises:
            ArgumentError: It is of other data, or of another seed.
        """
        for name, mine in {**self.get_state(), 'epoch': state.get('epoch')}.items():
            if state.get(name) != mine:
                raise ArgumentError(
                    f'Expected {name}={state.get(name)} as in the training that is resumed, received {mine}. Pass the '
                    'same text, seed and batch size, or delete the backup to begin anew.'
                )
        self.epoch = state['epoch']
