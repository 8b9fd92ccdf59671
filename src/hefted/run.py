"""A run: what is read between its start and its end, phase by phase, priced and kept in its journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hefted import host, run_lines
from hefted.errors import ArgumentError
from hefted.footprint import account
from hefted.footprint.account import IDLE, START_UP
from hefted.footprint.factors import factors_for
from hefted.footprint.footprint import Footprint
from hefted.footprint.phases import Phases
from hefted.footprint.place import Place
from hefted.footprint.repricing import Repricing
from hefted.footprint.splitting import Slice, still
from hefted.identifiers import uuid7
from hefted.ledger.journal import Journal, writer_cost_seconds
from hefted.metering.discover import machine_of
from hefted.metering.meter import Meter
from hefted.metering.reading import Gap, RawReading
from hefted.run_figures import Figures, start_up_of
from hefted.run_ticks import NullRun, Status, Tick

if TYPE_CHECKING:
    from hefted.footprint.repricing import Tells

__all__ = ['NullRun', 'Run', 'Status', 'Tick']

_FRESH_SECONDS = 0.1  # a tick reads the sensors at most so often
_EDGE_SECONDS = 0.01  # phases that follow one another faster are told apart by their time alone
_UNNAMED = 'run'
_ANSWER_SECONDS = 0.05  # a disk that has not answered by then is not waited for
_LINE_SECONDS = 1.0  # and a journal has a line at most so often; more often at first, as most runs are short


class Run:
    """A run that is metered; made by `start`.

    Args:
        kind: Such as 'fit'.
        name: What it is called.
        place: Where it runs.
        meter: What it is read by.
        parent: The id of what it is a part of.
        attempt: Which attempt it is, from 1.
        resumes: The id of the first attempt's run.
        start_up_from: When the process began, in seconds of CLOCK_MONOTONIC, if the run takes on its start-up.
        attributes: What else the journal should hold.
        thread_costs: CPU time of the threads that meter and write, in seconds so far.
        ended: Told once, when the run has ended.
        grid: Tells the grid's intensity of this hour; None for the tables' alone.

    Attributes:
        id: A UUIDv7.
        parent, kind, meter: As given.
        shares: Seconds and joules by phase, so far.
        accuracies: Of the sensors.
        told: What the journal was told by `tell`.
        group: Which of several processes that train together it is of; None for one alone.
        others: What the others' runs of the same training came to, once that is known (`hefted.footprint.group`).
    """

    def __init__(
        self,
        kind: str,
        name: str,
        place: Place,
        meter: Meter,
        parent: str,
        *,
        attempt: int = 1,
        resumes: str | None = None,
        start_up_from: float | None = None,
        attributes: Mapping[str, Any] | None = None,
        thread_costs: Callable[[], float] = writer_cost_seconds,
        ended: Callable[[Run], None] | None = None,
        grid: Tells | None = None,
    ):
        begun = time.thread_time()
        self.id, self.parent, self.kind = uuid7(), parent, kind
        self._footprint: Footprint | None = None
        self._over = False
        self._place = place
        self._machine = machine_of(meter)
        self._grid = Repricing(grid)
        self.told: dict[str, Any] = {}
        self.group = run_lines.group(kind)
        self.others: list[dict[str, Any]] = []
        self._factors = self._grid.first(factors_for(place, self._machine))
        self.meter = meter
        self._meter_version: int = meter.version
        self.accuracies = meter.accuracies
        self._thread_costs = thread_costs
        self._ended = ended
        self._elsewhere = thread_costs()
        self._phases = Phases()
        self._edges = 0  # rises at each phase's edge, so that the meter's thread never writes across one
        self._worked_in = ''  # the phase since the journal's last line in which something was the run's
        self.shares = account.Shares()
        self._step: int | None = None
        self._epoch: int | None = None
        self._first = meter.read()
        self._slice = Slice(self._first)
        self._began = self._first.monotonic
        start_up = start_up_of(meter, start_up_from, self._first)
        if start_up:
            self.shares.add(START_UP, **start_up)
        before = account.central_joules(start_up['joules'], self.accuracies) or 0.0 if start_up else 0.0
        self._fresh_at = self._written_at = self._began
        self._figures = Figures(self._began, before)
        self._gaps_told = self._gaps()
        self._journal = Journal.open(
            self.id,
            {
                **run_lines.who(parent, attempt, resumes, kind, name, attributes, self.group),
                'place': place,
                'machine': self._machine.to_json(),
                'factors': self._factors,
                'sensors': run_lines.told(self.accuracies),
                'start': self._first._asdict(),
                'start_up': start_up,
                'gaps': [gap.to_json() for gap in self._gaps_told],
            },
        )
        self._cost = time.thread_time() - begun

    @property
    def journal_failure(self) -> str | None:
        """Why the journal could not be kept, in a sentence; None when it is kept."""
        return self._journal.outcome(_ANSWER_SECONDS)

    @property
    def step(self) -> int | None:
        """Steps done, those of earlier attempts counted; None where nobody told."""
        return self._step

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the process tree in this run up to the last reading, with the start-up that it has taken on."""
        return self.last.cpu_seconds - (0.0 if START_UP in self.shares.seconds else self._first.cpu_seconds)

    @property
    def idle(self) -> bool:
        """Whether what passes now is not the run's."""
        return self._phases.present == IDLE

    @property
    def meter_cost(self) -> float:
        """Seconds of CPU time that metering this run has cost so far."""
        return self._cost + self._thread_costs() - self._elsewhere

    @property
    def last(self) -> RawReading:
        """The last reading that was counted."""
        return self._slice.last

    @property
    def part(self) -> float:
        """What part of what the meter counts is this run's now: less than 1 while others go on beside it."""
        return self._slice.part

    def split(self, part: float, reading: RawReading) -> None:
        """Have another part of what the meter counts, from a reading on."""
        self._edges += 1
        phases = self._give(reading, part)
        if phases:
            self._write(reading, **phases)

    def skip(self, reading: RawReading) -> None:
        """Pass over what was used up to a reading: it was given to others before they knew of this run."""
        self._slice.take(reading, aside=True)

    def enter(self, phase: str) -> None:
        """Begin a phase; what was used since the last edge goes to the phase that ends."""
        if phase == self._phases.present or self._over:
            return
        begun = time.thread_time()
        self._edges += 1
        if self._phases.present:  # the first phase that is named began with the run
            now = self.meter.now()
            written = self._written_at == self.last.monotonic  # then what follows can be told in one line with it
            if IDLE not in (phase, self._phases.present) and written and now - self._written_at < _EDGE_SECONDS:
                self._phases.enter(phase, now, self.last.monotonic)
                self._cost += time.thread_time() - begun
                return
            reading = self.meter.read()
            phases = self._give(reading)
            # A thousand calls a second, and what is between them, do not need a line each; calls of two kinds do.
            another = IDLE not in (phase, self._phases.present) or (
                phase != IDLE and self._worked_in not in ('', phase)
            )
            if another or phases or self._due(reading.monotonic):
                self._write(reading, enter=phase, **phases)
        self._phases.present, self._slice.resting = phase, phase == IDLE
        self._cost += time.thread_time() - begun

    def tick(self, step: int, epoch: int = 0, logs: Mapping[str, Any] | None = None) -> Tick:
        """Tell how far the run is, and what it took so far.

        Args:
            step: Steps done.
            epoch: The epoch.
            logs: Loss and metrics, as floats.

        Returns:
            The figures; those of the last reading when that is under a tenth of a second old.
        """
        begun, now = time.thread_time(), host.monotonic()
        self._step, self._epoch = step, epoch
        logs = {} if logs is None else logs
        if now - self._fresh_at >= _FRESH_SECONDS and not self._over:
            reading = self.meter.read()
            phases = self._give(reading)
            self._fresh_at = now
            factors = self._grid.priced(self._factors, self.shares, self.accuracies)
            self._figures.renew(self.shares, self.accuracies, self.last.monotonic, factors)
            size = int(self.group['size']) if self.group else 1
            self._figures.exert(self.shares, self.accuracies, self._step, self.told.get('plan'), size)
            if phases or self._due(now):
                self._write(reading, logs=dict(logs), **phases)
        self._cost += time.thread_time() - begun
        return Tick(step, epoch, logs, *self._figures.known, now - self._began, self._figures.effort)

    def tell(self, **told: Any) -> None:
        """Have the journal hold something more, such as the run's plan and forecast, under names of its own."""
        if not self._over:
            self.told |= told
            self._journal.write(told)

    def take_in(self, others: list[dict[str, Any]]) -> None:
        """Count what other processes took for the same training: this run's figures are of all of them then."""
        if not self._over and others:
            self.others = others
            self._journal.write({'others': others})

    def account(self) -> dict[str, Any]:
        """What it took so far, for the process that counts for all: as lines that tell it again, at any time."""
        from hefted.footprint import group

        factors = self._grid.priced(self._factors, self.shares, self.accuracies)
        lines = group.lines_of(self.shares, self.accuracies, self._place, factors, self._gaps_told)
        return {**(self.group or {}), 'of': self.id, 'lines': lines}

    def so_far(self) -> Footprint | None:
        """What it took up to now, start-up counted, by a reading made now: for budgets (about 0.5 ms)."""
        if not self._over:
            reading = self.meter.read()
            if phases := self._give(reading):
                self._write(reading, **phases)
        return self._accounted()

    def finish(self, status: Status = 'finished', error: BaseException | None = None) -> Footprint:
        """End the run, once; again, it says the same.

        Args:
            status: 'finished', 'stopped' (a budget, a callback, Ctrl-C), 'failed' or 'interrupted'.
            error: What ended it; the journal keeps the name of its type only.

        Returns:
            What the run took.
        """
        self.end(status, error)
        return self._accounted()

    def end(self, status: Status = 'finished', error: BaseException | None = None) -> None:
        """End the run without saying what it took: `footprint` is accounted for when it is first asked for."""
        if self._over:
            return
        begun = time.thread_time()
        reading = self.meter.read()
        phases = self._give(reading)
        changes = self._grid.look(reading, self._began)  # after its phases were told apart, as in the journal
        self._grid.split(reading, self._give_first, self.shares)
        line = self._line(reading) | phases | changes
        self._over = True
        if self._ended is not None:
            self._ended(self)
        self._journal.write(
            line
            | {
                'end': True,
                'status': status,
                'error': None if error is None else type(error).__name__,
                'meter_cost': self.meter_cost,
                'footprint': run_lines.Accounted(self),  # turned into JSON by the journal's thread
            }
        )
        self._journal.close()
        self._cost += time.thread_time() - begun

    @property
    def footprint(self) -> Footprint | None:
        """What it took; None until it has ended."""
        return self._accounted() if self._over else None

    def foresee(self, shares: account.Shares, gaps: tuple[Gap, ...] = ()) -> Footprint:
        """Account for seconds and joules, such as those to come, by the factors that are in use now."""
        factors = self._grid.priced(self._factors, self.shares, self.accuracies)
        return account.footprint(shares, self.accuracies, self._place, factors, gaps)

    def _accounted(self) -> Footprint:
        told = self._footprint or self.alone
        if self.others and self._footprint is None:
            from hefted.footprint import group

            told = group.whole(told, self.others)
        self._footprint = told if self._over else None
        return told

    @property
    def alone(self) -> Footprint:
        """What this process took by itself."""
        return self.foresee(self.shares, self._gaps_told)

    def beat(self, reading: RawReading) -> None:
        """Called by the meter's thread each second: a run that does not tick is kept as well."""
        edges = self._edges
        changed = self._grid.changed or reading.monotonic - self._written_at >= _LINE_SECONDS
        if changed and not self._over and not self._phases.seconds:
            line = self._line(reading)
            if edges == self._edges:
                self._journal.write(line | self._grid.look(reading, self._began))
                self._written_at, self._worked_in = reading.monotonic, ''
            else:  # what the line would have told first, another has to
                self._meter_version, self._gaps_told = -1, ()

    def _give(self, reading: RawReading, part: float | None = None) -> dict[str, Any]:
        """Give phases what was used since the last reading; what the journal must be told of them if they are many."""
        self._grid.split(reading, self._give_first, self.shares)
        with still():  # a run that begins or ends in another thread has this one given its part up to then
            phases = self._phases.take(reading.monotonic)
            taken = self._slice.take(reading, part)
            if taken is not None and not self._slice.resting:
                self._worked_in = self._phases.present
                alone = {self._phases.present or _UNNAMED: 1.0}
                self.shares.divide(phases or alone, taken.seconds, taken.joules, taken.occupied)
        return {'phases': phases} if phases else {}

    def _give_first(self, reading: RawReading) -> None:
        """Give what was used up to a reading, since which other phases may have come, to the one that it was in."""
        taken = self._slice.take(reading)
        if taken is not None:
            phase = next(iter(self._phases.seconds), self._phases.present)
            self.shares.divide({phase or _UNNAMED: 1.0}, taken.seconds, taken.joules, taken.occupied)

    def _renewed(self) -> bool:
        """Whether sensors have come since this was asked last."""
        if self.meter.version == self._meter_version:
            return False
        self._meter_version = self.meter.version
        self.accuracies = self.meter.accuracies
        return True

    def _found_gpus(self) -> dict[str, Any]:
        """What the journal must be told of GPUs that were found late: with them the factors are others."""
        machine = machine_of(self.meter)
        if machine == self._machine:
            return {}
        intensity = self._factors.intensity  # a live grid's first answer stands
        self._machine = machine
        try:
            self._factors = replace(factors_for(self._place, machine), intensity=intensity)
        except ArgumentError:  # a setting was spoilt since the run began: no training ends for that
            return {'machine': machine.to_json()}
        return {'machine': machine.to_json(), 'factors': self._factors}

    def _gaps(self) -> tuple[Gap, ...]:
        return self.meter.gaps(self._began) + self._grid.gaps(self._began)

    def _due(self, now: float) -> bool:
        """Whether the journal's last line is old."""
        return now - self._written_at >= min(_LINE_SECONDS, _FRESH_SECONDS + (now - self._began) / 4)

    def _write(self, reading: RawReading, **more: Any) -> None:
        self._written_at = reading.monotonic
        self._journal.write(self._line(reading) | more)
        self._worked_in = ''

    def _line(self, reading: RawReading) -> dict[str, Any]:
        phase = self._worked_in if self.idle and self._worked_in else self._phases.present
        line: dict[str, Any] = {
            'phase': phase or _UNNAMED,
            'step': self._step,
            'epoch': self._epoch,
            **self._slice.own(reading)._asdict(),
        }
        if idle := self._slice.rested(reading.monotonic):
            line['idle'] = idle
        if self._renewed():
            line['sensors'] = run_lines.told(self.accuracies)
            line |= self._found_gpus()
        gaps = self._gaps()
        if gaps != self._gaps_told:
            self._gaps_told = gaps
            line['gaps'] = [gap.to_json() for gap in gaps]
        return line
