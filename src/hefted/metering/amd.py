"""AMD GPUs through AMD SMI: the energy counter, else the mean power of the socket integrated over time.

The library (`amdsmi`, which comes with ROCm or from PyPI) is handed in; it is imported only where the kernel's compute
driver shows /dev/kfd. Only devices that this process may use (ROCR_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES) are read.

The tests hand in a library that answers as AMD SMI does; `TRIED_ON` says whether a real one was read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hefted.metering.power import Integral
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, Sensor, SensorError, measured
from hefted.quantities import Source

TRIED_ON = ''
INSTALL = 'AMD GPUs are there, but amdsmi is not installed: pip install amdsmi, of the version that ROCm has.'

# AMD states no accuracy for the counter; that of NVIDIA's, doubled, stands for it.
COUNTER = Source('AMD SMI energy', 'AMD SMI amdsmi_get_energy_count; 10 % assumed', 2025, None, 'fact')
POWER = Source('AMD SMI power', 'AMD SMI amdsmi_get_power_info; 30 % assumed, as for NVML power', 2025, None, 'fact')


class AmdEnergy:
    """A GPU's accumulated energy: counter times its resolution, in microjoules.

    Attributes:
        device: What the GPU is called, such as 'AMD Instinct MI300X'; '' where that is not told.
    """

    __slots__ = ('_handle', '_library', 'accuracy', 'device', 'name')
    component: Component = 'gpu'
    counts_always = True

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(COUNTER, 0.1)
        self.device = _name(library, handle)
        self._library = library
        self._handle = handle

    def read(self, instant: Instant) -> float:
        del instant
        told = _ask(self._library, self._library.amdsmi_get_energy_count, self._handle)
        # 'power' was the counter's name up to ROCm 6.0
        counter = told.get('energy_accumulator', told.get('power'))
        joules = _number(counter) * _number(told.get('counter_resolution')) / 1e6
        if joules == 0:  # the second die of a board that has one counter, or a driver without any
            raise SensorError('Its energy counter stands at 0.')
        return joules


class AmdPower:
    """A GPU without a counter: its socket's power, in watts, integrated by trapezoids from reading to reading.

    Attributes:
        device: What the GPU is called; '' where that is not told.
    """

    __slots__ = ('_handle', '_library', '_power', 'accuracy', 'device', 'name')
    component: Component = 'gpu'
    counts_always = False

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(POWER, 0.3)
        self.device = _name(library, handle)
        self._library = library
        self._handle = handle
        self._power = Integral()

    def read(self, instant: Instant) -> float:
        try:
            told = _ask(self._library, self._library.amdsmi_get_power_info, self._handle)
            watts = next((told[key] for key in _POWERS if told.get(key, 'N/A') not in ('N/A', 0)), None)
            return self._power.add(instant.monotonic, _number(watts))
        except Exception:  # a driver's own fault as well: nothing is made up for the time until the next
            self._power.miss()
            raise


_POWERS = ('average_socket_power', 'current_socket_power', 'socket_power')  # older cards tell the first, MI300 the next


def _ask(library: Any, question: Any, handle: Any) -> Mapping[str, Any]:
    try:
        return question(handle)
    except library.AmdSmiException as error:
        raise SensorError(f'AMD SMI said: {_told(error)}.') from None


def _told(error: Exception) -> str:
    return str(getattr(error, 'err_info', error)).strip()


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise SensorError('AMD SMI told no number: not available.')
    return float(value)


def load() -> Any:
    """Import AMD SMI and start it.

    Raises:
        SensorError: If that cannot be done.
    """
    if not _shared_library_loads():  # amdsmi itself would print to the program's output
        raise SensorError('AMD GPUs are there, but libamd_smi.so is not: install the amd-smi-lib package of ROCm.')
    try:
        library: Any = import_module('amdsmi')
    except ImportError:
        raise SensorError(INSTALL) from None
    try:
        library.amdsmi_init()
    except library.AmdSmiException as error:
        raise SensorError(f'AMD SMI could not be started: {_told(error)}.') from None
    return library


def _shared_library_loads() -> bool:
    import ctypes

    rocm = os.environ.get('ROCM_HOME', os.environ.get('ROCM_PATH', '/opt/rocm'))
    for place in (f'{rocm}/lib/libamd_smi.so', 'libamd_smi.so'):
        try:
            ctypes.CDLL(place)
        except OSError:
            continue
        return True
    return False


def find(library: Any, *, visible: str | None = None, now: float = 0.0) -> tuple[list[Sensor], list[Gap]]:
    """Find the GPUs that this process may use and that can be read.

    Args:
        library: AMD SMI, started: `amdsmi`, or what answers as it does.
        visible: ROCR_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES; None for no limit.
        now: Seconds of CLOCK_MONOTONIC, for the gaps.

    Returns:
        A sensor for each device, and a gap for each that cannot be read.
    """
    sensors: list[Sensor] = []
    gaps: list[Gap] = []
    try:
        handles = library.amdsmi_get_processor_handles()
        devices = [(str(library.amdsmi_get_gpu_device_uuid(handle)), handle) for handle in handles]
    except library.AmdSmiException as error:
        return [], [Gap('amd', f'AMD SMI said: {_told(error)}.', now)]
    for uuid, handle in _chosen(devices, visible):
        name = f'amd:{uuid}'
        for kind in (AmdEnergy, AmdPower):
            sensor = kind(library, handle, name)
            try:
                sensor.read(Instant(now))
            except SensorError as error:
                if kind is AmdPower:
                    gaps.append(Gap(name, str(error), now))
            else:
                sensors.append(sensor)
                break
    return sensors, gaps


def visible_devices() -> str | None:
    """What limits the devices of this process; None for no limit."""
    return os.environ.get('ROCR_VISIBLE_DEVICES', os.environ.get('HIP_VISIBLE_DEVICES'))


def _chosen(devices: list[tuple[str, Any]], visible: str | None) -> list[tuple[str, Any]]:
    """The devices that ROCm would see: by index or UUID ('GPU-' and its hexadecimal end), up to the first unknown."""
    if visible is None:
        return devices
    chosen: list[tuple[str, Any]] = []
    for word in (part.strip() for part in visible.split(',')):
        if word.isdigit():
            found = devices[int(word) : int(word) + 1]
        else:
            end = word.removeprefix('GPU-').lower()
            found = [device for device in devices if end and _plain(device[0]).endswith(end)]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


def _plain(uuid: str) -> str:
    return uuid.replace('-', '').lower()


def _name(library: Any, handle: Any) -> str:
    try:
        name = str(library.amdsmi_get_gpu_asic_info(handle)['market_name'])
    except (library.AmdSmiException, KeyError):
        return ''
    return '' if name == 'N/A' else name
