"""What the processes of one training have spent of a budget together, as rank 0 knows it.

A budget is of all of them, and rank 0 decides. So with each question that it answers for them (`hefted.train.led`) the
others tell what they have spent up to then; between two questions that is carried on as fast as each has spent beside
rank 0 so far. Durations are not summed: all work at the same time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from hefted.distribution.store import Store
from hefted.distribution.watch import Watch

Read = Callable[[], Mapping[str, float | None]]

_FOLDER = 'hefted/spent/'
_FRESH_SECONDS = 0.02  # a reading takes half a millisecond
_POLL_SECONDS = 0.0005
_TOGETHER = ('duration',)


class _Told(NamedTuple):
    """What another has told, and what this process had spent then."""

    amounts: dict[str, float]
    beside: dict[str, float]


class Shared:
    """What all have spent.

    Args:
        read: What this process has, by the limits' names.
        rank: Which it is.
        size: How many there are.
        store: What all see.
        training: Which of their trainings it is: all number it alike.
        check: Raises where somebody is lost.
        clock: Seconds.

    Example:
        >>> class Memory(dict):
        ...     put = dict.__setitem__
        ...     def below(self, folder):
        ...         return {key: self[key] for key in self if key.startswith(folder)}
        >>> store = Memory()
        >>> first = Shared(lambda: {'energy': 10.0, 'duration': 2.0}, 0, 2, store, 1)
        >>> second = Shared(lambda: {'energy': 30.0, 'duration': 3.0}, 1, 2, store, 1)
        >>> second.tell()
        >>> first.tell()
        >>> first.read()
        {'energy': 40.0, 'duration': 2.0}
    """

    def __init__(
        self,
        read: Read,
        rank: int,
        size: int,
        store: Store,
        training: int,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_own, self._store, self._check, self._clock = read, store, check, clock
        self._rank, self._size, self._folder = rank, size, f'{_FOLDER}{training}/'
        self._asked = 0
        self._others: dict[int, _Told] = {}
        self._first: dict[int, _Told] = {}
        self._own: tuple[float, dict[str, float]] | None = None

    def tell(self) -> None:
        """Tell what this process has spent; rank 0 hears what all others have. All call it, in the same order.

        Raises:
            HostLostError: Somebody is lost.
        """
        self._asked += 1
        own = self._spent(_FRESH_SECONDS)
        if self._rank:
            self._store.put(f'{self._folder}{self._rank}', json.dumps([self._asked, own]))
            return
        while (told := self._heard()) is None:
            self._check()
            time.sleep(_POLL_SECONDS)
        beside = self._spent()
        self._others = {rank: _Told(amounts, beside) for rank, amounts in told.items()}
        self._first = self._first or self._others

    def read(self) -> dict[str, float]:
        """What was spent up to now by name: at rank 0 by all, elsewhere by this process."""
        own = self._spent()
        return {name: self._whole(name, amount, own) for name, amount in own.items()}

    def _whole(self, name: str, amount: float, own: Mapping[str, float]) -> float:
        return amount if name in _TOGETHER else amount + sum(self._carried(rank, name, own) for rank in self._others)

    def _carried(self, rank: int, name: str, own: Mapping[str, float]) -> float:
        """What another has spent by now, as far as that can be told."""
        told, first = self._others[rank], self._first[rank]
        mine = told.beside[name] - first.beside[name]
        ratio = (told.amounts.get(name, 0.0) - first.amounts.get(name, 0.0)) / mine if mine > 0 else 1.0
        return told.amounts.get(name, 0.0) + max(own[name] - told.beside[name], 0.0) * max(ratio, 0.0)

    def _heard(self) -> dict[int, dict[str, float]] | None:
        """What the others have told with this question or a later one; None until all have."""
        found = {int(key.rpartition('/')[2]): json.loads(text) for key, text in self._store.below(self._folder).items()}
        told = {rank: amounts for rank, (asked, amounts) in found.items() if asked >= self._asked}
        return told if len(told) == self._size - 1 else None

    def _spent(self, age: float = 0.0) -> dict[str, float]:
        now = self._clock()
        if self._own is None or now - self._own[0] >= age:
            self._own = now, {name: amount or 0.0 for name, amount in self._read_own().items()}
        return self._own[1]


def shared(watch: Watch | None, read: Read, training: int) -> Shared | None:
    """That of the processes which train together; None for one alone."""
    if watch is None:
        return None
    return Shared(read, watch.world.rank, watch.world.size, watch.store, training, watch.check)
