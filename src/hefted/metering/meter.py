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
from hefted.metering.peers import Peers
from hefted.metering.process_tree import ProcessTree
from hefted.metering.reading import Component, Gap, RawReading
from hefted.metering.sensor import Guard, Sensor
from hefted.metering.share import Divided, Share
from hefted.metering.unseen import Unseen
from hefted.metering.unseen_count import UnseenCount
from hefted.metering.whole_machine import PartSoFar, WholeMachine
from hefted.quantities import Quantity

_PATIENCE_SECONDS = 0.02
_SUSPEND_SECONDS = 0.5
# Ctrl-C may strike between taking the lock and the `try`; then nobody would ever read again.
_ORPHANED_SECONDS = 5.0


class Meter:
    """Reads all sensors at once; never raises, never waits longer than a bounded sensor takes.

    Args:
        sensors: What is counted; those that count a whole machine are handed in `Divided`.
        clock: Seconds that never go back.
        boot: The clock that also counts suspends, or None.
        tree: CPU time and memory of the process and its children.
        share: What part of the machine is this process's; None for all of it.
        peers: The processes that are metered on this machine; None where nobody asks.
        gaps: What could not even be set up, and why.
        models: The models of CPU and memory, for the time before the meter was there.

    Attributes:
        models: As given.
        version: Rises when sensors are added, or an accuracy changes.
        cost_seconds: CPU time that readings and the thread have cost so far.
    """

    def __init__(
        self,
        sensors: Iterable[Sensor | Divided],
        clock: Callable[[], float] = host.monotonic,
        *,
        boot: Callable[[], float | None] = host.boot_clock,
        tree: ProcessTree | None = None,
        share: Share | None = None,
        peers: Peers | None = None,
        gaps: Iterable[Gap] = (),
        models: tuple[CpuModel, DramModel] | None = None,
    ):
        self.version = -1
        self.cost_seconds = 0.0
        self.models = models
        self._guards: list[Guard] = []
        self._divided: list[Divided] = []
        self._whole: WholeMachine | None = None
        self._unseen: UnseenCount | None = None
        self._gone: dict[str, tuple[Component, Quantity, float]] = {}  # what was replaced, and its joules
        self._clock = clock
        self._boot = boot
        self._tree = tree or ProcessTree()
        self._share = share or Share()
        self._peers = peers
        self._gaps: list[Gap] = []
        self._last = RawReading(clock(), 0.0)
        self.add(sensors, gaps)
        self._process = os.getpid()
        # Taken without waiting where that may not end: a signal's handler may find it held by the code it
        # interrupted.
        self._lock = threading.Lock()
        self._ahead: float | None = None
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
            own, resident = self._used()
            instant = self._share.instant(now, own, resident)
            joules = {guard.sensor.name: guard.read(instant) for guard in self._guards}
            machine: dict[str, float] = {}
            for counter in self._divided:
                joules |= counter.read(instant)
                machine[counter.name] = counter.guard.joules
            if self._whole is not None:  # after its parts
                joules[self._whole.sensor.name] = self._whole.read(instant)
            for name, (_, _, counted) in self._gone.items():
                joules[name] = joules.get(name, 0.0) + counted
            if self._unseen is not None:
                joules |= self._unseen.read(joules, self._share.occupied)
            self._find_suspend(now, boot)
            self._last = RawReading(
                now,
                boot if boot is not None else now,
                joules,
                own,
                resident,
                self._share.occupied,
                machine,
                instant.others_seconds,
                instant.meters,
            )
            return self._last
        finally:
            self.cost_seconds += time.perf_counter() - begun
            lock.release()

    def now(self) -> float:
        """The time by the clock of its readings."""
        return self._clock()

    def look(self) -> float:
        """Look at the process's children and at who else is metered (dearer than a reading); seconds that it took."""
        begun = time.perf_counter()
        with suppress(OSError):  # /proc was taken away meanwhile: what was seen last stands
            self._tree.look()
            if self._peers is not None:
                self._share.meters = self._peers.count(self._tree.pids)
        return time.perf_counter() - begun

    def rest(self) -> None:
        """Nobody needs it for now: other processes that are metered here need not count this one."""
        if self._peers is not None:
            self._peers.leave()

    @property
    def pids(self) -> frozenset[int]:
        """The process and its descendants, when they were last looked at."""
        return self._tree.pids

    def add(self, sensors: Iterable[Sensor | Divided], gaps: Iterable[Gap] = ()) -> None:
        """Take in sensors that were found later; they count from their first reading on.

        What reads the CPU or memory stands in for their models.
        """
        sensors = list(sensors)
        read = {_undivided(sensor).component for sensor in sensors}
        models = (*self.models[0].sensors, self.models[1]) if self.models else ()
        self._drop(lambda sensor: sensor in models and sensor.component in read)
        self._guards = [*self._guards, *(Guard(sensor) for sensor in sensors if not isinstance(sensor, Divided))]
        self._divided = [*self._divided, *(sensor for sensor in sensors if isinstance(sensor, Divided))]
        self._gaps += gaps
        self.version += 1

    def add_whole_machine(self, sensor: Sensor) -> None:
        """Take in a meter of the whole machine: what it tells beyond the parts is the unseen."""
        if self._whole is not None:
            reason = 'The whole machine has a meter already; a second is not counted.'
            self._gaps.append(Gap(sensor.name, reason, self._last.monotonic))
            return
        self._drop(lambda sensor: sensor.component == 'unseen')  # a model of what is now read
        self._whole = WholeMachine(sensor, self._parts, self._renew)
        if self._unseen is not None:
            self._unseen.follow(None, {})
        self.version += 1

    def model_unseen(self, model: Unseen) -> None:
        """Count what no sensor sees by a model; passed over where a meter of the whole machine tells it."""
        if self._whole is None:
            self._unseen = self._unseen or UnseenCount()
            self._unseen.read(self._last.joules, self._last.occupied)  # from here on
            self._unseen.follow(model, self.accuracies)
            self.version += 1

    @property
    def reads_cpu(self) -> bool:
        """Whether the processors are read by a counter, rather than modelled."""
        models = self.models[0].sensors if self.models else ()
        read = (_guard_of(each).sensor for each in self._everything())
        return any(sensor.component == 'cpu' and sensor not in models for sensor in read)

    def remove(self, name: str) -> None:
        """Count a sensor no more; what it counted stays."""
        self._drop(lambda sensor: sensor.name == name)
        self.version += 1

    def _drop(self, which: Callable[[Sensor], bool]) -> None:
        """Count some sensors no more, and keep what they counted."""
        dropped = [each for each in self._everything() if which(_guard_of(each).sensor)]
        for each in dropped:
            guard = _guard_of(each)
            self._gaps += each.gaps
            told: dict[str, tuple[Component, Quantity]] = {
                guard.sensor.name: (guard.sensor.component, guard.sensor.accuracy)
            }
            if isinstance(each, Divided):
                told = each.accuracies
            for name, (component, accuracy) in told.items():
                self._gone[name] = component, accuracy, self._last.joules.get(name, 0.0)
        self._guards = [guard for guard in self._guards if guard not in dropped]
        self._divided = [counter for counter in self._divided if counter not in dropped]
        self._whole = None if self._whole in dropped else self._whole

    def _everything(self) -> list[Guard | Divided | WholeMachine]:
        return [*self._guards, *self._divided, *([] if self._whole is None else [self._whole])]

    @property
    def reads_whole_machine(self) -> bool:
        """Whether a meter of the whole machine tells the unseen, so that no model of it is wanted."""
        return self._whole is not None

    def _parts(self) -> dict[str, PartSoFar]:
        """What every sensor of a part of the machine has counted; models and slices are this process's alone."""
        models = (*self.models[0].sensors, self.models[1]) if self.models else ()
        parts: dict[str, PartSoFar] = {}
        for guard in (*self._guards, *(counter.guard for counter in self._divided)):
            if guard.sensor.component in ('network', 'storage'):  # elsewhere: no meter of this machine has it
                continue
            whole = guard.sensor not in models and getattr(guard.sensor, 'share', 1.0) == 1.0
            parts[guard.sensor.name] = PartSoFar(guard.joules, guard.sensor.accuracy, whole)
        return parts

    def _renew(self) -> None:
        self.version += 1

    @property
    def names(self) -> list[str]:
        """Of the sensors that are counted now; a reading holds those that were replaced as well, standing still."""
        return [_guard_of(each).sensor.name for each in self._everything()]

    @property
    def devices(self) -> dict[str, tuple[str, float]]:
        """Of the GPUs and other devices that tell it: what each is called, and which share of it this process has."""
        sensors = [sensor for each in self._everything() if getattr(sensor := _guard_of(each).sensor, 'device', '')]
        return {each.name: (getattr(each, 'device', ''), getattr(each, 'share', 1.0)) for each in sensors}

    @property
    def gpus(self) -> tuple[str, ...]:
        """What the GPUs that are read are called; of a slice of one, how large it is."""
        found = (_guard_of(each).sensor for each in self._everything())
        return tuple(_called(sensor) for sensor in found if sensor.component == 'gpu')

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Component and accuracy of each sensor, and of the models that stand for the time before it."""
        found: dict[str, tuple[Component, Quantity]] = {
            guard.sensor.name: (guard.sensor.component, guard.sensor.accuracy) for guard in self._guards
        }
        for counter in self._divided:
            found |= counter.accuracies
        if self._whole is not None:
            found[self._whole.sensor.name] = self._whole.sensor.component, self._whole.sensor.accuracy
        if self._unseen is not None:
            found |= self._unseen.accuracies
        for name, (component, accuracy, _) in self._gone.items():
            found.setdefault(name, (component, accuracy))
        for part in (*self.models[0].sensors, self.models[1]) if self.models else ():
            found.setdefault(part.name, (part.component, part.accuracy))
        return found

    def before(self, seconds: float, reading: RawReading) -> dict[str, float]:
        """Joules by sensor that the models give to the time from the process's start to a reading.

        Args:
            seconds: How long that was.
            reading: The reading at its end; memory is taken to have grown evenly up to what it was then.
        """
        if self.models is None:
            return {}
        cpu, memory = self.models
        # Those that are metered beside this one are taken to have begun as it did.
        others = (self._share.meters - 1) * reading.cpu_seconds
        return cpu.between(seconds, reading.cpu_seconds, others, self._share.meters) | {
            memory.name: memory.between(seconds, reading.resident_bytes / 2)
        }

    def gaps(self, since: float) -> tuple[Gap, ...]:
        """The gaps that last until after an instant, in seconds of CLOCK_MONOTONIC, or still."""
        gaps = self._gaps + [gap for each in self._everything() for gap in each.gaps]
        return tuple(gap for gap in gaps if gap.end is None or gap.end > since)

    def _used(self) -> tuple[float, int]:
        """CPU seconds and resident bytes of the process and its children."""
        try:
            return self._tree.cpu_seconds(), self._tree.resident_bytes()
        except (OSError, ValueError, IndexError):  # /proc is gone, or no more files may be opened
            return max(host.process_cpu_seconds(), self._last.cpu_seconds), self._last.resident_bytes

    def _find_suspend(self, now: float, boot: float | None) -> None:
        """The boot clock ran ahead of the other: the machine was suspended since the last reading."""
        if boot is None:
            return
        ahead = boot - now
        if self._ahead is not None and ahead - self._ahead > _SUSPEND_SECONDS:
            reason = f'The machine was suspended for {ahead - self._ahead:.0f} s, which no figure counts.'
            self._gaps.append(Gap('machine', reason, self._last.monotonic, now))
        self._ahead = ahead


def _undivided(sensor: Sensor | Divided) -> Sensor:
    return sensor.guard.sensor if isinstance(sensor, Divided) else sensor


def _guard_of(each: Guard | Divided | WholeMachine) -> Guard | WholeMachine:
    return each.guard if isinstance(each, Divided) else each


def _called(gpu: Sensor) -> str:
    """A GPU's name; a slice of NVIDIA's boards is told in sevenths, as its maker does."""
    name, share = getattr(gpu, 'device', '') or gpu.name, getattr(gpu, 'share', 1.0)
    return name if share == 1.0 else f'{name} MIG {round(7 * share)}g'
