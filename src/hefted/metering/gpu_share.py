"""Whose a GPU is that several processes use, by what NVML tells of each.

What work added to its power goes by the time for which a process's kernels ran (`smUtil`), what it takes idle by the
memory that is held. Where the driver tells less, less is known, and that is said:

    only this process's own on it          all of it
    nobody                                 an even part of the processes that are metered here: it idles for all
    others only, which can be seen here    nothing: this process does not use it
    their numbers are another container's  an even part: 1 / n of those that are listed
    not told at all                        all of it

The library is handed in. Not tried on hardware here: the tests hand in one that answers as NVML does.

Source: NVIDIA Management Library reference: nvmlDeviceGetComputeRunningProcesses, nvmlDeviceGetProcessUtilization.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant, Part, Sensor
from hefted.quantities import Quantity

_LOOK_SECONDS = 1.0
_WHOLE = Part(1.0, 1.0)


class GpuShare:
    """This process's part of one GPU.

    Args:
        library: NVML, started: `pynvml`, or what answers as it does.
        handle: The device.
        own: The numbers of this process and its descendants.
        exists: Whether a process with a number can be seen from here.

    Attributes:
        part: The part, as it was at the last look.
        said: What an auditor should know about it, in a sentence; None where it is plain.
    """

    __slots__ = ('_exists', '_handle', '_library', '_own', '_since', 'part', 'said')

    def __init__(
        self,
        library: Any,
        handle: Any,
        own: Callable[[], frozenset[int]],
        exists: Callable[[int], bool] = lambda pid: os.path.exists(f'/proc/{pid}'),  # noqa: PTH110
    ):
        self.part = _WHOLE
        self.said: str | None = None
        self._library = library
        self._handle = handle
        self._own = own
        self._exists = exists
        self._since = 0  # microseconds, of the newest sample of utilisation

    def look(self, meters: int = 1) -> None:
        """Ask NVML who uses the device.

        Args:
            meters: How many processes are metered on this machine, this one among them.
        """
        try:
            listed = self._library.nvmlDeviceGetComputeRunningProcesses(self._handle)
            memory = {int(process.pid): int(process.usedGpuMemory or 0) for process in listed}
        except self._library.NVMLError as error:
            self.part = _WHOLE
            self.said = f'NVML does not tell who uses it ({error}): all of it is charged to this run.'
            return
        self.said = None
        own = self._own() & memory.keys()
        if not memory:
            self.part = Part(1 / meters, 1 / meters)
        elif own == memory.keys():
            self.part = _WHOLE
        elif own:
            by_memory = _fraction(memory, own)
            by_time = _fraction(self._busy(), own)
            idle = len(own) / len(memory) if by_memory is None else by_memory
            self.part = Part(idle if by_time is None else by_time, idle)
        elif any(map(self._exists, memory)):
            self.part = Part(0.0, 0.0)
        else:
            self.part = Part(1 / len(memory), 1 / len(memory))
            self.said = f'{len(memory)} processes use it, which cannot be told apart here: each has an even part.'

    def _busy(self) -> dict[int, int]:
        """Utilisation of the multiprocessors by process, summed over the samples since the last look."""
        try:
            samples = self._library.nvmlDeviceGetProcessUtilization(self._handle, self._since)
        except self._library.NVMLError:  # none were taken yet, or this GPU does not tell
            return {}
        found: dict[int, int] = {}
        for sample in samples:
            self._since = max(self._since, int(sample.timeStamp))
            found[int(sample.pid)] = found.get(int(sample.pid), 0) + int(sample.smUtil)
        return found


def _fraction(amounts: dict[int, int], own: frozenset[int]) -> float | None:
    """What own processes have of amounts by process; None where there are none."""
    whole = sum(amounts.values())
    return sum(amount for pid, amount in amounts.items() if pid in own) / whole if whole else None


class Watched:
    """A GPU's sensor that also looks, once a second, at who uses it: in the thread that may hang in the driver.

    Args:
        sensor: The sensor.
        share: Who looks.
    """

    __slots__ = ('_look_at', '_sensor', '_share', 'accuracy', 'component', 'counts_always', 'device', 'name', 'share')

    def __init__(self, sensor: Sensor, share: GpuShare):
        self.name: str = sensor.name
        self.component: Component = sensor.component
        self.accuracy: Quantity = sensor.accuracy
        self.counts_always: bool = sensor.counts_always
        self.device: str = getattr(sensor, 'device', '')
        self.share: float = getattr(sensor, 'share', 1.0)  # of its board, where it is a slice of one
        self._sensor = sensor
        self._share = share
        self._look_at = 0.0

    def read(self, instant: Instant) -> float:
        if instant.monotonic >= self._look_at:
            self._look_at = instant.monotonic + _LOOK_SECONDS
            self._share.look(instant.meters)
        return self._sensor.read(instant)
