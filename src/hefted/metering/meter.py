"""The meter of a process: its sensors, read together, at any instant and once a second by a thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from hefted import host
from hefted.metering.cpu_model import CpuModel
from hefted.metering.dram_model import DramModel
from hefted.metering.reading import Component, Gap, RawReading
from hefted.metering.sensor import Guard, Instant, Sensor
from hefted.metering.whole_machine import PartSoFar, WholeMachine
from hefted.quantities import Quantity

_PATIENCE_SECONDS = 0.02
_SUSPEND_SECONDS = 0.5
# Ctrl-C may strike between taking the lock and the `try`; then nobody would ever read again.
_ORPHANED_SECONDS = 5.0


class Meter:
    """Reads all sensors at once; never raises, never waits longer than a bounded sensor takes.

    Args:
        sensors: What is counted.
        clock: Seconds that never go back.
        boot: The clock that also counts suspends, or None.
        tree: CPU time and memory of the process and its children.
        gaps: What could not even be set up, and why.
        models: The models of CPU and memory, for the time before the meter was there.

    Attributes:
        version: Rises when sensors are added, or an accuracy changes.
        cost_seconds: CPU time that readings and the thread have cost so far.
    """

    def __init__(
        self,
        sensors: Iterable[Sensor],
        clock: Callable[[], float] = host.monotonic,
        *,
        boot: Callable[[], float | None] = host.boot_clock,
        tree: host.ProcessTree | None = None,
        gaps: Iterable[Gap] = (),
        models: tuple[CpuModel, DramModel] | None = None,
    ):
        self.version = 0
        self.cost_seconds = 0.0
        self._models = models
        self._guards: list[Guard | WholeMachine] = [Guard(sensor) for sensor in sensors]
        self._clock = clock
        self._boot = boot
        self._tree = tree or host.ProcessTree()
        self._gone: list[tuple[Sensor, float]] = []
        self._gaps = list(gaps)
        self._process = os.getpid()
        # Taken without waiting where that may not end: a signal's handler may find it held by the code it
        # interrupted.
        self._lock = threading.Lock()
        self._ahead: float | None = None
        self._last = RawReading(clock(), 0.0)
        self.read()

    def read(self) -> RawReading:
        """Read everything: cumulative joules by sensor since the meter was made, clocks, CPU time and memory.

        When another reading is under way and does not end, or in a fork's child, the last reading is given
        again.
        """
        begun, lock = time.perf_counter(), self._lock
        if os.getpid() != self._process:
            return self._last
        if not lock.acquire(timeout=_PATIENCE_SECONDS):
            if self._clock() - self._last.monotonic > _ORPHANED_SECONDS:
                self._lock = threading.Lock()
            return self._last
        try:
            now, boot = self._clock(), self._boot()
            instant = self._instant(now)
            joules = {sensor.name: joules for sensor, joules in self._gone}
            joules |= {guard.sensor.name: guard.read(instant) for guard in self._guards}
            self._find_suspend(now, boot)
            self._last = RawReading(
                now, boot if boot is not None else now, joules, instant.cpu_seconds, instant.resident_bytes, now
            )
            return self._last
        finally:
            self.cost_seconds += time.perf_counter() - begun
            lock.release()

    def look(self) -> float:
        """Look at the process's children (dearer than a reading); seconds that it took."""
        begun = time.perf_counter()
        with suppress(OSError):  # /proc was taken away meanwhile: what was seen last stands
            self._tree.look()
        return time.perf_counter() - begun

    def add(self, sensors: Iterable[Sensor], gaps: Iterable[Gap] = ()) -> None:
        """Take in sensors that were found later; they count from their first reading on.

        What reads the CPU or memory stands in for their models.
        """
        added = [Guard(sensor) for sensor in sensors]
        for guard in added:  # one that was counted before goes on
            guard.joules = next((joules for sensor, joules in self._gone if sensor.name == guard.sensor.name), 0.0)
        read = {guard.sensor.component for guard in added}
        models = (*self._models[0].sensors, self._models[1]) if self._models else ()
        self._drop(lambda sensor: sensor in models and sensor.component in read)
        # A meter of the whole machine is read after its parts.
        self._guards = sorted((*self._guards, *added), key=lambda guard: isinstance(guard, WholeMachine))
        self._gaps += gaps
        self.version += 1

    def add_whole_machine(self, sensor: Sensor) -> None:
        """Take in a meter of the whole machine: what it tells beyond the parts is the unseen."""
        if self.reads_whole_machine:
            reason = 'The whole machine has a meter already; a second is not counted.'
            self._gaps.append(Gap(sensor.name, reason, self._last.monotonic))
            return
        self._drop(lambda sensor: sensor.component == 'unseen')  # a model of what is now read
        self._guards = [*self._guards, WholeMachine(sensor, self._parts, self._renew)]
        self.version += 1

    def remove(self, name: str) -> None:
        """Count a sensor no more; what it counted stays."""
        self._drop(lambda sensor: sensor.name == name)
        self.version += 1

    def _drop(self, which: Callable[[Sensor], bool]) -> None:
        dropped = [guard for guard in self._guards if which(guard.sensor)]
        self._gaps += [gap for guard in dropped for gap in guard.gaps]
        self._gone += [(guard.sensor, guard.joules) for guard in dropped]
        self._guards = [guard for guard in self._guards if guard not in dropped]

    @property
    def reads_whole_machine(self) -> bool:
        """Whether a meter of the whole machine tells the unseen, so that no model of it is wanted."""
        return any(isinstance(guard, WholeMachine) for guard in self._guards)

    def _parts(self) -> dict[str, PartSoFar]:
        """What every sensor of a part of the machine has counted; models and slices are this process's alone."""
        models = (*self._models[0].sensors, self._models[1]) if self._models else ()
        parts: dict[str, PartSoFar] = {}
        for guard in self._guards:
            if isinstance(guard, Guard):
                whole = guard.sensor not in models and getattr(guard.sensor, 'share', 1.0) == 1.0
                parts[guard.sensor.name] = PartSoFar(guard.joules, guard.sensor.accuracy, whole)
        return parts

    def _renew(self) -> None:
        self.version += 1

    @property
    def names(self) -> list[str]:
        """Of the sensors that are counted now; a reading holds those that were replaced as well, standing still."""
        return [guard.sensor.name for guard in self._guards]

    @property
    def devices(self) -> dict[str, tuple[str, float]]:
        """Of the GPUs and other devices that tell it: what each is called, and which share of it this process has."""
        sensors = [guard.sensor for guard in self._guards if getattr(guard.sensor, 'device', '')]
        return {each.name: (getattr(each, 'device', ''), getattr(each, 'share', 1.0)) for each in sensors}

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Component and accuracy of each sensor, and of the models that stand for the time before it."""
        found: dict[str, tuple[Component, Quantity]] = {
            guard.sensor.name: (guard.sensor.component, guard.sensor.accuracy) for guard in self._guards
        }
        models = (*self._models[0].sensors, self._models[1]) if self._models else ()
        for part in (*models, *(sensor for sensor, _ in self._gone)):
            found.setdefault(part.name, (part.component, part.accuracy))
        return found

    def before(self, seconds: float, reading: RawReading) -> dict[str, float]:
        """Joules by sensor that the models give to the time from the process's start to a reading.

        Args:
            seconds: How long that was.
            reading: The reading at its end; memory is taken to have grown evenly up to what it was then.
        """
        if self._models is None:
            return {}
        cpu, memory = self._models
        return cpu.between(seconds, reading.cpu_seconds) | {
            memory.name: memory.between(seconds, reading.resident_bytes / 2)
        }

    def gaps(self, since: float) -> tuple[Gap, ...]:
        """The gaps that last until after an instant, in seconds of CLOCK_MONOTONIC, or still."""
        gaps = self._gaps + [gap for guard in self._guards for gap in guard.gaps]
        return tuple(gap for gap in gaps if gap.end is None or gap.end > since)

    def _instant(self, now: float) -> Instant:
        try:
            return Instant(now, self._tree.cpu_seconds(), self._tree.resident_bytes())
        except (OSError, ValueError, IndexError):  # /proc is gone, or no more files may be opened
            return Instant(now, max(host.process_cpu_seconds(), self._last.cpu_seconds), self._last.resident_bytes)

    def _find_suspend(self, now: float, boot: float | None) -> None:
        """The boot clock ran ahead of the other: the machine was suspended since the last reading."""
        if boot is None:
            return
        ahead = boot - now
        if self._ahead is not None and ahead - self._ahead > _SUSPEND_SECONDS:
            reason = f'The machine was suspended for {ahead - self._ahead:.0f} s, which no figure counts.'
            self._gaps.append(Gap('machine', reason, self._last.monotonic, now))
        self._ahead = ahead
