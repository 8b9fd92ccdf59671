"""NVIDIA GPUs through NVML: the energy counter (Volta and later), else power integrated over time.

Devices are known by their UUID, and only those that this process may use (CUDA_VISIBLE_DEVICES) are read. The library
is handed in; it is imported only where a driver seems present. A GPU's energy is that of the whole board, whoever uses
it; a slice of one (MIG) is given its share, see `hefted.metering.mig`.

The tests hand in a library that answers as NVML does; `TRIED_ON` says whether a real one was read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hefted.metering import mig
from hefted.metering.power import Integral
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant, Sensor, SensorError, measured
from hefted.quantities import Source

TRIED_ON = ''

COUNTER = Source('NVML energy', 'NVIDIA Management Library reference: readings within 5 %', 2024, None, 'fact')
POWER = Source(
    'NVML power',
    'Yang et al., Part-time Power Measurements, SC24: 25 % of run time is sampled',
    2024,
    None,
    'fact',
)
VIRTUAL = (
    'This is a virtual GPU (vGPU), whose driver tells no power to its guest. To count it, ask for a GPU that is passed '
    "through whole, or read the host's own meter."
)
NO_POWER = 'Its driver tells neither energy nor power. A driver from 2018 or later reads every data-centre GPU.'


class _Board:
    """A board that is asked for by its UUID again after it failed, as its handle dies with the driver."""

    __slots__ = ('_handle', '_library', '_uuid', 'device', 'lost')

    def __init__(self, library: Any, handle: Any, uuid: str):
        self._library = library
        self._handle = handle
        self._uuid = uuid
        self.device = _name(library, handle)
        self.lost = False

    def ask(self, question: Callable[[Any], Any]) -> float:
        try:
            if self.lost:
                self._handle = self._library.nvmlDeviceGetHandleByUUID(self._uuid)
                self.lost = False
            return float(question(self._handle))
        except self._library.NVMLError as error:
            self.lost = True
            raise SensorError(f'NVML said: {error}.') from None


class NvmlEnergy:
    """A GPU's own energy counter, in millijoules since the driver was loaded.

    Attributes:
        device: What the GPU is called, such as 'NVIDIA H100 80GB HBM3'; '' where that is not told.
    """

    __slots__ = ('_board', '_question', 'accuracy', 'device', 'name')
    component: Component = 'gpu'
    counts_always = True

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(COUNTER, 0.05)
        self._board = _Board(library, handle, name.partition(':')[2])
        self._question = library.nvmlDeviceGetTotalEnergyConsumption
        self.device = self._board.device

    def read(self, instant: Instant) -> float:
        del instant
        return self._board.ask(self._question) / 1e3


class NvmlPower:
    """A GPU without a counter: its power, in milliwatts, integrated by trapezoids from reading to reading.

    Attributes:
        device: What the GPU is called; '' where that is not told.
    """

    __slots__ = ('_board', '_power', '_question', 'accuracy', 'device', 'name')
    component: Component = 'gpu'
    counts_always = False

    def __init__(self, library: Any, handle: Any, name: str):
        self.name = name
        self.accuracy = measured(POWER, 0.3)
        self._board = _Board(library, handle, name.partition(':')[2])
        self._question = library.nvmlDeviceGetPowerUsage
        self._power = Integral()
        self.device = self._board.device

    def read(self, instant: Instant) -> float:
        try:
            watts = self._board.ask(self._question) / 1e3
        except Exception:  # a driver's own fault as well: nothing is made up for the time until the next
            self._power.miss()
            raise
        return self._power.add(instant.monotonic, watts)


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


def find(library: Any, *, visible: str | None = None, now: float = 0.0) -> tuple[list[Sensor], list[Gap]]:
    """Find the GPUs that this process may use and that can be read.

    Args:
        library: NVML, started: `pynvml`, or what answers as it does.
        visible: CUDA_VISIBLE_DEVICES; None for no limit.
        now: Seconds of CLOCK_MONOTONIC, for the gaps.

    Returns:
        A sensor for each device or slice of one, and a gap for each that cannot be read.
    """
    sensors: list[Sensor] = []
    gaps: list[Gap] = []
    try:
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
        devices = [(_string(library.nvmlDeviceGetUUID(handle)), handle) for handle in handles]
        chosen = [mig.resolved(library, uuid, handle) for uuid, handle in _chosen(library, devices, visible)]
    except library.NVMLError as error:
        return [], [Gap('nvml', f'NVML said: {error}.', now)]
    for uuid, board_uuid, board, slice_handle in chosen:
        try:
            sensor = _readable(library, board, f'nvml:{board_uuid}', now)
            if slice_handle is not None:
                sensor = mig.Slice(sensor, f'nvml:{uuid}', mig.share(library, slice_handle, board))
        except SensorError as error:
            gaps.append(Gap(f'nvml:{uuid}', str(error), now))
        else:
            sensors.append(sensor)
    return sensors, gaps


def _readable(library: Any, handle: Any, name: str, now: float) -> NvmlEnergy | NvmlPower:
    """The better of the two ways that answers.

    Raises:
        SensorError: If neither does; with the reason and the remedy.
    """
    reason = ''
    for kind in (NvmlEnergy, NvmlPower):
        sensor = kind(library, handle, name)
        try:
            sensor.read(Instant(now))
        except SensorError as error:
            reason = str(error)
        else:
            return sensor
    if _virtual(library, handle):
        raise SensorError(VIRTUAL)
    raise SensorError(f'{reason} {NO_POWER}' if 'Not Supported' in reason else reason)


def visible_devices() -> str | None:
    """What CUDA_VISIBLE_DEVICES says; None when it is not set."""
    return os.environ.get('CUDA_VISIBLE_DEVICES')


def _chosen(library: Any, devices: list[tuple[str, Any]], visible: str | None) -> list[tuple[str, Any]]:
    """The devices that CUDA would see: by index or start of UUID, up to the first that does not exist."""
    if visible is None:
        return devices
    chosen: list[tuple[str, Any]] = []
    for word in (part.strip() for part in visible.split(',')):
        if word.isdigit():
            found = devices[int(word) : int(word) + 1]
        elif word.startswith('MIG-'):
            found = [(word, library.nvmlDeviceGetHandleByUUID(word))]
        else:
            found = [device for device in devices if word and device[0].startswith(word)]
        if len(found) != 1 or found[0][0] in [uuid for uuid, _ in chosen]:
            break
        chosen += found
    return chosen


def _virtual(library: Any, handle: Any) -> bool:
    try:
        return library.nvmlDeviceGetVirtualizationMode(handle) == library.NVML_GPU_VIRTUALIZATION_MODE_VGPU
    except library.NVMLError:
        return False


def _name(library: Any, handle: Any) -> str:
    try:
        return _string(library.nvmlDeviceGetName(handle))
    except library.NVMLError:
        return ''


def _string(value: str | bytes) -> str:
    return value.decode('ascii', 'replace') if isinstance(value, bytes) else value
