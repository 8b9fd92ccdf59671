"""Intel's and AMD's energy counters (RAPL), as Linux shows them under /sys/class/powercap.

Zones are taken by what they are, not by their number: every package (one for each socket, or die), the DRAM
beside or inside each. `psys`, the whole platform, contains the packages; it is never added to them. Cores
and the graphics inside a package are part of it. The memory-mapped twin of the same counters
(intel-rapl-mmio) is left out.

Not tried on hardware here: the tests read constructed trees.
"""

from __future__ import annotations

import os

from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, SensorError, measured
from hefted.quantities import Source

ROOT = '/sys/class/powercap'

PACKAGE = Source('RAPL package', 'Khan et al., RAPL in Action, ACM TOMPECS 3(2); 5 % assumed', 2018, None, 'fact')
DRAM = Source(
    'RAPL DRAM', 'Desrochers et al., A Validation of DRAM RAPL Power Measurements, MEMSYS', 2016, None, 'fact'
)


class RaplZone:
    """One zone's counter, followed over its wraps.

    The counter is in microjoules and wraps at `max_energy_range_uj`, on a busy server after some minutes:
    it must be read more often than that, which the sampler does.

    Args:
        folder: The zone's folder.
        name: The sensor's name, such as 'rapl:package-0'.
        component: 'cpu' or 'dram'.

    Raises:
        OSError: If the counter cannot be read (it is root's alone since Linux 5.10).
    """

    __slots__ = ('_last', '_path', '_range', '_wrapped', 'accuracy', 'component', 'name')
    counts_always = True

    def __init__(self, folder: str, name: str, component: Component):
        self.name = name
        self.component: Component = component
        self.accuracy = measured(PACKAGE, 0.05) if component == 'cpu' else measured(DRAM, 0.2)
        self._path = f'{folder}/energy_uj'
        self._range = int(_text(f'{folder}/max_energy_range_uj') or 0)
        self._wrapped = 0
        self._last = int(_text(self._path))

    def read(self, instant: Instant) -> float:
        del instant
        try:
            now = int(_text(self._path))
        except FileNotFoundError:
            raise SensorError('Its file under /sys/class/powercap has gone.') from None
        except PermissionError:
            raise SensorError('Its file may no longer be read.') from None
        except (OSError, ValueError):
            raise SensorError('Its counter could not be read.') from None
        if now < self._last and self._last - now > self._range // 2:
            self._wrapped += self._range  # it went over its end; a smaller step back is a reset, which the guard sees
        self._last = now
        return (now + self._wrapped) / 1e6


def find(root: str = ROOT, *, now: float = 0.0) -> tuple[list[RaplZone], list[Gap]]:
    """Find the counters that can be read.

    Args:
        root: The powercap folder.
        now: Seconds of CLOCK_MONOTONIC, for the gaps.

    Returns:
        The sensors, packages first; and a gap with its remedy for each counter that is there but cannot be
        read.
    """
    sensors: list[RaplZone] = []
    gaps: list[Gap] = []
    taken: set[str] = set()
    for folder in _zones(root):
        try:
            label = _text(f'{folder}/name')
        except OSError:
            continue
        component = _component(label)
        if component is None:
            continue
        name = f'rapl:{label}' if component == 'cpu' else f'rapl:{label}-{_socket(folder)}'
        if name in taken:
            continue
        try:
            sensors.append(RaplZone(folder, name, component))
            taken.add(name)
        except PermissionError:
            gaps.append(Gap(name, remedy(folder), now))
        except (OSError, ValueError):
            gaps.append(Gap(name, 'Its counter could not be read.', now))
    return sorted(sensors, key=lambda sensor: sensor.component), gaps


def remedy(folder: str) -> str:
    return (
        "The processor's energy counter may be read by root alone. "
        f'To measure instead of modelling, once after each boot: sudo chmod a+r {folder}/energy_uj'
    )


def _zones(root: str) -> list[str]:
    """Folders of zones, as the kernel names them: intel-rapl:<package> and intel-rapl:<package>:<part>."""
    try:
        names = sorted(os.listdir(root))  # noqa: PTH208
    except OSError:
        return []
    zones = [name for name in names if name.startswith('intel-rapl:')]
    inside = [
        f'{zone}/{part}'
        for zone in zones
        if zone.count(':') == 1
        for part in _parts(f'{root}/{zone}')
        if part not in zones  # the kernel links each part beside its package as well
    ]
    return [f'{root}/{zone}' for zone in zones + inside]


def _parts(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith('intel-rapl:'))  # noqa: PTH208
    except OSError:
        return []


def _component(label: str) -> Component | None:
    if label.startswith('package-'):
        return 'cpu'
    return 'dram' if label == 'dram' else None


def _socket(folder: str) -> str:
    return folder.rpartition('/')[2].split(':')[1]


def _text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 64).decode('ascii', 'replace').strip()
    finally:
        os.close(descriptor)
