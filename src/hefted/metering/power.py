"""Watts that become joules: what only tells its power is integrated from reading to reading."""

from __future__ import annotations

from hefted.metering.sensor import SensorError

LONGEST_SECONDS = 10.0
"""Between two readings further apart than this, nothing is made up."""


class Integral:
    """Joules of a power that is read now and then, by trapezoids.

    Example:
        >>> power = Integral()
        >>> power.add(0.0, 100.0), power.add(2.0, 300.0)
        (0.0, 400.0)
    """

    __slots__ = ('_last', 'joules')

    def __init__(self) -> None:
        self.joules = 0.0
        self._last: tuple[float, float] | None = None

    def add(self, now: float, watts: float) -> float:
        """Take in a reading.

        Args:
            now: Seconds of CLOCK_MONOTONIC.
            watts: The power now.

        Returns:
            J since the first reading.

        Raises:
            SensorError: If that cannot be a power; what passes until the next good reading is not counted.
        """
        if not 0 <= watts < float('inf'):
            self.miss()
            raise SensorError(f'It read {watts:.6g} W, which cannot be.')
        if self._last is not None:
            seconds = now - self._last[0]
            if seconds > LONGEST_SECONDS:
                self._last = now, watts
                raise SensorError(f'Its power was not read for {seconds:.0f} s, for which nothing is made up.')
            self.joules += (self._last[1] + watts) / 2 * seconds
        self._last = now, watts
        return self.joules

    def miss(self) -> None:
        """A reading failed: nothing is made up for the time until the next."""
        self._last = None
