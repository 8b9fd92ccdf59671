"""A project's budget: what all its runs on this machine have come to, those that go on in other processes with them.

    [tool.hefted]
    budget = '10 kWh'

Each run's journal says of which project it is. What the runs that have ended came to is kept in one file of the data
folder, so that thousands of journals are read once; without it, it is made again. Of runs that go on, the journal's
newest line is read, and carried on to now at the pace that the run has had. A run that is part of another is counted
there, and what several processes took that trained together in the run of rank 0, once that has ended. Runs from before
the project had a budget, or a name in `[tool.hefted]`, are of no project.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hefted import host
from hefted.budget.budget import Budget
from hefted.budget.limits import Limit, spent
from hefted.budget.written import UNITS
from hefted.errors import ArgumentError
from hefted.footprint import project
from hefted.footprint.account import rebuild
from hefted.footprint.footprint import Footprint
from hefted.ledger import journal
from hefted.ledger.lines import Line, decode, read
from hefted.ledger.summary import header_and_end

_FILE, _SCHEMA = 'projects.json', 1
_TAIL = 64 * 1024
_WHOLE_BYTES = 256 * 1024  # a journal of more is read at its ends
_REFRESH_SECONDS = 1.0  # a journal has a new line so often
_MARGIN = 1.2  # of the pace of others between their lines

Amounts = dict[str, float]
Group = tuple[str, int]
"""The name of processes that train together, and the number of their training."""


class ProjectTotal:
    """What a project's runs have come to.

    Args:
        name: The project's.
        runs: The folder of the journals.
        clock: Seconds of the monotonic clock, which the journals tell too.

    Example:
        >>> import tempfile
        >>> ProjectTotal('whales', Path(tempfile.mkdtemp()) / 'runs').amounts()['energy']
        0.0
    """

    def __init__(self, name: str, runs: Path, clock: Callable[[], float] = host.monotonic) -> None:
        self.name, self._runs, self._clock = name, runs, clock
        self._known: dict[str, list[Any] | None] | None = None
        self._ended: Amounts = {}
        self._going: dict[str, tuple[float, Amounts, float]] = {}  # when, what, and for how long, by run

    def look(self, apart: str = '', group: Group | None = None) -> None:
        """Read what is new; one run, such as the own, is left out.

        Args:
            apart: Its id.
            group: The processes that train with it, which are left out as well: what all of them take counts for it.
        """
        known, self._going = self._load(), {}
        before = len(known)
        for run in sorted(_journals(self._runs) - known.keys()):
            if run not in known:  # another of these may have counted it
                self._take(run, known, apart, group)
        if len(known) > before:
            self._save(known)
        self._ended = _sum(kept[1] for kept in known.values() if kept is not None and kept[0] == self.name)

    def amounts(self) -> Amounts:
        """What they came to, as last read, in the units of `UNITS`; what goes on is carried on to now."""
        now, total = self._clock(), dict(self._ended)
        for at, amounts, pace in self._going.values():
            seconds = abs(amounts.get('duration', 0.0))
            more = pace * max(now - at, 0.0) / seconds if seconds > 0 else 0.0
            for name, amount in amounts.items():
                total[name] += amount * (1 + more)
        return {name: total.get(name, 0.0) for name in UNITS}

    def _take(self, run: str, known: dict[str, list[Any] | None], apart: str, group: Group | None) -> None:
        """Read a run: what is final goes to what is known, what may still change to what goes on."""
        path = self._runs / f'{run}.jsonl'
        ends = _header_and_end(path)
        if ends is None:  # it has no first line yet
            return
        header, end = ends
        of: Any = (header.get('attributes') or {}).get('project')
        nested = (self._runs / f'{header.get("parent")}.jsonl').exists()
        if of is None or (end is not None and nested):
            known[run] = None
        elif end is not None:
            known[run] = [of, _told(end) or _rebuilt(path)]
            known |= dict.fromkeys(_counted_in(header, path))
        elif group is not None and run != apart and _group_of(header) == group:
            return
        elif of == self.name and nested == (run == apart):  # the own is left out of what it is a part of
            sign = -1.0 if nested else 1.0
            self._going[run] = _going_on(path, self._clock(), sign)

    def _load(self) -> dict[str, list[Any] | None]:
        if self._known is None:
            self._known = {}
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads((self._runs.parent / _FILE).read_text('utf-8'))
                if told['schema'] == _SCHEMA:
                    self._known = dict(told['runs'])
        return self._known

    def _save(self, known: Mapping[str, Any]) -> None:
        """Keep it, whole or not at all; where that fails it is made again next time."""
        path = self._runs.parent / _FILE
        aside = path.with_suffix(f'.{os.getpid()}')
        with suppress(OSError):
            aside.write_text(json.dumps({'schema': _SCHEMA, 'runs': known}), 'utf-8')
            aside.replace(path)


class ProjectLimits:
    """The limits of a project over one of its runs, read anew each second.

    Args:
        total: Of the project.
        budget: What it may spend.
        run: The run's id, which counts for itself.
        group: Of the processes that train with it; None for one alone.
    """

    def __init__(self, total: ProjectTotal, budget: Budget, run: str, group: Group | None = None) -> None:
        self._total, self._budget, self._run, self._group = total, budget, run, group
        self._looked = -1e9

    def elsewhere(self, name: str) -> float:
        """What the project's other runs have spent."""
        if time.monotonic() - self._looked >= _REFRESH_SECONDS:
            self._total.look(self._run, self._group)
            self._looked = time.monotonic()
        return self._total.amounts()[name]

    def limits(self) -> list[Limit]:
        """One for each quantity."""
        whose = f'budget of the project {self._total.name}'
        return [Limit(name, most, whose, lambda name=name: self.elsewhere(name)) for name, most in self._said()]

    def _said(self) -> Iterable[tuple[str, Any]]:
        return self._budget.limits.items()


def limits_over(run: Any) -> list[Limit]:
    """The limits of the project that a run is of; none where it has no budget.

    Raises:
        ArgumentError: If the budget cannot be read.
    """
    said = project.says()
    if 'budget' not in said:
        return []
    try:
        budget = Budget(said['budget'])
    except ArgumentError as error:
        raise ArgumentError(f'budget in [tool.hefted] of pyproject.toml: {error}') from error
    journal.settle()  # what this process has ended is written
    total, group = ProjectTotal(said['project'], journal.runs_folder()), getattr(run, 'group', None)
    return ProjectLimits(total, budget, run.id, _group_of({'group': group})).limits()


def _group_of(header: Mapping[str, Any]) -> Group | None:
    told = header.get('group')
    return (str(told['id']), int(told['run'])) if isinstance(told, Mapping) else None


def _counted_in(header: Mapping[str, Any], path: Path) -> list[str]:
    """The runs whose figures are in those of one of rank 0 already (`Run.take_in`)."""
    if _group_of(header) is None or header['group'].get('rank'):
        return []
    told = [line.get('others') for line in _ends_of(path)]
    return [str(each['of']) for others in told if isinstance(others, list) for each in others if 'of' in each]


def _journals(folder: Path) -> set[str]:
    try:
        return {entry.name.removesuffix('.jsonl') for entry in os.scandir(folder) if entry.name.endswith('.jsonl')}
    except OSError:
        return set()


def _header_and_end(path: Path) -> tuple[Line, Line | None] | None:
    """A journal's first line, and that which ends it; None where there is no first line yet."""
    try:
        header, end = header_and_end(path)
    except OSError:
        return None
    return None if header is None else (header, end)


def _rebuilt(path: Path) -> Amounts:
    """What a journal tells up to its last line; nothing where it tells nothing."""
    try:
        return _known(spent(rebuild(_ends_of(path)), UNITS))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _going_on(path: Path, now: float, sign: float) -> tuple[float, Amounts, float]:
    """When a run that has not ended told what, and how much faster others may go; a killed one goes no further."""
    amounts = {name: sign * amount for name, amount in _rebuilt(path).items()}
    last = _last_instant(path)
    return now if last is None else last, amounts, (_MARGIN if sign > 0 else 1.0) if _is_kept(path) else 0.0


def _is_kept(path: Path) -> bool:
    try:
        return journal.is_kept(path)
    except OSError:
        return False


def _ends_of(path: Path) -> list[Line]:
    """A journal's lines; of a long one, those of its start and of its end: counters are cumulative."""
    if path.stat().st_size <= _WHOLE_BYTES:
        return read(path)
    with path.open('rb') as file:
        first = file.read(_TAIL).split(b'\n')[:-1]
        file.seek(-_TAIL, os.SEEK_END)
        last = file.read().split(b'\n')[1:]
    return [line for raw in first + last if (line := decode(raw)) is not None]


def _last_instant(path: Path) -> float | None:
    with suppress(OSError):
        return next((line['monotonic'] for line in reversed(_ends_of(path)) if 'monotonic' in line), None)
    return None


def _told(end: Line) -> Amounts | None:
    """What a run's last line says that it took."""
    told = end.get('footprint')
    try:
        return _known(spent(Footprint.from_json(cast(Line, told)), UNITS)) if isinstance(told, dict) else None
    except (ValueError, KeyError, TypeError, AttributeError):  # another version's, or junk
        return None


def _known(figures: Mapping[str, float | None]) -> Amounts:
    return {name: amount for name, amount in figures.items() if amount is not None}


def _sum(several: Iterable[Mapping[str, float]]) -> Amounts:
    total = dict.fromkeys(UNITS, 0.0)
    for amounts in several:
        for name, amount in amounts.items():
            total[name] += amount
    return total
