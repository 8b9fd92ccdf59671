"""The clock of what others on the machine have worked: CPU time that is not this process's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_LEAST_SECONDS = 0.1  # the kernel counts in ticks of 10 ms; a tenth of a second holds enough of them
_FIRST_SECONDS = 0.03  # the first answer cannot wait so long
_MOST_COST = 1 / 500  # a machine of hundreds of threads takes 1 ms to tell its times


class OthersClock:
    """CPU seconds of others since the clock was made: what the machine was busy for, less this process's own.

    It never goes back, and it is never ahead by more than a tick or two however often it is asked: the kernel is asked
    at most ten times a second. Between, the clock goes on at a pace that brings it to where the others will be by then,
    if they go on as they did: a clock that jumped and stood would give away whatever is read while it stands.

    Args:
        busy: CPU seconds that the threads in question were busy for, by whomever.

    Example:
        >>> busy = iter((100.0, 101.5))
        >>> others = OthersClock(lambda: next(busy))
        >>> others.read(0.0, 7.0), others.read(1.0, 8.0), others.read(1.05, 8.05)
        (0.0, 0.5, 0.525)
    """

    __slots__ = ('_asked_at', '_busy', '_due', '_origin', '_pace', '_read_at', '_seen', 'seconds')

    def __init__(self, busy: Callable[[], float]):
        self.seconds = 0.0
        self._busy = busy
        self._origin: float | None = None
        self._due = 0.0
        self._asked_at = 0.0
        self._seen = 0.0  # at the last question
        self._pace = 0.0  # seconds a second
        self._read_at = 0.0

    def read(self, now: float, own: float) -> float:
        """CPU seconds of others so far.

        Args:
            now: Seconds of a clock that never goes back.
            own: Cumulative CPU seconds of the process and its children.
        """
        self.seconds += self._pace * max(0.0, min(now, self._due) - self._read_at)
        if self._origin is None or now >= self._due:
            self._ask(now, own)
        self._read_at = now
        return self.seconds

    def _ask(self, now: float, own: float) -> None:
        begun = time.perf_counter()
        try:
            others = self._busy() - own
        except (OSError, ValueError, IndexError):  # /proc is hidden: it is taken that they did nothing since
            self._due, self._pace = now + 1.0, 0.0
            return
        period = max(_LEAST_SECONDS, (time.perf_counter() - begun) / _MOST_COST)
        if self._origin is None:
            self._origin, self._asked_at, period = others, now, _FIRST_SECONDS
        # The largest that was seen: its noise of a tick then adds up to one tick, not to one at each question.
        seen = max(self._seen, others - self._origin)
        pace = (seen - self._seen) / (now - self._asked_at) if now > self._asked_at else 0.0
        if now - self._read_at >= _LEAST_SECONDS:  # what was missed was missed in an interval that holds it
            self.seconds = max(self.seconds, seen)
        self._pace = max(0.0, pace + (seen - self.seconds) / period)
        self._seen, self._asked_at = seen, now
        self._due = now + period


def contention() -> float:
    """How many threads want each of the machine's: the larger of the last minute's mean and of this very moment.

    Of this moment the asking thread is left out, and others are counted beyond as many of this process's as there are
    threads. 1 where none has to wait or nobody knows.

    Example:
        >>> contention() >= 1
        True
    """
    threads = os.cpu_count() or 1
    try:
        minute = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has no such figure
        return 1.0
    return max(minute / threads, (_running() - 1) / threads, 1.0)


def _running() -> int:
    """How many threads run, or want to, now; 1 where nobody knows. From `/proc/loadavg`: '1.18 1.48 2.06 3/111 125'."""
    try:
        return int(Path('/proc/loadavg').read_bytes().split()[3].split(b'/')[0])
    except (OSError, ValueError, IndexError):  # no Linux
        return 1
