"""NVIDIA GPUs through NVML: the energy counter (Volta and later), else power integrated over time.

Devices are known by their UUID, and only those that this process may use (CUDA_VISIBLE_DEVICES) are read.
The library is handed in; it is imported only where a driver seems present. A GPU's energy is that of the
whole board, whoever uses it.

Not tried on hardware here: the tests hand in a library that answers as NVML does.
"""

from __future__ import annotations

import os
from typing import Any

from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, SensorError, measured
from hefted.quantities import Source

COUNTER = Source('NVML energy', 'NVIDIA Management Library reference: readings within 5 %', 2024, None, 'fact')
POWER = Source(
    'NVML power',
    'Yang et al., Part-time Power Measurements, SC24: 25 % of run time is sampled',
    2024,
    None,
    'fact',
)


class NvmlEnergy:
    """A GPU's own energy counter, in millijoules since the driver was loaded."""

    __slots__ = ('_handle', '_library', 'accuracy', 'name')
    component: Component = 'gpu'
    counts_always = True

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(COUNTER, 0.05)
        self._library = library
        self._handle = handle

    def read(self, instant: Instant) -> float:
        del instant
        return _ask(self._library, self._library.nvmlDeviceGetTotalEnergyConsumption, self._handle) / 1e3


class NvmlPower:
    """A GPU without a counter: its power, in milliwatts, integrated by trapezoids from reading to reading."""

    __slots__ = ('_handle', '_joules', '_last', '_library', 'accuracy', 'name')
    component: Component = 'gpu'
    counts_always = False

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(POWER, 0.3)
        self._library = library
        self._handle = handle
        self._joules = 0.0
        self._last: tuple[float, float] | None = None

    def read(self, instant: Instant) -> float:
        try:
            watts = _ask(self._library, self._library.nvmlDeviceGetPowerUsage, self._handle) / 1e3
        except SensorError:
            self._last = None  # nothing is made up for the time in which it said nothing
            raise
        if self._last is not None:
            self._joules += (self._last[1] + watts) / 2 * (instant.monotonic - self._last[0])
        self._last = (instant.monotonic, watts)
        return self._joules


def _ask(library: Any, question: Any, handle: Any) -> float:
    try:
        return float(question(handle))
    except library.NVMLError as error:
        raise SensorError(f'NVML said: {error}.') from None


def load() -> Any:
    """Import NVML and start it.

    Raises:
        SensorError: If that cannot be done.
    """
    try:
        import pynvml  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise SensorError(
            'An NVIDIA driver is there, but nvidia-ml-py is not installed: pip install nvidia-ml-py.'
        ) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise SensorError(f'NVML could not be started: {error}.') from None
    return pynvml


def find(
    library: Any, *, visible: str | None = None, now: float = 0.0
) -> tuple[list[NvmlEnergy | NvmlPower], list[Gap]]:
    """Find the GPUs that this process may use and that can be read.

    Args:
        library: NVML, started: `pynvml`, or what answers as it does.
        visible: CUDA_VISIBLE_DEVICES; None for no limit.
        now: Seconds of CLOCK_MONOTONIC, for the gaps.

    Returns:
        A sensor for each device, and a gap for each that cannot be read.
    """
    sensors: list[NvmlEnergy | NvmlPower] = []
    gaps: list[Gap] = []
    try:
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
        devices = [(_string(library.nvmlDeviceGetUUID(handle)), handle) for handle in handles]
    except library.NVMLError as error:
        return [], [Gap('nvml', f'NVML said: {error}.', now)]
    for uuid, handle in _chosen(devices, visible):
        name = f'nvml:{uuid}'
        for kind in (NvmlEnergy, NvmlPower):
            sensor = kind(library, handle, name)
            try:
                sensor.read(Instant(now))
            except SensorError as error:
                if kind is NvmlPower:
                    gaps.append(Gap(name, str(error), now))
            else:
                sensors.append(sensor)
                break
    return sensors, gaps


def visible_devices() -> str | None:
    """What CUDA_VISIBLE_DEVICES says; None when it is not set."""
    return os.environ.get('CUDA_VISIBLE_DEVICES')


def _chosen(devices: list[tuple[str, Any]], visible: str | None) -> list[tuple[str, Any]]:
    """The devices that CUDA would see: by index or start of UUID, up to the first that does not exist."""
    if visible is None:
        return devices
    chosen: list[tuple[str, Any]] = []
    for word in (part.strip() for part in visible.split(',')):
        if word.isdigit():
            found = devices[int(word) : int(word) + 1]
        else:
            found = [device for device in devices if word and device[0].startswith(word)]
            if word.startswith('MIG-'):  # a slice of a board, whose energy is all that can be read
                found = devices if len(devices) == 1 else []
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


def _string(value: str | bytes) -> str:
    return value.decode('ascii', 'replace') if isinstance(value, bytes) else value
