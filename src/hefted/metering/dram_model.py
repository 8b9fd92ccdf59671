"""Energy of memory where no counter can be read: watts per gigabyte of what the process tree holds in RAM."""

from __future__ import annotations

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant
from hefted.metering.tables import rows
from hefted.quantities import Quantity, Source


class DramModel:
    """Memory's energy: W/GB x resident bytes, integrated by trapezoids.

    The central figure is 0.392 W/GB; RAPL has read 0.15 (idle) to 1.1 W/GB (memory stress) on servers with
    DDR4, and no measurement of DDR5 was found, so that is the interval.

    Example:
        >>> model = DramModel()
        >>> model.read(Instant(0.0, resident_bytes=10**9)), model.read(Instant(10.0, resident_bytes=10**9))
        (0.0, 3.92)
    """

    __slots__ = ('_idle_watts_per_byte', '_last', '_watts_per_byte', 'accuracy', 'joules')
    name = 'dram-model'
    component: Component = 'dram'
    counts_always = False

    def __init__(self) -> None:
        central, low, high = rows('dram_watts')
        value = float(central['watts_per_gb'])
        titles = '; '.join(dict.fromkeys(row['source'] for row in (central, low, high)))
        self._watts_per_byte = value / 1e9
        self._idle_watts_per_byte = float(low['watts_per_gb']) / 1e9
        self.accuracy = Quantity.between(
            1.0,
            float(low['watts_per_gb']) / value,
            float(high['watts_per_gb']) / value,
            '1',
            basis='modelled',
            source=Source('watts DRAM', titles, int(central['year']), None, central['licence']),
        )
        self.joules = 0.0
        self._last: Instant | None = None

    def between(self, seconds: float, mean_bytes: float) -> float:
        """Joules of a mean of resident bytes over a stretch of time."""
        return self._watts_per_byte * max(mean_bytes, 0.0) * max(seconds, 0.0)

    def idle_watts(self, installed: float) -> float:
        """What installed bytes draw at rest, in W: the least that has been read, which was on an idle server."""
        return self._idle_watts_per_byte * installed

    def read(self, instant: Instant) -> float:
        last, self._last = self._last, instant
        if last is not None:
            mean = (last.resident_bytes + instant.resident_bytes) / 2
            self.joules += self.between(instant.monotonic - last.monotonic, mean)
        return self.joules
