"""Energy of what is moved elsewhere, over networks and to storage: bytes that a program tells, times kWh/GB.

No sensor sees it, and no byte is counted that nobody told: a download, a bucket, a checkpoint elsewhere.

- **Network**: 0.004 kWh/GB, the internet's core in 2015; 0.001 between data centres (Cloud Carbon Footprint) to 0.06
  with the access networks (Aslan et al. 2018, who found it halving every two years: it is not extrapolated here).
- **Storage**: writing or reading on three copies by drives of 6.5 W at 0.2 GB/s is 98 J/GB, 2.7e-5 kWh/GB; one copy on
  an SSD of 6 W at 1 GB/s takes 6 J. The high end keeps six copies for a month: 0.65 Wh/TBh x 730 h x 6 = 2.8e-3
  kWh/GB. What keeping takes for longer is not in it.

Published figures span two orders of magnitude, so all of this is assumed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from hefted.errors import ArgumentError
from hefted.metering.reading import Component
from hefted.metering.sensor import Instant
from hefted.metering.tables import rows
from hefted.quantities import Quantity, Source

if TYPE_CHECKING:
    from hefted.metering.meter import Meter

Elsewhere = Literal['network', 'storage']


class MovedSensor:
    """The energy of what was moved over one of the two, as a sensor: 'moved:network' or 'moved:storage'.

    Args:
        component: Which.
    """

    __slots__ = ('_joules_per_byte', 'accuracy', 'component', 'moved_bytes', 'name')
    counts_always = False

    def __init__(self, component: Elsewhere):
        row = next(row for row in rows('moved') if row['component'] == component)
        central, low, high = (float(row[column]) for column in ('kwh_per_gb', 'low', 'high'))
        self.name = f'moved:{component}'
        self.component: Component = component
        self.moved_bytes = 0
        self._joules_per_byte = central * 3.6e6 / 1e9
        source = Source(f'kWh/GB {component}', row['source'], int(row['year']), None, row['licence'])
        self.accuracy = Quantity.between(1.0, low / central, high / central, '1', basis='assumed', source=source)

    def read(self, instant: Instant) -> float:
        del instant
        return self.moved_bytes * self._joules_per_byte


class Moved:
    """Counts the bytes that a program tells; any thread may tell.

    Args:
        first: Told of a sensor before its first bytes are counted: where nothing was moved there is no figure, not 0.
            It should add the sensor to a meter and read that once, so that it counts from there.

    Example:
        >>> moved = Moved()
        >>> moved.tell(network=10**9)
        >>> [(sensor.name, sensor.read(Instant(0.0))) for sensor in moved.sensors]
        [('moved:network', 14400.0)]
    """

    __slots__ = ('_first', '_lock', '_sensors')

    def __init__(self, first: Callable[[MovedSensor], None] | None = None):
        self._first = first
        self._lock = threading.Lock()
        self._sensors: dict[Elsewhere, MovedSensor] = {}

    def tell(self, *, network: int = 0, storage: int = 0) -> None:
        """Count bytes that were moved just now.

        Args:
            network: Bytes sent or received over networks.
            storage: Bytes written to or read from storage elsewhere.

        Raises:
            ArgumentError: If either is negative or not a number.
        """
        told: tuple[tuple[Elsewhere, int], ...] = (('network', network), ('storage', storage))
        for component, count in told:
            if not (math.isfinite(count) and count >= 0):
                raise ArgumentError(
                    f'{component}: expected a number of bytes of 0 or more, received {count!r}. '
                    'Tell what was moved since the last time, not a difference.'
                )
        for component, count in told:
            if count:
                self._count(component, int(count))

    @property
    def sensors(self) -> tuple[MovedSensor, ...]:
        """A sensor for each of the two over which anything was moved."""
        return tuple(self._sensors.values())

    def _count(self, component: Elsewhere, count: int) -> None:
        with self._lock:
            if (sensor := self._sensors.get(component)) is None:
                sensor = MovedSensor(component)
                if self._first is not None:
                    self._first(sensor)
                self._sensors[component] = sensor
            sensor.moved_bytes += count


def counted_by(meter: Meter) -> Moved:
    """What is moved, counted by a meter from the first bytes on.

    Args:
        meter: Takes in a sensor for each of the two when its first bytes are told.
    """

    def first(sensor: MovedSensor) -> None:
        meter.add([sensor])
        meter.read()  # a sensor counts from its first reading on

    return Moved(first)
