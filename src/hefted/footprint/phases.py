"""The phases of a run between two readings of its meter."""

from __future__ import annotations

import math


class Phases:
    """The phase that a run is in, and those that ended since its last reading.

    A small fit validates after each epoch of 2 ms. To read the meter at each edge would cost it 4 % of its time, so
    phases that follow one another that fast are told apart by their time alone.

    Attributes:
        present: The phase now; '' until one is named.
        seconds: Of those that ended since the last reading, by name.

    Example:
        >>> phases = Phases()
        >>> phases.present = 'train'
        >>> phases.enter('validate', 0.002, since=0.0)
        >>> phases.enter('train', 0.003, since=0.0)
        >>> {name: round(seconds, 3) for name, seconds in phases.take(0.007).items()}
        {'train': 0.006, 'validate': 0.001}
        >>> phases.take(0.009)
        {}
    """

    __slots__ = ('_edge', 'present', 'seconds')

    def __init__(self) -> None:
        self.present = ''
        self.seconds: dict[str, float] = {}
        self._edge = -math.inf

    def enter(self, phase: str, now: float, since: float) -> None:
        """Begin a phase without a reading.

        Args:
            phase: Its name.
            now: Seconds by the clock of readings.
            since: When the last reading was.
        """
        lasted = now - max(self._edge, since)
        self.seconds[self.present] = self.seconds.get(self.present, 0.0) + lasted
        self._edge, self.present = now, phase

    def take(self, now: float) -> dict[str, float]:
        """The seconds by phase since the last reading, at the next; nothing where the present one is all there was."""
        seconds, self.seconds = self.seconds, {}
        if seconds:
            seconds[self.present] = seconds.get(self.present, 0.0) + max(0.0, now - self._edge)
        return seconds
