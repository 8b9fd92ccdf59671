"""What the runs of one process share: its meter, the thread that reads it, who is part of whom, and their totals."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hefted import host, settings
from hefted.errors import ArgumentError
from hefted.footprint import account, project, splitting
from hefted.footprint import place as places
from hefted.footprint.totals import Sum, Total
from hefted.identifiers import uuid7
from hefted.ledger.journal import writer_cost_seconds
from hefted.metering.discover import add_late, discover
from hefted.metering.meter import Meter
from hefted.metering.reading import Component, Gap, RawReading
from hefted.metering.sampler import Sampler
from hefted.quantities import Quantity
from hefted.run import Run

if TYPE_CHECKING:
    from hefted.footprint.repricing import Looks
    from hefted.metering.moved import Moved

PARENT = 'HEFTED_PARENT_RUN'  # tells a process that is started inside a run what it is a part of


class Process:
    """What the runs of one process share: its meter, its thread, and their total."""

    def __init__(self, *, forked_in_run: bool = False):
        self.forked_in_run = forked_in_run
        # What a run is a part of when none is open around it.
        self.id = os.environ.get(PARENT) or uuid7()
        # Open runs, by their ids, and the thread that each was opened in. Weakly, so that one which Ctrl-C struck
        # before anybody could end it is not open for ever.
        self._open: dict[str, tuple[weakref.ref[Run], int]] = {}
        self.sampler: Sampler | None = None
        self._meter: Meter | None = None
        self._moved: Moved | None = None
        self._started = False
        self._outside = os.environ.get(PARENT, '')
        self._sums: dict[str, Sum] = {}
        self._accuracies: dict[str, tuple[Component, Quantity]] = {}
        self.own: dict[tuple[str, str], Run] = {}  # by kind and name
        self._splitting = threading.RLock()
        self._taken: weakref.WeakKeyDictionary[Meter, RawReading] = weakref.WeakKeyDictionary()  # by runs that ended
        self._calls: dict[str, set[int]] = {}  # of each of these, the threads that are in a call
        self._watches: dict[tuple[object, ...], Looks | None] = {}  # by place: what asks for its grid's intensity

    @property
    def runs(self) -> list[Run]:
        """Those that are open and not idle, the oldest first."""
        found = [reference() for reference, _ in list(self._open.values())]
        return [run for run in found if run is not None and not run.idle]

    def covers_this_thread(self) -> bool:
        """Whether a run is open that a call in this thread is a part of."""
        own = {run.id for run in self.own.values()}
        thread = threading.get_ident()
        return any(run.id not in own or thread in self._calls.get(run.id, ()) for run in self.runs)

    def resume(self, kind: str, name: str) -> Run:
        """The process's own run for calls of a kind, going on."""
        with self._splitting:  # two threads that call for the first time have one run
            run = self.own.get((kind, name))
            if run is None:
                run = self.own[kind, name] = self.open(kind, name, places.find(None), None, attributes=None, attempt=1)
            self._calls.setdefault(run.id, set()).add(threading.get_ident())
            if (covering := _covering()) is not None:
                covering.begun(run, before=True)
            run.enter(kind)
            self._split(run)
        os.environ[PARENT] = run.id
        if self.sampler is not None:
            self.sampler.ensure()
        return run

    def pause(self, run: Run) -> None:
        """A call has ended: what passes now is no part of its run, unless another thread is in one."""
        with self._splitting:
            self._calls[run.id].discard(threading.get_ident())
            if not self._calls[run.id]:
                run.enter(account.IDLE)
                self._split(run)
        self._tell_children()

    def open(
        self,
        kind: str,
        name: str,
        place: places.Place,
        meter: Meter | None,
        *,
        attributes: Mapping[str, Any] | None,
        attempt: int,
        resumes: str | None = None,
    ) -> Run:
        covering = _covering()
        if covering is not None:
            covering.those_open()  # what cannot be read raises before anything begins
        # Taken once: a fork's child counts from its own start.
        since = None if self._started else host.process_started()
        self._started = True
        if meter is None:
            if self._meter is None:
                self._meter = _discovered()
                self.sampler = Sampler(self._meter, self._beat, self._wanted, prepare=self._prepare)
            meter = self._meter
        run = Run(
            kind,
            name,
            place,
            meter,
            self._enclosing() or self.id,
            attempt=attempt,
            resumes=resumes,
            start_up_from=since,
            attributes={**project_attributes(), **(attributes or {})},
            thread_costs=self._thread_costs,
            ended=self._ended,
            grid=self._watch(place),
        )
        with self._splitting:  # none is among the others before it has its part
            self._open[run.id] = weakref.ref(run), threading.get_ident()
            self._split(run)
        if covering is not None:
            covering.begun(run)
        os.environ[PARENT] = run.id
        if meter is self._meter and self.sampler is not None:
            self.sampler.ensure()
        return run

    def _enclosing(self) -> str:
        """The id of the run that one opened now is a part of: this thread's newest, else any thread's `meter(...)`."""
        thread = threading.get_ident()
        newest_first = self.runs[::-1]
        mine = (run.id for run in newest_first if self._open.get(run.id, (None, 0))[1] == thread)
        meters = (run.id for run in newest_first if run.kind == 'meter')
        return next(mine, '') or next(meters, '')

    def current(self) -> Run | None:
        """This thread's newest run that is open and not idle."""
        thread = threading.get_ident()
        return next((run for run in self.runs[::-1] if self._open.get(run.id, (None, 0))[1] == thread), None)

    def _split(self, changed: Run) -> None:
        """A run has begun, ended, paused or gone on: tell those whose part of the process is another from then on."""
        with self._splitting, splitting.still():
            beside = {run.id: run for run in self.runs if run.meter is changed.meter}
            since = changed.last
            if changed.id in beside:  # who ticked or ended meanwhile has taken all up to then
                lasts = [run.last for run in beside.values()] + [self._taken.get(changed.meter, since)]
                since = max(lasts, key=lambda reading: reading.monotonic)
                if since.monotonic > changed.last.monotonic:
                    changed.skip(since)
            else:
                self._taken[changed.meter] = since
            for run_id, part in splitting.parts({run.id: run.parent for run in beside.values()}).items():
                if part != beside[run_id].part:
                    beside[run_id].split(part, since)

    def _ended(self, run: Run) -> None:
        with self._splitting:
            self._open.pop(run.id, None)
            self._split(run)
        self._tell_children()
        self._accuracies.update(run.accuracies)
        self._sums.setdefault(run.parent, Sum()).add(run.shares)
        self._sums.pop(run.id, None)
        if (covering := _covering()) is not None:
            covering.ended(run)

    def _tell_children(self) -> None:
        """Tell processes that are started from now on what they are a part of."""
        # Set to nothing and never removed: the C library's other readers of the environment see no list that moves.
        os.environ[PARENT] = next((run.id for run in self.runs[::-1]), self._outside)

    def moved(self, network: int, storage: int) -> None:
        """Count bytes that were moved; without a meter no run is open whose they could be."""
        if self._meter is None or settings.meter_mode() == 'off':
            return
        with self._splitting:  # two threads' first bytes are of one count
            if self._moved is None:
                from hefted.metering.moved import counted_by  # late: few tell any

                self._moved = counted_by(self._meter)
        self._moved.tell(network=network, storage=storage)

    def _thread_costs(self) -> float:
        asking = sum(watch.cost_seconds for watch in self._watches.values() if watch is not None)
        return (self.sampler.cost_seconds if self.sampler else 0.0) + writer_cost_seconds() + asking

    def total(self, parent: str) -> Total:
        found = self._sums.get(parent, Sum())
        return Total(parent, found.ended, account.energy_of(found.joules, self._accuracies))

    def _watch(self, place: places.Place) -> Looks | None:
        """What tells a place's intensity; None unless the user has named a service or a trace for it."""
        trace = settings.grid_trace()
        if trace is None and settings.grid_mode() == 'table':
            return None
        key = (place.code, place.latitude, place.longitude, trace)
        if key not in self._watches:
            from hefted.footprint import live  # late: few ask for it

            self._watches[key] = live.watch_over(place)
        watch = self._watches[key]
        if trace is not None and watch is not None:  # nobody has looked since the last run
            watch.look()
        return watch

    def _look(self) -> None:
        for watch in list(self._watches.values()):
            if watch is not None:
                watch.look()

    def _wanted(self) -> bool:
        return bool(self.runs)

    def _prepare(self) -> None:
        self._look()
        if self._meter is not None:
            add_late(self._meter)

    def _beat(self, reading: RawReading) -> None:
        self._look()
        for run in self.runs:
            run.beat(reading)


def project_attributes() -> dict[str, str]:
    """What a run's journal says of its project; nothing where it has no name."""
    name = project.says().get('project')
    return {} if name is None else {'project': name}


def _covering() -> ModuleType | None:
    """What keeps count for budgets over several runs; None, and no import, where there is none."""
    if settings.budget_setting()[1] is not None:
        from hefted.budget import covering

        return covering
    return sys.modules.get('hefted.budget.covering')


def _discovered() -> Meter:
    try:
        return discover()
    except ArgumentError:  # a setting is wrong, which is for its author to know
        raise
    except Exception as error:  # what no sensor's author thought of must not end a training
        reason = f'No sensor could be set up: {type(error).__name__}.'
        return Meter([], gaps=[Gap('meter', reason, host.monotonic())])
