"""The order of rows, pass by pass, drawn where Keras draws it: from NumPy's global generator, when a pass begins.

Processes that share rows draw by rank 0's generator: a callback, or the program of one alone, may have drawn from its
own, and rows would then be trained on twice, and others never.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from hefted.data.arrays import HostArray
from hefted.distribution import lead
from hefted.errors import ArgumentError


class Passes:
    """The orders of one training.

    Args:
        rows: How many there are.
        batch_size: Rows a step.
        steps: Of a pass; an order is as long as so many batches, with zeros behind the rows.
        shuffle: Whether each pass has an order of its own; 'batch' moves rows within their batch only.
        shared: Whether other processes, if there are any, have the same rows.
        random: What draws: NumPy's global generator, or a `RandomState`.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        steps: int,
        shuffle: bool | str,
        shared: bool = True,
        random: Any = np.random,
    ) -> None:
        self._rows, self._size, self._steps, self.shuffle = rows, batch_size, steps, shuffle
        self._shared, self._random = shared and random is np.random, random
        self._orders: dict[int, HostArray] = {}
        self._before: dict[int, Any] = {}  # the generator's state before each of these was drawn
        self._drawn = self._used = 0

    def order(self, number: int) -> HostArray:
        """The order of a pass; passes are asked for one after another, each as often as one likes."""
        if self.shuffle:
            self._used = max(self._used, number + 1)
            self._orders = {n: order for n, order in self._orders.items() if n >= number}
            self._before = {n: state for n, state in self._before.items() if n >= number}
            return self.draw(number)
        if not self._orders:
            self._orders[0] = self._padded(np.arange(self._rows))
        return self._orders[0]

    def draw(self, number: int) -> HostArray:
        """The same, ahead of time."""
        if not self.shuffle:
            return self.order(0)
        while self._drawn <= number:
            if self._shared and lead.watch() is not None:
                self._random.set_state(_of_rank_0(self._random.get_state(legacy=False), self._drawn))
            before = self._random.get_state(legacy=False)
            order = self._permutation(self._random)
            if self._drawn + 1 >= self._used:  # a training that begins in the middle draws what came before as well
                self._orders[self._drawn], self._before[self._drawn] = order, before
            self._drawn += 1
        return self._orders[number]

    def close(self) -> None:
        """Give back what was drawn ahead and is not used, unless the program has drawn since."""
        if self._drawn <= self._used:
            return
        drawn = np.random.RandomState()
        drawn.set_state(self._before[self._drawn - 1])
        self._permutation(drawn)
        if _same(self._random.get_state(legacy=False), drawn.get_state(legacy=False)):
            self._random.set_state(self._before[self._used])

    def get_state(self) -> dict[str, Any]:
        """What the orders follow from: the state before the pass that is under way, and that before the next one."""
        told: dict[str, Any] = {'rows': self._rows, 'batch_size': self._size, 'shuffle': self.shuffle}
        if not self.shuffle:
            return told
        ahead = self._drawn > self._used
        following = self._before[self._used] if ahead else self._random.get_state(legacy=False)
        present = self._used - 1 if self._used else None
        return told | {'pass': present, 'random': self._before.get(self._used - 1), 'following': following}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the orders of another training on the same rows.

        Raises:
            ArgumentError: It was on other rows.
        """
        for name, mine in {'rows': self._rows, 'batch_size': self._size, 'shuffle': self.shuffle}.items():
            if state.get(name) != mine:
                raise ArgumentError(
                    f'Expected {name}={state.get(name)} as in the training that is resumed, received {mine}. '
                    'Pass the same data and batch size, or delete the backup to begin anew.'
                )
        self._orders, self._before, self._drawn, self._used = {}, {}, 0, 0
        if not self.shuffle:
            return
        if state.get('following') is None:
            raise ArgumentError('Expected a backup with the order of its rows, received one without. Delete it.')
        number = state.get('pass')
        if number is not None:
            drawn = np.random.RandomState()
            drawn.set_state(state['random'])
            self._orders[number], self._before[number] = self._permutation(drawn), state['random']
            self._drawn = self._used = number + 1
        self._random.set_state(state['following'])

    def rehearsal(self) -> Passes:
        """Orders of the same kind that nobody will train by, from a generator of their own."""
        return Passes(self._rows, self._size, self._steps, self.shuffle, random=np.random.RandomState(0))

    def _permutation(self, drawn: Any) -> HostArray:
        if self.shuffle != 'batch':
            return self._padded(drawn.permutation(self._rows))
        starts = range(0, self._rows, self._size)
        parts = [drawn.permutation(min(self._size, self._rows - at)) + at for at in starts]
        return self._padded(np.concatenate(parts))

    def _padded(self, order: HostArray) -> HostArray:
        padded = np.zeros(self._steps * self._size, np.int32)
        padded[: self._rows] = order
        return padded


def _of_rank_0(own: Any, number: int) -> Any:
    """The state of rank 0's generator before a pass, 3 KB."""
    state = own['state']
    text = json.dumps(own | {'state': state | {'key': base64.b64encode(state['key'].tobytes()).decode()}})
    told = json.loads(lead.decide(text, f'for the order of pass {number}'))
    key = np.frombuffer(base64.b64decode(told['state']['key']), state['key'].dtype)
    return told | {'state': told['state'] | {'key': key}}


def _same(one: Any, two: Any) -> bool:
    return one['state']['pos'] == two['state']['pos'] and np.array_equal(one['state']['key'], two['state']['key'])
