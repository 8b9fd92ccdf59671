"""Intel's and AMD's energy counters (RAPL), as Linux shows them under /sys/class/powercap.

Zones are taken by what they are, not by their number: every package (one for each socket, or for each die, which
Linux names 'package-0-die-1'), and the DRAM beside or inside each. AMD's counters have the same names and places.
Cores and the graphics inside a package are part of it and never added. `psys`, the whole platform, contains the
packages: it is never counted, since makers wire it as they like and it may be read only where packages may be as well.
The memory-mapped twin of the same counters (intel-rapl-mmio) is left out.

The tests read constructed trees; `TRIED_ON` says whether real ones were read.
"""

from __future__ import annotations

import os

from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, SensorError, measured
from hefted.quantities import Source

ROOT = '/sys/class/powercap'
TRIED_ON = ''
RULES = '/etc/udev/rules.d/90-hefted-energy.rules'

PACKAGE = Source('RAPL package', 'Khan et al., RAPL in Action, ACM TOMPECS 3(2); 5 % assumed', 2018, None, 'fact')
DRAM = Source(
    'RAPL DRAM', 'Desrochers et al., A Validation of DRAM RAPL Power Measurements, MEMSYS', 2016, None, 'fact'
)

_MOST_ZONE_WATTS = 1000.0  # no socket draws more; a counter that holds 262 kJ goes round in 4 minutes then
_SLACK_SECONDS = 1.0


class RaplZone:
    """One zone's counter, followed over its wraps.

    The counter is in microjoules and wraps at `max_energy_range_uj`. One wrap between two readings is added up, if what
    it comes to is no more than 1 kW (else it was reset); two cannot be told from one, so it must be read every
    `read_within` seconds: a counter of 262 kJ, which is usual, in 262 s. The sampler reads once a second. What was read
    later than that is a gap, and counts on from there.

    Args:
        folder: The zone's folder.
        name: The sensor's name, such as 'rapl:package-0'.
        component: 'cpu' or 'dram'.

    Attributes:
        read_within: Seconds in which a socket of 1 kW, more than any draws, goes round once.

    Raises:
        OSError: If the counter cannot be read (it is root's alone since Linux 5.10).
    """

    __slots__ = ('_label', '_last', '_lost', '_path', '_range', '_read_at', '_wrapped', 'accuracy', 'component', 'name')
    counts_always = True

    def __init__(self, folder: str, name: str, component: Component):
        self.name = name
        self.component: Component = component
        self.accuracy = measured(PACKAGE, 0.05) if component == 'cpu' else measured(DRAM, 0.2)
        self._label = _text(f'{folder}/name')
        self._path = f'{folder}/energy_uj'
        self._range = _range(folder)
        self._wrapped = 0
        self._last = int(_text(self._path))
        self._read_at: float | None = None
        self._lost = False

    @property
    def read_within(self) -> float:
        return self._range / 1e6 / _MOST_ZONE_WATTS

    def read(self, instant: Instant) -> float:
        now = self._microjoules()
        waited = 0.0 if self._read_at is None else instant.monotonic - self._read_at
        last, self._last, self._read_at = self._last, now, instant.monotonic
        if self._range and waited > self.read_within:
            self._wrapped += last - now  # stands still over the time that nobody saw
            raise SensorError(f'It was not read for {waited:.0f} s and may have wrapped more than once.')
        if now < last and now + self._range - last <= _MOST_ZONE_WATTS * (waited + _SLACK_SECONDS) * 1e6:
            self._wrapped += self._range  # it went over its end; else it was reset, which the guard sees
        return (now + self._wrapped) / 1e6

    def _microjoules(self) -> int:
        try:
            if self._lost:  # the module was loaded again, and may number its zones otherwise
                self._find_again()
            return int(_text(self._path))
        except FileNotFoundError:
            self._lost = True
            raise SensorError('Its file under /sys/class/powercap has gone.') from None
        except PermissionError:
            raise SensorError('Its file may no longer be read.') from None
        except (OSError, ValueError):
            self._lost = True
            raise SensorError('Its counter could not be read.') from None

    def _find_again(self) -> None:
        folder = self._path.rpartition('/')[0]
        if _label(folder) != self._label and self.component == 'cpu':  # a package's label is its own; 'dram' is not
            root = folder.rpartition('/')[0]
            folder = next((zone for zone in _zones(root) if _label(zone) == self._label), folder)
        if _label(folder) != self._label:
            raise FileNotFoundError
        self._path, self._range, self._lost = f'{folder}/energy_uj', _range(folder), False


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
    hidden = False
    for folder in _zones(root):
        label = _label(folder)
        if label is None:
            hidden = True
            continue
        component = _component(label)
        if component is None:
            continue
        name = f'rapl:{label}' if component == 'cpu' else f'rapl:{label}-{_number(folder)}'
        if name in taken:
            continue
        taken.add(name)
        try:
            sensors.append(RaplZone(folder, name, component))
        except PermissionError:
            gaps.append(Gap(name, remedy(folder), now))
        except (OSError, ValueError):
            gaps.append(Gap(name, 'Its counter could not be read.', now))
    if hidden:
        gaps.append(Gap('rapl', HIDDEN, now))
    return sorted(sensors, key=lambda sensor: sensor.component), gaps


HIDDEN = (
    'Counters are listed but hidden, as container engines do. To measure instead of modelling, start the container '
    'with --security-opt systempaths=unconfined.'
)


def remedy(folder: str) -> str:
    """How to open a counter until the next boot; `lasting_remedy` is for good."""
    return (
        "The processor's energy counter may be read by root alone. "
        '`hefted doctor` tells how to open it for good; until the next boot, to measure instead of modelling: '
        f'sudo chmod a+r {folder}/energy_uj'
    )


def lasting_remedy() -> str:
    """The command that writes a rule of udev, which acts whenever the counters' module is loaded.

    Root alone reads them since Linux 5.10, because fine readings can betray the secrets of other users of the machine
    (CVE-2020-8694): on a machine that strangers share, leave them closed.
    """
    rule = r'SUBSYSTEM=="powercap", KERNEL=="intel-rapl:*", RUN+="/bin/chmod a+r /sys%p/energy_uj"'
    return f"echo '{rule}' | sudo tee {RULES} && sudo udevadm trigger -s powercap -c add"


def platform_zone(root: str = ROOT) -> str | None:
    """The folder of `psys`, the whole platform; None where there is none. It is told, and never counted."""
    return next((zone for zone in _zones(root) if _label(zone) == 'psys'), None)


def _zones(root: str) -> list[str]:
    """Folders of zones, as the kernel names them: intel-rapl:<package> and intel-rapl:<package>:<part>."""
    zones = _parts(root)
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


def _label(folder: str) -> str | None:
    try:
        return _text(f'{folder}/name')
    except OSError:
        return None


def _number(folder: str) -> str:
    """The number of a zone's package."""
    return folder.rpartition('/')[2].split(':')[1]


def _range(folder: str) -> int:
    return int(_text(f'{folder}/max_energy_range_uj') or 0)


def _text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 64).decode('ascii', 'replace').strip()
    finally:
        os.close(descriptor)
