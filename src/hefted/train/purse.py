"""What is spent of each limit, how fast, and for how many seconds the rest of it lasts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from hefted.budget.limits import Limit

_WINDOWS = 12  # so many of the newest tell how fast it goes
_WINDOW_SECONDS = 0.02  # the kernel counts CPU time in steps of up to 10 ms
_GUESS_SECONDS = 0.001
_MARGIN = 1.02
_HELD_BACK = 0.003  # of a limit: figures are rounded, and clocks are read one after another


class Purse:
    """Spent so far, read now and then and carried on from there at the fastest pace of late.

    Args:
        limits: At least one.
        read: What the run has taken, by the limits' names, in their units.
        clock: Seconds.
        rates: By name, as an earlier run of the same program found them.

    Attributes:
        rates: How much a second goes, at most, by name; without those that are not known.
        own: What the run itself had taken at the last reading.
        read_at: When that was.

    Example:
        >>> from hefted.quantities import Quantity
        >>> seconds = iter([0.0, 1.0, 1.0])
        >>> joules = iter([10.0, 20.0])
        >>> purse = Purse([Limit('energy', Quantity(50, 'J'))], lambda: {'energy': next(joules)}, lambda: next(seconds))
        >>> purse.look()
        >>> purse.look()
        >>> round(purse.left(), 2)
        2.93
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        read: Callable[[], Mapping[str, float | None]],
        clock: Callable[[], float],
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.limits = tuple(limits)
        self._read, self._clock = read, clock
        self._windows: dict[str, deque[float]] = {limit.name: deque(maxlen=_WINDOWS) for limit in limits}
        self.rates = dict(rates or {}) | {limit.name: 1.0 for limit in limits if limit.name == 'duration'}
        self._since: tuple[float, dict[str, float]] | None = None  # the window that goes on
        self.read_at = -math.inf
        self.own: dict[str, float] = {}
        self._spent: list[float] = [0.0] * len(self.limits)

    def look(self) -> None:
        """Read what is spent."""
        now = self._clock()
        self.own = {name: value or 0.0 for name, value in self._read().items()}
        self._spent = [self.own[limit.name] + limit.elsewhere() for limit in self.limits]
        self.read_at = now
        if self._since is None:
            self._since = now, self.own
            self._guess()
        elif now - self._since[0] >= _WINDOW_SECONDS:
            before, amounts = self._since
            for name, windows in self._windows.items():
                windows.append((self.own[name] - amounts[name]) / (now - before))
                self.rates[name] = 1.0 if name == 'duration' else _MARGIN * max(windows)
            self._since = now, self.own

    def _guess(self) -> None:
        """How fast it may go before anything was seen: twice as fast as the run did up to now."""
        seconds = self.own.get('duration', 0.0)
        for name, amount in self.own.items():
            if seconds > _GUESS_SECONDS and name not in self.rates:
                self.rates[name] = 1.0 if name == 'duration' else 2 * amount / seconds

    @property
    def known(self) -> bool:
        """Whether it is known how fast each goes."""
        return all(limit.name in self.rates for limit in self.limits)

    @property
    def by_the_clock(self) -> bool:
        """Whether nothing but time is limited, which is known between readings too."""
        return all(limit.name == 'duration' for limit in self.limits)

    @property
    def age(self) -> float:
        """Seconds since the last reading."""
        return self._clock() - self.read_at

    def left(self) -> float:
        """For how many seconds the tightest limit lasts, from now on; negative when it is passed."""
        return min(self._lasts(place) for place in range(len(self.limits))) - self.age

    @property
    def whole(self) -> float:
        """How many seconds the tightest limit lasts from its beginning on; 0 where nobody knows."""
        rates = self.rates
        return min((limit.most / rates[limit.name] for limit in self.limits if rates.get(limit.name)), default=0.0)

    @property
    def tightest(self) -> Limit:
        """The limit that lasts shortest."""
        return self.limits[min(range(len(self.limits)), key=self._lasts)]

    def spent(self, limit: Limit) -> float:
        """How much of a limit was spent at the last reading, in the unit that it is counted in."""
        return self._spent[self.limits.index(limit)]

    def _lasts(self, place: int) -> float:
        limit = self.limits[place]
        left = limit.most * (1 - _HELD_BACK) - self._spent[place]
        rate = self.rates.get(limit.name)
        if not rate:  # nothing of it goes, or nobody knows yet
            return math.inf if left > 0 else -math.inf
        return left / rate
