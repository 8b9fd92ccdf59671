"""The meter of a process: its sensors, read together, at any instant and once a second by a thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress

from hefted import host
from hefted.metering.counted import Counted
from hefted.metering.cpu_model import CpuModel
from hefted.metering.dram_model import DramModel
from hefted.metering.peers import Peers
from hefted.metering.process_tree import ProcessTree
from hefted.metering.reading import Component, Gap, RawReading
from hefted.metering.sensor import Sensor
from hefted.metering.share import Divided, Share
from hefted.metering.unseen import Unseen
from hefted.metering.unseen_count import UnseenCount
from hefted.metering.whole_machine import WholeMachine
from hefted.quantities import Quantity

_PATIENCE_SECONDS = 0.02
_CHANGE_SECONDS = 1.0  # the longest reading takes less
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
        self._counted = Counted((*models[0].sensors, models[1]) if models else ())
        self._unseen: UnseenCount | None = None
        self._clock = clock
        self._boot = boot
        self._tree = tree or ProcessTree()
        self._share = share or Share()
        self._peers = peers
        self._last = RawReading(clock(), 0.0)
        self._process = os.getpid()
        # Taken without waiting where that may not end: a signal's handler may find it held by the code it
        # interrupted.
        self._lock = threading.Lock()
        self._stuck: tuple[threading.Lock, float] | None = None  # a lock that could not be had, and since when
        self._ahead: float | None = None
        self._take_in(sensors, gaps)
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
            self._give_up(lock)
            return self._last
        self._stuck = None
        try:
            now, boot = self._clock(), self._boot()
            own, resident = self._used()
            instant = self._share.instant(now, own, resident)
            joules, machine = self._counted.read(instant)
            if self._unseen is not None:
                joules |= self._unseen.read(joules, self._share.occupied, self._share.doubtful)
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

    def _give_up(self, lock: threading.Lock) -> None:
        """A reading did not end in time; nobody's ever will if its lock is never let go."""
        now = self._clock()
        if self._stuck is None or self._stuck[0] is not lock:
            self._stuck = lock, now
        elif now - self._stuck[1] > _ORPHANED_SECONDS:
            self._lock = threading.Lock()

    def now(self) -> float:
        """The time by the clock of its readings."""
        return self._clock()

    def look(self) -> float:
        """Look at the process's children and at who else is metered (dearer than a reading); seconds that it took."""
        begun = time.perf_counter()
        with suppress(OSError):  # /proc was taken away meanwhile: what was seen last stands
            self._tree.look()
            if self.models is not None:
                self.models[0].look()
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

    def add(self, sensors: Iterable[Sensor | Divided], gaps: Iterable[Gap] = (), *, instead: bool = False) -> None:
        """Take in sensors that were found later; they count from now on.

        What reads the CPU or memory stands in for their models.

        Args:
            sensors: What is found.
            gaps: What could not be set up, and why.
            instead: Whether what reads the CPU or memory stands in for counters too, found before or after it.
        """
        sensors = list(sensors)
        if not sensors:
            self._take_in((), gaps)
            return
        with self._changing():
            self._take_in(sensors, gaps, instead)

    def _take_in(self, sensors: Iterable[Sensor | Divided], gaps: Iterable[Gap], instead: bool = False) -> None:
        self._counted.add(sensors, self._last.joules, instead=instead)
        self._counted.gaps += gaps
        self.version += 1

    def add_whole_machine(self, sensor: Sensor) -> None:
        """Take in a meter of the whole machine: what it tells beyond the parts is the unseen."""
        if self._counted.whole is not None:
            reason = 'The whole machine has a meter already; a second is not counted.'
            self.add([], [Gap(sensor.name, reason, self._last.monotonic)])
            return
        with self._changing():
            self._counted.add_whole(WholeMachine(sensor, self._counted.parts, self._renew))
            self.version += 1
        self.model_unseen(None)

    def model_unseen(self, model: Unseen | None) -> None:
        """Count what no sensor sees by a model from now on, or by none; passed over where a sensor tells it."""
        if self._counted.reads_unseen:
            model = None
        if model is None and self._unseen is None:
            return
        with self._changing():
            self._unseen = self._unseen or UnseenCount()
            self._unseen.read(self._last.joules, self._last.occupied, self._share.doubtful)  # from here on
            self._unseen.follow(model, self.accuracies)
            self.version += 1

    @property
    def reads_cpu(self) -> bool:
        """Whether the processors are read by a counter, rather than modelled."""
        return self._counted.reads_cpu

    def remove(self, name: str) -> None:
        """Count a sensor no more; what it counted stays, and what it stood in for counts again."""
        with self._changing():
            self._counted.remove(name, self._last.joules)
            self.version += 1

    @contextmanager
    def _changing(self) -> Generator[None]:
        """Between two readings, the one up to which what is replaced counts, and the one from which what comes does.

        None is under way meanwhile, or none that ends: it would count what is replaced twice.
        """
        self.read()
        lock = self._lock
        held = lock.acquire(timeout=_CHANGE_SECONDS)
        try:
            yield
        finally:
            if held:
                lock.release()
            self.read()

    def _renew(self) -> None:
        self.version += 1

    @property
    def names(self) -> list[str]:
        """Of the sensors that are counted now; a reading holds those that were replaced as well, standing still."""
        return [sensor.name for sensor in self._counted.sensors]

    @property
    def gpus(self) -> tuple[str, ...]:
        """What the GPUs that are read are called; of a slice of one, how large it is."""
        return tuple(_called(sensor) for sensor in self._counted.sensors if sensor.component == 'gpu')

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Component and accuracy of each sensor, and of the models that stand for the time before it."""
        found = self._counted.accuracies
        if self._unseen is not None:
            found |= self._unseen.accuracies
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
        return tuple(gap for gap in self._counted.all_gaps() if gap.end is None or gap.end > since)

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
            self._counted.gaps.append(Gap('machine', reason, self._last.monotonic, now))
        self._ahead = ahead


def _called(gpu: Sensor) -> str:
    """A GPU's name; a slice of NVIDIA's boards is told in sevenths, as its maker does."""
    name, share = getattr(gpu, 'device', '') or gpu.name, getattr(gpu, 'share', 1.0)
    return name if share == 1.0 else f'{name} MIG {round(7 * share)}g'
