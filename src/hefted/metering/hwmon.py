"""Energy and power that Linux shows under /sys/class/hwmon, of drivers known by name and of no others.

`amd_energy` counts each socket of AMD's Zen processors (its cores, told beside, are part of them), in microjoules;
it serves where powercap shows no package. `power_meter` is the machine's own meter behind ACPI 4.0 (servers' management
controllers): mean power in microwatts, of the whole machine unless its `measures` folder names parts.

The tests read constructed trees; `TRIED_ON` says whether real ones were read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from hefted.metering.polled import Polled
from hefted.metering.rapl import PACKAGE
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, SensorError, measured
from hefted.quantities import Source

ROOT = '/sys/class/hwmon'
TRIED_ON = ''

ACPI = Source(
    'ACPI power meter', 'ACPI 4.0, section 10.4: accuracy as the meter states it, else 10 %', 2009, None, 'fact'
)
_SYSTEM = 'LNXSYBUS:'  # the system bus: the whole machine


class AmdSocket:
    """A socket's counter of the driver amd_energy, in microjoules; the driver follows its wraps itself.

    Raises:
        OSError: If it cannot be read (it is root's alone).
    """

    __slots__ = ('_path', 'accuracy', 'name')
    component: Component = 'cpu'
    counts_always = True

    def __init__(self, path: str, name: str):
        self.name = name
        self.accuracy = measured(PACKAGE, 0.05)
        self._path = path
        int(_text(path))

    def read(self, instant: Instant) -> float:
        del instant
        return microunits(self._path)


def find_sockets(root: str = ROOT, *, now: float = 0.0) -> tuple[list[AmdSocket], list[Gap]]:
    """Find the sockets that amd_energy counts.

    Args:
        root: The hwmon folder.
        now: Seconds of CLOCK_MONOTONIC, for the gaps.

    Returns:
        The sensors; and a gap with its remedy for each that is there but cannot be read.
    """
    sensors: list[AmdSocket] = []
    gaps: list[Gap] = []
    for folder in _folders(root, 'amd_energy'):
        for label, path in _energies(folder):
            name = f'amd-energy:{label.removeprefix("Esocket")}'
            try:
                sensors.append(AmdSocket(path, name))
            except PermissionError:
                gaps.append(Gap(name, f'Root alone may read it. To measure: sudo chmod a+r {path}', now))
            except (OSError, ValueError):
                gaps.append(Gap(name, 'Its counter could not be read.', now))
    return sensors, gaps


def find_machine(root: str = ROOT, *, now: float = 0.0) -> tuple[list[Polled], list[Gap]]:
    """Find the machine's own power meter.

    Returns:
        At most one sensor, of the whole machine; and a gap where a meter says that it is of parts alone.
    """
    for folder in _folders(root, 'power_meter'):
        name, path = 'acpi-power-meter', f'{folder}/power1_average'
        parts = [part for part in _listed(f'{folder}/measures') if not part.startswith(_SYSTEM)]
        if parts or _optional(f'{folder}/power1_is_battery') == '1':
            return [], [Gap(name, 'It measures some parts or a battery, and not the whole machine.', now)]
        try:
            microunits(path)
        except SensorError as error:
            return [], [Gap(name, str(error), now)]
        accuracy = measured(ACPI, _stated_error(_optional(f'{folder}/power1_accuracy')))
        return [Polled(name, partial(microunits, path), accuracy=accuracy)], []
    return [], []


def microunits(path: str) -> float:
    """A file's microjoules or microwatts, in J or W.

    Raises:
        SensorError: If it cannot be read.
    """
    try:
        return int(_text(path)) / 1e6
    except FileNotFoundError:
        raise SensorError('Its file under /sys/class/hwmon has gone.') from None
    except PermissionError:
        raise SensorError('Its file may not be read.') from None
    except (OSError, ValueError):
        raise SensorError('Its file could not be read.') from None


def _stated_error(told: str) -> float:
    """The half width that a meter states, such as '95.0%'; 10 % where it states none, and never under 2 %."""
    try:
        accuracy = float(told.removesuffix('%')) / 100
    except ValueError:
        return 0.1
    return max(1 - accuracy, 0.02) if 0 < accuracy <= 1 else 0.1


def _folders(root: str, driver: str) -> Iterator[str]:
    for name in sorted(_listed(root)):
        if _optional(f'{root}/{name}/name') == driver:
            yield f'{root}/{name}'


def _energies(folder: str) -> Iterator[tuple[str, str]]:
    for name in sorted(_listed(folder)):
        if name.startswith('energy') and name.endswith('_input'):
            label = _optional(f'{folder}/{name.removesuffix("_input")}_label')
            if label.startswith('Esocket'):
                yield label, f'{folder}/{name}'


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _optional(path: str) -> str:
    try:
        return _text(path)
    except OSError:
        return ''


def _text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 64).decode('ascii', 'replace').strip()
    finally:
        os.close(descriptor)
