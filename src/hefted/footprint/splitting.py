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
        part: What part is the run's from the last reading on; 0 while it idles.
        last: The last reading that was taken.
    """

    __slots__ = ('_idle', '_lock', '_others', '_others_occupied', 'last', 'part')

    def __init__(self, first: RawReading):
        self.part = 1.0
        self.last = first
        self._others: dict[str, float] = {}  # joules by sensor, since the start, that were others'
        self._others_occupied = 0.0
        self._idle = 0.0  # seconds with no part, up to the last reading
        self._lock = threading.RLock()  # for the moment of an addition; again in a signal's handler that comes in it

    def take(self, reading: RawReading, part: float | None = None) -> Taken | None:
        """What the run took since the last reading.

        Args:
            reading: Of now.
            part: What part is the run's from now on, if it is another.

        Returns:
            None where a later reading was taken already.
        """
        with self._lock:
            mine, last = self.part, self.last
            self.part = mine if part is None else part
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
            if not mine:
                self._idle += reading.monotonic - last.monotonic
            return Taken(reading.monotonic - last.monotonic, used, occupied)

    def idle_seconds(self, now: float) -> float:
        """For how long the run has had no part up to an instant, whether that was taken yet or not."""
        return self._idle if self.part else self._idle + now - self.last.monotonic

    def own(self, reading: RawReading) -> RawReading:
        """A reading whose cumulative joules are those of the run alone, whether it was taken yet or not."""
        if self.part == 1.0 and not self._others:
            return reading
        with self._lock:
            left, since = 1 - self.part, self.last
            joules = {
                name: joules - self._others.get(name, 0.0) - left * (joules - since.joules.get(name, 0.0))
                for name, joules in reading.joules.items()
            }
            others = self._others_occupied + left * (reading.occupied - since.occupied)
            return reading._replace(joules=joules, occupied=reading.occupied - others)
