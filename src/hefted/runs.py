"""One metered piece of work: opens the meter, prices its readings, keeps the journal.

    with hefted.meter('preprocessing') as m:
        ...
    print(m.footprint.energy)

No method of a run raises or blocks: what a sensor or a disk fails at becomes a gap with its reason. Runs belong to the
innermost `meter(...)` around them, else to the process, so many fits in a loop are parts of one thing with a total.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

from hefted import host, settings
from hefted.errors import ArgumentError
from hefted.footprint import account, grid, place as places
from hefted.footprint.account import START_UP, rebuild
from hefted.footprint.footprint import Footprint
from hefted.identifiers import uuid7
from hefted.ledger.journal import Journal, writer_cost_seconds
from hefted.metering.discover import add_gpus, discover
from hefted.metering.meter import Meter
from hefted.metering.reading import Gap, RawReading
from hefted.metering.sampler import Sampler
from hefted.quantities import Quantity

__all__ = ['NullRun', 'ProcessTotal', 'Run', 'Status', 'Tick', 'meter', 'process', 'rebuild', 'start']

Status = Literal['finished', 'stopped', 'failed', 'interrupted']

_FRESH_SECONDS = 0.1  # a tick reads the sensors at most so often
_LINE_SECONDS = 1.0  # and a long run's journal has a line at most so often


class Tick(NamedTuple):
    """What a loop tells its listeners at the edge of a chunk.

    Attributes:
        step: Steps done.
        epoch: The epoch.
        logs: Loss and metrics.
        energy: J so far, start-up counted; None where nothing is metered.
        power: W over the last tenth of a second or more; None until there is one.
        carbon: g CO2e so far.
        seconds: Since the run began.
    """

    step: int
    epoch: int
    logs: Mapping[str, Any]
    energy: float | None = None
    power: float | None = None
    carbon: float | None = None
    seconds: float = 0.0


class ProcessTotal(NamedTuple):
    """What the runs of this process come to so far.

    Attributes:
        run: The id that they have as their parent.
        count: How many have ended.
        energy: Of those, in J; None where nothing was metered.
    """

    run: str
    count: int
    energy: Quantity | None


class Run:
    """A run that is metered; made by `start`.

    Attributes:
        id: A UUIDv7.
        footprint: What it took; None until it has ended.
        meter_cost: Seconds of CPU time that metering it has cost: calls, the meter's thread and the journal's.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        place: places.Place,
        meter: Meter,
        parent: str,
        *,
        attempt: int = 1,
        start_up_from: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ):
        begun = time.perf_counter()
        self.id = uuid7()
        self.footprint: Footprint | None = None
        self._place = place
        self._intensity = grid.intensity(place)
        self._meter = meter
        self._meter_version = meter.version
        self._accuracies = meter.accuracies
        self._elsewhere = _thread_costs()
        self._phase = 'run'
        self._edges = 0  # rises at each phase's edge, so that the meter's thread never writes across one
        self._shares = account.Shares()
        self._step: int | None = None
        self._epoch: int | None = None
        self._first = self._last = meter.read()
        self._began = self._last.monotonic
        start_up = self._start_up(start_up_from)
        self._before = account.central_joules(start_up['joules'], self._accuracies) or 0.0 if start_up else 0.0
        self._fresh_at = self._written_at = self._began
        self._window = (self._began, self._before)
        self._figures: tuple[float | None, float | None, float | None] = (None, None, None)
        self._gaps_told = 0
        self._journal = Journal.open(
            self.id,
            {
                'parent': parent,
                'attempt': attempt,
                'kind': kind,
                'name': name,
                'started': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
                'versions': _versions(),
                'attributes': dict(attributes or {}),
                'place': place,
                'intensity': self._intensity,
                'sensors': _told(self._accuracies),
                'start': _counters(self._last),
                'start_up': start_up,
                'gaps': self._gaps(),
            },
        )
        self._cost = time.perf_counter() - begun

    @property
    def journal_failure(self) -> str | None:
        """Why the journal could not be kept, in a sentence; None when it is kept."""
        return self._journal.failure

    @property
    def meter_cost(self) -> float:
        """Seconds of CPU time that metering this run has cost so far."""
        return self._cost + _thread_costs() - self._elsewhere

    def enter(self, phase: str) -> None:
        """Begin a phase; what was used since the last edge goes to the phase that ends."""
        if phase == self._phase or self.footprint is not None:
            return
        begun = time.perf_counter()
        self._edges += 1
        reading = self._meter.read()
        if reading.monotonic > self._last.monotonic or self._phase != 'run':
            self._give(reading)
            self._write(reading, enter=phase)
        self._phase = phase
        self._cost += time.perf_counter() - begun

    def tick(self, step: int, epoch: int = 0, logs: Mapping[str, Any] | None = None) -> Tick:
        """Tell how far the run is, and what it took so far.

        Args:
            step: Steps done.
            epoch: The epoch.
            logs: Loss and metrics, as floats.

        Returns:
            The figures; those of the last reading when that is under a tenth of a second old.
        """
        begun = time.perf_counter()
        self._step, self._epoch = step, epoch
        logs = {} if logs is None else logs
        now = host.monotonic()
        if now - self._fresh_at >= _FRESH_SECONDS and self.footprint is None:
            reading = self._meter.read()
            self._give(reading)
            self._weigh(now)
            if now - self._written_at >= min(_LINE_SECONDS, (now - self._began) / 100):
                self._write(reading, logs=dict(logs))
        self._cost += time.perf_counter() - begun
        return Tick(step, epoch, logs, *self._figures, now - self._began)

    def finish(self, status: Status = 'finished', error: BaseException | None = None) -> Footprint:
        """End the run, once; again, it says the same.

        Args:
            status: 'finished', 'stopped' (a budget, a callback, Ctrl-C), 'failed' or 'interrupted'.
            error: What ended it; the journal keeps the name of its type only.

        Returns:
            What the run took.
        """
        if self.footprint is not None:
            return self.footprint
        begun = time.perf_counter()
        reading = self._meter.read()
        self._give(reading)
        self._renew_accuracies()
        self.footprint = account.footprint(
            self._shares, self._accuracies, self._place, self._intensity, self._gaps()
        )
        _process.close(self, self._shares, self._accuracies)
        self._write(
            reading,
            end=True,
            status=status,
            error=None if error is None else type(error).__name__,
            meter_cost=self.meter_cost,
            footprint=self.footprint,  # turned into JSON by the journal's thread
        )
        self._journal.close()
        self._cost += time.perf_counter() - begun
        return self.footprint

    def beat(self, reading: RawReading) -> None:
        """Called by the meter's thread each second: a run that does not tick is kept as well."""
        edges = self._edges
        if reading.monotonic - self._written_at >= _LINE_SECONDS and self.footprint is None:
            line = self._line(reading)
            if edges == self._edges:
                self._journal.write(line)
                self._written_at = reading.monotonic

    def _start_up(self, since: float | None) -> dict[str, Any] | None:
        """What the process took before its first run, as the models see it."""
        if since is None or since >= self._began:
            return None
        seconds = self._began - since
        joules = self._meter.before(seconds, self._last)
        self._shares.add(START_UP, seconds, joules)
        return {'seconds': seconds, 'joules': joules}

    def _give(self, reading: RawReading) -> None:
        """Give the present phase what was used since the last reading."""
        last = self._last
        if reading.monotonic >= last.monotonic:
            self._shares.add_between(
                self._phase, reading.monotonic - last.monotonic, last.joules, reading.joules
            )
            self._last = reading

    def _weigh(self, now: float) -> None:
        """Renew the figures of ticks from the last reading."""
        self._fresh_at = now
        self._renew_accuracies()
        used = account.central_joules(self._last.joules, self._accuracies)
        if used is None:
            return
        origin = account.central_joules(self._first.joules, self._accuracies) or 0.0
        energy = self._before + used - origin
        since, earlier = self._window
        seconds = self._last.monotonic - since
        power = (energy - earlier) / seconds if seconds > 0 else None
        self._window = (self._last.monotonic, energy)
        self._figures = (energy, power, energy * self._intensity.value / 3.6e6)

    def _renew_accuracies(self) -> None:
        if self._meter.version != self._meter_version:
            self._meter_version = self._meter.version
            self._accuracies = self._meter.accuracies
            self._journal.write({'sensors': _told(self._accuracies)})

    def _gaps(self) -> tuple[Gap, ...]:
        return self._meter.gaps(self._began)

    def _write(self, reading: RawReading, **more: Any) -> None:
        self._written_at = reading.monotonic
        self._journal.write(self._line(reading) | more)

    def _line(self, reading: RawReading) -> dict[str, Any]:
        line = {'phase': self._phase, 'step': self._step, 'epoch': self._epoch, **_counters(reading)}
        gaps = self._gaps()
        if len(gaps) != self._gaps_told:
            self._gaps_told = len(gaps)
            line['gaps'] = gaps
        return line


class NullRun:
    """A run that is not metered: the same methods, no figures."""

    id = ''
    footprint = None
    journal_failure = None
    meter_cost = 0.0

    def enter(self, phase: str) -> None:
        """Do nothing."""

    def tick(self, step: int, epoch: int = 0, logs: Mapping[str, Any] | None = None) -> Tick:
        """Tell how far the run is, without figures."""
        return Tick(step, epoch, {} if logs is None else logs)

    def finish(self, status: Status = 'finished', error: BaseException | None = None) -> None:
        """Do nothing."""


def start(
    kind: str,
    *,
    name: str,
    place: places.Place | str | None = None,
    meter: Meter | Literal['auto'] | None = 'auto',
    attributes: Mapping[str, Any] | None = None,
    attempt: int = 1,
) -> Run | NullRun:
    """Start a run.

    The first of a process also takes on what the process used before it, as the phase 'start-up'.

    Args:
        kind: Such as 'fit' or 'evaluate'.
        name: What it is called, such as the model's name.
        place: Where it runs; None for what is set, else the world.
        meter: 'auto' for the process's own meter, None for none, or a meter.
        attributes: What else the journal should hold; no paths, arguments or names of people.
        attempt: Which attempt it is, from 1.

    Returns:
        The run; one that does nothing when metering is off (`meter=None`, HEFTED_METER=off), and in a fork's child,
        whose parent counts it.

    Raises:
        ArgumentError: If an argument or a setting is wrong.
    """
    if meter is not None and meter != 'auto' and not isinstance(meter, Meter):
        raise ArgumentError(
            f"meter: expected 'auto', None or a Meter, received {meter!r}. Pass None to run without metering."
        )
    mode = settings.meter_mode()
    if mode == 'off' or (meter is None and mode != 'on') or _process.forked_in_run:
        return NullRun()
    where = places.find(place)
    return _process.open(kind, name, where, meter if isinstance(meter, Meter) else None, attributes, attempt)


@contextmanager
def meter(name: str, *, place: places.Place | str | None = None) -> Iterator[Run | NullRun]:
    """Meter a piece of work; runs inside it become its parts.

    Args:
        name: What it is called.
        place: Where it runs; None for what is set, else the world.

    Yields:
        The run: afterwards `.footprint` tells what it took (None when metering is off).

    Raises:
        ArgumentError: If the place is not known.

    Example:
        >>> with meter('sum') as m:
        ...     answer = sum(range(10))
        >>> m.footprint is None or m.footprint.duration.value > 0
        True
    """
    run = start('meter', name=name, place=place)
    around = _parent.set(run.id or _parent.get())
    try:
        yield run
    except BaseException as error:
        run.finish('failed' if isinstance(error, Exception) else 'stopped', error)
        raise
    finally:
        _parent.reset(around)
        run.finish('finished')


def process() -> ProcessTotal:
    """Tell what the runs of this process come to so far; those inside a `meter(...)` are counted there, once.

    Example:
        >>> process().count >= 0
        True
    """
    return _process.total()


_parent: ContextVar[str] = ContextVar('hefted_parent', default='')


class _Process:
    """What the runs of one process share: its meter, its thread, and their total."""

    def __init__(self, *, forked_in_run: bool = False):
        self.forked_in_run = forked_in_run
        self.id = uuid7()
        self.runs: dict[Run, None] = {}
        self.sampler: Sampler | None = None
        self._meter: Meter | None = None
        self._started = False
        self._count = 0
        self._nested: set[Run] = set()
        self._joules: dict[str, float] = {}
        self._accuracies: account.Accuracies = {}

    def open(
        self,
        kind: str,
        name: str,
        place: places.Place,
        meter: Meter | None,
        attributes: Mapping[str, Any] | None,
        attempt: int,
    ) -> Run:
        # Taken once: a fork's child counts from its own start.
        since = None if self._started else host.process_started()
        self._started = True
        if meter is None:
            if self._meter is None:
                self._meter = discover()
                self.sampler = Sampler(self._meter, self._beat, self._wanted, prepare=self._prepare)
            meter = self._meter
        parent = _parent.get()
        run = Run(
            kind, name, place, meter, parent or self.id, attempt=attempt, start_up_from=since, attributes=attributes
        )
        self.runs[run] = None
        if parent:
            self._nested.add(run)
        if meter is self._meter and self.sampler is not None:
            self.sampler.ensure()
        return run

    def close(self, run: Run, shares: account.Shares, accuracies: account.Accuracies) -> None:
        self.runs.pop(run, None)
        if run in self._nested:
            self._nested.discard(run)
            return
        self._count += 1
        self._accuracies = {**self._accuracies, **accuracies}
        for used in shares.joules.values():
            for sensor, joules in used.items():
                self._joules[sensor] = self._joules.get(sensor, 0.0) + joules

    def total(self) -> ProcessTotal:
        return ProcessTotal(self.id, self._count, account.energy_of(self._joules, self._accuracies))

    def _wanted(self) -> bool:
        return bool(self.runs)

    def _prepare(self) -> None:
        if self._meter is not None:
            add_gpus(self._meter)

    def _beat(self, reading: RawReading) -> None:
        for run in list(self.runs):
            run.beat(reading)


_process = _Process()


def _forked() -> None:
    """In a fork's child: nothing of the parent's is ours, and what it meters covers us."""
    global _process
    _process = _Process(forked_in_run=bool(_process.runs) or _process.forked_in_run)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forked)


def _thread_costs() -> float:
    return (_process.sampler.cost_seconds if _process.sampler else 0.0) + writer_cost_seconds()


def _counters(reading: RawReading) -> dict[str, Any]:
    return {
        'monotonic': reading.monotonic,
        'boot': reading.boot,
        'joules': reading.joules,
        'cpu_seconds': reading.cpu_seconds,
        'resident_bytes': reading.resident_bytes,
    }


def _told(accuracies: account.Accuracies) -> dict[str, Any]:
    return {
        name: {'component': component, 'accuracy': accuracy} for name, (component, accuracy) in accuracies.items()
    }


def _versions() -> dict[str, str]:
    """Versions of what is imported already; nothing is imported to ask."""
    told = {'python': sys.version.split()[0]}
    for name in ('hefted', 'jax'):
        version = getattr(sys.modules.get(name), '__version__', None)
        if isinstance(version, str):
            told[name] = version
    return told
