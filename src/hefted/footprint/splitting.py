"""How runs that go on at once in one process divide what it takes: each its even part, level by level.

Two fits in two threads are two halves of the process. Fits inside a `meter(...)` divide what is the meter's, which has
all of theirs. How much of an interval each of them worked is not known, since they share one process's counters.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from hefted.metering.reading import RawReading


def parts(parents: Mapping[str, str]) -> dict[str, float]:
    """The part of the process's figures that is each run's now.

    Args:
        parents: The parent of each run that goes on now, by their ids; one that does not go on itself stands for the
            process.

    Returns:
        From 0 to 1, by id.

    Example:
        >>> parts({'meter': 'process', 'fit': 'process', 'one': 'meter', 'two': 'meter'})
        {'meter': 0.5, 'fit': 0.5, 'one': 0.25, 'two': 0.25}
    """
    above = {run: parent if parent in parents else '' for run, parent in parents.items()}
    siblings = Counter(above.values())

    def part(run: str) -> float:
        return (part(above[run]) if above[run] else 1.0) / siblings[above[run]]

    return {run: part(run) for run in parents}


# Of all runs of a process, for the moment in which something is divided and added up; it may be taken again, as by a
# signal's handler that comes in that moment.
_lock = threading.RLock()


def still() -> threading.RLock:
    """What to hold so that no run takes anything: `with still(): ...`, for microseconds."""
    return _lock


def forked() -> None:
    """In a fork's child: who held the lock is not there to let it go."""
    global _lock
    _lock = threading.RLock()


class Taken(NamedTuple):
    """What a run took between two readings.

    Attributes:
        seconds: How long that was.
        joules: The run's part, by sensor.
        occupied: Seconds for which the machine was the run's.
    """

    seconds: float
    joules: dict[str, float]
    occupied: float


class Slice:
    """What one run has of its meter's counters: all of them, but for the parts of runs beside it.

    Args:
        first: The reading at its start.

    Attributes:
        part: What part is the run's from the last reading on.
        last: The last reading that was taken.
        resting: Whether the run idles, so that nothing from the last reading on is its own.
    """

    __slots__ = ('_others', '_others_occupied', '_rested', 'last', 'part', 'resting')

    def __init__(self, first: RawReading):
        self.part = 1.0
        self.last = first
        self._others: dict[str, float] = {}  # joules by sensor, since the start, that were others'
        self._others_occupied = 0.0
        self.resting = False
        self._rested = 0.0  # seconds up to the last reading

    def take(self, reading: RawReading, part: float | None = None, *, aside: bool = False) -> Taken | None:
        """What the run took since the last reading.

        Args:
            reading: Of now.
            part: What part is the run's from now on, if it is another.
            aside: Whether none of it is its own, as while it rests.

        Returns:
            None where a later reading was taken already.
        """
        with still():
            aside = aside or self.resting
            mine, last = 0.0 if aside else self.part, self.last
            self.part = self.part if part is None else part
            if reading.monotonic < last.monotonic:
                return None
            before = last.joules
            # A sensor that was not there before counts from 0.
            used = {name: joules - before.get(name, 0.0) for name, joules in reading.joules.items()}
            occupied = reading.occupied - last.occupied
            self.last = reading
            if mine != 1.0:
                for name, joules in used.items():
                    self._others[name] = self._others.get(name, 0.0) + (1 - mine) * joules
                    used[name] = mine * joules
                self._others_occupied += (1 - mine) * occupied
                occupied *= mine
            seconds = reading.monotonic - last.monotonic
            self._rested += seconds if aside else 0.0
            return Taken(seconds, used, occupied)

    def rested(self, now: float) -> float:
        """For how long nothing was the run's up to an instant, whether that was taken yet or not."""
        return self._rested + (now - self.last.monotonic if self.resting else 0.0)

    def own(self, reading: RawReading) -> RawReading:
        """A reading whose cumulative joules are those of the run alone, whether it was taken yet or not."""
        if self.part == 1.0 and not self._others and not self.resting:
            return reading
        with still():
            left, since = 1.0 if self.resting else 1 - self.part, self.last
            joules = {
                name: joules - self._others.get(name, 0.0) - left * (joules - since.joules.get(name, 0.0))
                for name, joules in reading.joules.items()
            }
            others = self._others_occupied + left * (reading.occupied - since.occupied)
            return reading._replace(joules=joules, occupied=reading.occupied - others)
