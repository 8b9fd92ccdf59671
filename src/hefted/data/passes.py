"""The order of rows, pass by pass, drawn where Keras draws it: from NumPy's global generator, when a pass begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.data.arrays import HostArray
from hefted.errors import ArgumentError


class Passes:
    """The orders of one training.

    Args:
        rows: How many there are.
        batch_size: Rows a step.
        steps: Of a pass; an order is as long as so many batches, with zeros behind the rows.
        shuffle: Whether each pass has an order of its own; 'batch' moves rows within their batch only.
        random: What draws: NumPy's global generator, or a `RandomState`.
    """

    def __init__(self, rows: int, batch_size: int, steps: int, shuffle: bool | str, random: Any = np.random) -> None:
        self._rows, self._size, self._steps, self.shuffle = rows, batch_size, steps, shuffle
        self._random = random
        self._began = random.get_state(legacy=False) if shuffle else None
        self._orders: dict[int, HostArray] = {}
        self._drawn = self._used = 0

    def order(self, number: int) -> HostArray:
        """The order of a pass; passes are asked for one after another, each as often as one likes."""
        if self.shuffle:
            self._used = max(self._used, number + 1)
            self._orders = {n: order for n, order in self._orders.items() if n >= number}
            return self.draw(number)
        if not self._orders:
            self._orders[0] = self._padded(np.arange(self._rows))
        return self._orders[0]

    def draw(self, number: int) -> HostArray:
        """The same, ahead of time."""
        if not self.shuffle:
            return self.order(0)
        while self._drawn <= number:
            order = self._permutation()
            if self._drawn + 1 >= self._used:  # a training that goes on draws again what it had before
                self._orders[self._drawn] = order
            self._drawn += 1
        return self._orders[number]

    def close(self) -> None:
        """Give back what was drawn ahead and is not used, unless the program has drawn since."""
        if self._drawn == self._used or self._began is None:
            return
        now = self._random.get_state(legacy=False)
        self._random.set_state(self._began)
        for _ in range(self._used):
            self._permutation()
        used = self._random.get_state(legacy=False)
        for _ in range(self._used, self._drawn):
            self._permutation()
        self._random.set_state(used if _same(self._random.get_state(legacy=False), now) else now)

    def get_state(self) -> dict[str, Any]:
        """What the orders follow from."""
        return {'rows': self._rows, 'batch_size': self._size, 'shuffle': self.shuffle, 'random': self._began}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the orders of another training on the same rows.

        Raises:
            ArgumentError: It was on other rows.
        """
        for name, mine in self.get_state().items():
            if name != 'random' and state.get(name) != mine:
                raise ArgumentError(
                    f'Expected {name}={state.get(name)} as in the training that is resumed, received {mine}. '
                    'Pass the same data and batch size, or delete the backup to begin anew.'
                )
        if self.shuffle:
            if state.get('random') is None:
                raise ArgumentError('Expected a backup with the order of its rows, received one without. Delete it.')
            self._began = state['random']
            self._random.set_state(self._began)
        self._orders, self._drawn, self._used = {}, 0, 0

    def rehearsal(self) -> Passes:
        """Orders of the same kind that nobody will train by, from a generator of their own."""
        other = Passes(self._rows, self._size, self._steps, self.shuffle, np.random.RandomState(0))
        other._began = None  # there is nothing to give back
        return other

    def _permutation(self) -> HostArray:
        if self.shuffle != 'batch':
            return self._padded(self._random.permutation(self._rows))
        starts = range(0, self._rows, self._size)
        parts = [self._random.permutation(min(self._size, self._rows - at)) + at for at in starts]
        return self._padded(np.concatenate(parts))

    def _padded(self, order: HostArray) -> HostArray:
        padded = np.zeros(self._steps * self._size, np.int32)
        padded[: self._rows] = order
        return padded


def _same(one: Any, two: Any) -> bool:
    return one['state']['pos'] == two['state']['pos'] and np.array_equal(one['state']['key'], two['state']['key'])
