"""The kinds of sensors there are, and what this machine lacks for each: plain data, for `hefted doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hefted import processor
from hefted.metering import amd, apple, hwmon, nvml, rapl, wattmeter
from hefted.metering.meter import Meter
from hefted.metering.reading import Gap


class Kind(NamedTuple):
    """One kind of sensor, on this machine.

    Attributes:
        name: Such as 'RAPL'.
        of: What it tells the energy of.
        sensors: Names of those that are read.
        reason: Why none is, or why one more is not; '' where nothing is missing.
        tried_on: The hardware that it was tried on; '' where it was tried on constructed data alone.
        command: One command that would improve it; '' where none would.
    """

    name: str
    of: str
    sensors: tuple[str, ...] = ()
    reason: str = ''
    tried_on: str = ''
    command: str = ''


class _Known(NamedTuple):
    prefix: str  # of its sensors' names, before a colon
    name: str
    of: str
    tried_on: str
    absent: str
    command: str = ''


def kinds(meter: Meter, powercap: str = rapl.ROOT) -> list[Kind]:
    """Tell of every kind of sensor whether it is read here.

    Args:
        meter: One in which everything was looked for.
        powercap: Linux's folder of energy counters.
    """
    gaps = meter.gaps(0.0)
    told = [_told(known, meter.names, gaps) for known in _known()]
    platform = rapl.platform_zone(powercap)
    if platform:
        reason = 'It is there and not counted: it holds the packages, and what else is up to the maker.'
        told.append(Kind('RAPL psys', 'the platform', reason=reason, tried_on=rapl.TRIED_ON))
    return told


def _told(known: _Known, names: Iterable[str], gaps: Iterable[Gap]) -> Kind:
    sensors = tuple(name for name in names if name.partition(':')[0] == known.prefix)
    reasons = [gap.reason for gap in gaps if gap.sensor.partition(':')[0] == known.prefix and gap.end is None]
    reason = reasons[0] if reasons else '' if sensors else known.absent
    command = _remedy(reason) or ('' if sensors or reasons else known.command)
    return Kind(known.name, known.of, sensors, reason, known.tried_on, command)


def _remedy(reason: str) -> str:
    """The command that a reason calls for; '' where it calls for none."""
    calls = {
        'root alone. `hefted doctor`': rapl.lasting_remedy(),
        'sudo chmod': reason.partition('measure: ')[2],
        'systempaths=unconfined': 'docker run --security-opt systempaths=unconfined …',
        'pip install nvidia-ml-py': 'pip install nvidia-ml-py',
        'pip install amdsmi': 'pip install amdsmi',
        'amd-smi-lib': 'sudo apt install amd-smi-lib',
        'pip install zeus-apple-silicon': 'pip install "hefted[apple]"',
    }
    return next((command for words, command in calls.items() if words in reason), '')


def _known() -> Iterator[_Known]:
    linux, virtual = sys.platform == 'linux', processor.cpu_identity().hypervisor
    elsewhere = 'Linux alone shows it.'
    hidden = 'This is a virtual machine, whose host keeps its counters to itself.'
    load = 'sudo modprobe intel_rapl_msr' if linux and not virtual else ''
    none = (hidden if virtual else 'The processor, or its kernel, shows none.') if linux else elsewhere
    yield _Known('rapl', 'RAPL', 'CPU and memory', rapl.TRIED_ON, none, load)
    yield _Known('amd-energy', 'amd_energy', 'CPU', hwmon.TRIED_ON, _unless(linux, 'Its driver is not loaded.'))
    yield _Known('nvml', 'NVML', 'NVIDIA GPUs', nvml.TRIED_ON, 'No NVIDIA driver is loaded.')
    yield _Known('amd', 'AMD SMI', 'AMD GPUs', amd.TRIED_ON, _unless(linux, 'No compute driver of AMD is loaded.'))
    yield _Known('apple', 'Apple IOReport', "Apple's chips", apple.TRIED_ON, "This is no Mac with Apple's chip.")
    acpi = hidden if virtual else 'The firmware shows none, or its driver is not loaded, or the CPU is not measured.'
    meter = 'sudo modprobe acpi_power_meter' if linux and not virtual else ''
    yield _Known('acpi-power-meter', 'ACPI power meter', 'the machine', hwmon.TRIED_ON, _unless(linux, acpi), meter)
    yield _Known(
        wattmeter.NAME,
        'wattmeter',
        'the machine, at the wall',
        wattmeter.TRIED_ON,
        'HEFTED_WATTMETER is not set.',
        '' if virtual else "export HEFTED_WATTMETER='http://plug.local/status#emeters.0.power'",
    )


def _unless(linux: bool, reason: str) -> str:
    return reason if linux else 'Linux alone shows it.'
