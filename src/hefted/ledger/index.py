"""The ledger: every run that was kept, finished or killed, found by the start of its id."""

from __future__ import annotations

import difflib
import math
import operator
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hefted.errors import LedgerError
from hefted.ledger import journal
from hefted.ledger.lines import LONGEST_LINE, Line, decode, read
from hefted.quantities import Quantity, total

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.ledger.scores import Score, Scores

Status = Literal['running', 'finished', 'interrupted', 'stopped', 'failed', 'damaged']

_ENDS: dict[str, Status] = {
    'finished': 'finished',
    'stopped': 'stopped',
    'failed': 'failed',
    'interrupted': 'interrupted',
}
_GRAVEST: tuple[Status, ...] = ('running', 'damaged', 'failed', 'interrupted', 'stopped', 'finished')
_TAIL = 64 * 1024  # the last line of a run that ended is looked for in so many bytes first
_TRIALS = frozenset({'evaluate', 'predict', 'predict_on_batch', 'test_on_batch'})
SHORT = 18  # an id's first characters, which are its microsecond


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What the ledger tells of a run.

    Attributes:
        id: The run's id, a UUIDv7.
        parent: The id of the sweep or process that it is a part of.
        kind: Such as 'fit', 'evaluate' or 'sweep'.
        name: The model's, or what the user called it.
        started: Seconds since 1970 by the wall clock; only to label.
        status: 'finished', 'stopped' (a budget, a callback, Ctrl-C), 'failed' (an exception), 'interrupted'
            (killed: no end was written), 'running' (its process still holds the journal) or 'damaged'.
        duration: None where not known, as for those below.
        energy: At the machine.
        carbon: Of the energy.
        place: The place's name.
        meter_share: The meter's CPU time as a share of the run's.
        children: The runs that are parts of this one, in the order of their starts.
        attempt: Which attempt at its training it is, from 1.
        resumes: The id of the first attempt's run.
        attempts: How many attempts at one training are its parts, where that is what it is made of.
        of_all_attempts: Energy of all attempts at its training; None where there was one alone.
        reason: Why it is damaged.
    """

    id: str
    parent: str | None = None
    kind: str = 'run'
    name: str = ''
    started: float | None = None
    status: Status = 'damaged'
    duration: Quantity | None = None
    energy: Quantity | None = None
    carbon: Quantity | None = None
    place: str | None = None
    meter_share: float | None = None
    children: tuple[RunSummary, ...] = ()
    reason: str | None = None
    attempt: int = 1
    resumes: str | None = None
    attempts: int = 0
    of_all_attempts: Quantity | None = None
    path: Path | None = field(default=None, repr=False)

    @property
    def short_id(self) -> str:
        """The start of the id, long enough to find the run by."""
        return self.id[:SHORT]

    def lines(self) -> list[Line]:
        """The journal's lines; empty for a parent that has no journal of its own."""
        return [] if self.path is None else read(self.path)

    def told(self, name: str) -> Any:
        """What the run was told under a name (`Run.tell`), the last of it; None where nothing, or nothing readable."""
        if self.path is None:
            return None
        mark, found = f'"{name}":'.encode(), None
        with suppress(OSError), self.path.open('rb') as file:
            for raw in file:
                if mark in raw and (line := decode(raw)) is not None:
                    found = line.get(name, found)
        return found

    @property
    def footprint(self) -> Footprint | None:
        """What it took, recomputed from its journal or those of its parts; None if they do not tell."""
        return self.footprint_without()

    def footprint_without(self, *components: str) -> Footprint | None:
        """The footprint without some components, such as 'unseen': every figure of it follows from the others alone."""
        told = None if self.path is None else _rebuilt(self.lines(), components)
        if told is not None or not self.children:
            return told
        # It kept no journal, or one that tells no figures: its parts are all that is known of it.
        found = (child.footprint_without(*components) for child in self.children)
        parts = [footprint for footprint in found if footprint is not None]
        return reduce(operator.add, parts) if parts else None


class Ledger:
    """All journals of a folder.

    Args:
        folder: The folder of the `.jsonl` files; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], RunSummary]] = {}

    def runs(self, *, kind: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """List runs, newest first; a sweep's parts are its `children`, and its figures their total.

        Args:
            kind: Only runs of this kind, such as 'fit'; those inside a sweep too, each by itself.
            limit: At most so many.
        """
        everything = self._everything()
        listed = _families(everything)[0] if kind is None else [run for run in everything if run.kind == kind]
        return sorted(listed, key=_newest_first)[:limit]

    def get(self, prefix: str) -> RunSummary:
        """Find one run by the start of its id, or the newest by 'last'.

        Raises:
            LedgerError: If there is none, or more than one; the message names the nearest.
        """
        everything = sorted(self._everything(), key=_newest_first)
        if not everything:
            raise LedgerError('run: expected one that is in the ledger, but no run has been kept yet.')
        if prefix == 'last':
            return next(run for run in everything if run.status != 'damaged' or run is everything[-1])
        found = _families(everything)[1]
        wanted = prefix.lower()
        if wanted in found:
            return found[wanted]
        matches = [found[run_id] for run_id in sorted(found) if run_id.startswith(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches and prefix:
            raise LedgerError(
                f'run: {prefix!r} is the start of {len(matches)} ids: {_named(matches)}. Give more of it.'
            )
        near = difflib.get_close_matches(prefix.lower(), [run.short_id for run in everything], n=3, cutoff=0.5)
        hint = f'Did you mean {" or ".join(near)}?' if near else f'The newest are {_named(everything)}.'
        raise LedgerError(f'run: expected the start of a run\'s id or "last", received {prefix!r}. {hint}')

    def scores(self, *, patience: float = math.inf) -> Scores:
        """How good the forecasts have been: what was foreseen beside what it took, of every run that had one.

        A journal is read once; what it came to is kept beside the journals (`hefted.ledger.scored`).

        Args:
            patience: Seconds after which no further journal is read.

        Raises:
            LedgerError: If the folder cannot be read.
        """
        from hefted.ledger import scored, scores

        journal.settle()
        try:
            return scored.scores_of(self.folder, _scored, patience=patience)
        except (FileNotFoundError, NotADirectoryError):
            return scores.Scores((), ())
        except OSError as error:
            raise LedgerError(f'The ledger cannot be read: {error}.') from error

    def energy_of(self, run_ids: Iterable[str]) -> Quantity | None:
        """What some runs took together, so far as their journals tell; None where nothing is known of any."""
        paths = {run_id: self.folder / f'{run_id}.jsonl' for run_id in run_ids}
        return _summed(_summarise(run_id, path).energy for run_id, path in paths.items() if path.exists())

    def _everything(self) -> list[RunSummary]:
        journal.settle()
        try:
            entries = [entry for entry in os.scandir(self.folder) if entry.name.endswith('.jsonl')]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LedgerError(f'The ledger cannot be read: {error}.') from error
        return _with_attempts([self._summary(entry) for entry in entries])

    def _summary(self, entry: os.DirEntry[str]) -> RunSummary:
        run_id = entry.name.removesuffix('.jsonl')
        path = Path(entry.path)
        try:
            state = entry.stat()
            version = (state.st_mtime_ns, state.st_size)
            known = self._known.get(run_id)
            if known is not None and known[0] == version and known[1].status != 'running':
                return known[1]
            summary = _summarise(run_id, path)
        except OSError as error:
            reason = error.strerror or 'it cannot be read'
            return RunSummary(run_id, started=_born(run_id), reason=reason, path=path)
        self._known[run_id] = (version, summary)
        return summary


def open(folder: Path | str | None = None) -> Ledger:
    """Open the ledger.

    Args:
        folder: The folder of the journals; None for `runs` in the user's data folder.

    Example:
        >>> import tempfile
        >>> open(tempfile.mkdtemp()).runs()
        []
    """
    return Ledger(journal.runs_folder() if folder is None else Path(folder))


def _summarise(run_id: str, path: Path) -> RunSummary:
    header, end = _header_and_end(path)
    if header is None:
        return RunSummary(run_id, started=_born(run_id), reason='its first line cannot be read', path=path)
    run = RunSummary(
        id=run_id,
        parent=_text(header.get('parent')),
        kind=_text(header.get('kind')) or 'run',
        name=_text(header.get('name')) or '',
        started=_born(run_id),
        status=_status(end, path),
        meter_share=_meter_share(header, end),
        attempt=_whole(header.get('attempt')),
        resumes=_text(header.get('resumes')),
        path=path,
    )
    told = (end or {}).get('footprint')
    if isinstance(told, dict):
        return _with_figures(run, cast(Line, told))
    footprint = run.footprint
    if footprint is None:
        return run
    return replace(
        run,
        energy=footprint.energy,
        carbon=footprint.carbon,
        duration=footprint.duration,
        place=footprint.place.name,
    )


def _scored(run_id: str, path: Path) -> Score | None:
    from hefted.ledger.scores import score

    return score(run_id, path, _ending)


def _ending(path: Path) -> tuple[Status, Line | None]:
    end = _end(path)
    return _status(end, path), end


def _end(path: Path) -> Line | None:
    """The line that ends a run, if there is one, looked for at the file's end."""
    with path.open('rb') as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        ends = (decode(raw) for raw in reversed(file.read().split(b'\n')) if b'"status"' in raw)
        return next((line for line in ends if line is not None and 'status' in line), None)


def _header_and_end(path: Path) -> tuple[Line | None, Line | None]:
    """The line that begins a run and the one that ends it, if there is one, without reading all between."""
    with path.open('rb') as file:
        header = decode(file.readline(LONGEST_LINE))
    if header is None or 'schema' not in header:
        header = next((line for line in read(path) if 'schema' in line), None)
    return header, _end(path)


def _status(end: Line | None, path: Path) -> Status:
    if end is None:
        return 'running' if journal.is_kept(path) else 'interrupted'
    return _ENDS.get(str(end['status']), 'finished')


def _with_figures(run: RunSummary, told: Line) -> RunSummary:
    """The run with the figures and the place of the footprint that its end line tells."""
    place: Any = told.get('place')
    return replace(
        run,
        duration=_quantity(told.get('duration')),
        energy=_quantity(told.get('energy')),
        carbon=_quantity(told.get('carbon')),
        place=_text(cast(Line, place).get('name') if isinstance(place, dict) else place),
    )


def _meter_share(header: Line, end: Line | None) -> float | None:
    """The meter's CPU time over that of the run's process tree, its start-up counted where the run has it."""
    try:
        before = 0.0 if header.get('start_up') else header['start']['cpu_seconds']
        return end['meter_cost'] / (end['cpu_seconds'] - before) if end else None
    except (KeyError, TypeError, ZeroDivisionError):
        return None


def _quantity(data: Any) -> Quantity | None:
    try:
        return None if data is None else Quantity.from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError):  # another version's, or junk: unknown
        return None


def _rebuilt(lines: list[Line], without: Iterable[str]) -> Footprint | None:
    from hefted.footprint.account import rebuild

    try:
        return rebuild(lines, without)
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ):  # damaged: it tells no figures
        return None


def _families(runs: Iterable[RunSummary]) -> tuple[list[RunSummary], dict[str, RunSummary]]:
    """Runs with their parts folded in: those that are part of nothing, and all of them by id.

    The runs of a process have a parent that kept no journal: it is made of two runs or more.
    """
    by_id = {run.id: run for run in runs}
    parts: dict[str, list[RunSummary]] = {}
    for run in by_id.values():
        if run.parent:
            parts.setdefault(run.parent, []).append(run)
    grown: dict[str, RunSummary] = {}

    def grow(run: RunSummary) -> RunSummary:
        children = [grow(child) for child in sorted(parts.pop(run.id, ()), key=_newest_first)[::-1]]
        grown[run.id] = _family(run, children) if children else run
        return grown[run.id]

    roots = [grow(run) for run in by_id.values() if not run.parent]
    for parent in [parent for parent in parts if parent not in by_id]:
        family = _process(parent, parts[parent])
        roots.append(grow(family) if len(parts[parent]) > 1 else grow(parts.pop(parent)[0]))
    roots += [run for run in by_id.values() if run.id not in grown]  # damaged: they name one another as parents
    return _one_a_training(roots), by_id | grown


def _with_attempts(runs: list[RunSummary]) -> list[RunSummary]:
    """The same runs; those that are attempts at one training know what all of them took."""
    tried: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.resumes:
            tried.setdefault(run.resumes, []).append(run)
    if not tried:
        return runs
    for run in runs:
        if run.id in tried:
            tried[run.id].append(run)
    sums = {first: _summed(run.energy for run in several) for first, several in tried.items()}
    return [replace(run, of_all_attempts=sums.get(run.resumes or run.id)) for run in runs]


def _one_a_training(roots: list[RunSummary]) -> list[RunSummary]:
    """Attempts at one training as one: by the last one's id and end, with the sums of all."""
    tried: dict[str, list[RunSummary]] = {}
    for run in roots:
        tried.setdefault(run.resumes or run.id, []).append(run)
    return [_tried(several) if len(several) > 1 else several[0] for several in tried.values()]


def _tried(several: list[RunSummary]) -> RunSummary:
    *_, last = several = sorted(several, key=_newest_first)[::-1]
    return _family(
        replace(last, duration=None, energy=None, carbon=None, path=None, attempts=len(several)),
        several,
    )


def _process(run_id: str, parts: list[RunSummary]) -> RunSummary:
    """The parent of a process's runs; a sweep where they are of one kind, but for what tries a model out."""
    first = min(parts, key=_newest_first)
    name = first.name if all(part.name == first.name for part in parts) else ''
    made = [part for part in parts if part.kind not in _TRIALS]
    kind = 'sweep' if len(made or parts) > 1 and len({part.kind for part in made or parts}) == 1 else 'process'
    found: set[Status] = {part.status for part in parts}
    status: Status = min(found, key=_GRAVEST.index)
    return RunSummary(run_id, None, kind, name, _born(run_id), status, place=first.place)


def _family(parent: RunSummary, children: list[RunSummary]) -> RunSummary:
    return replace(
        parent,
        children=tuple(children),
        duration=parent.duration or _summed(child.duration for child in children),
        energy=parent.energy or _summed(child.energy for child in children),
        carbon=parent.carbon or _summed(child.carbon for child in children),
    )


def _summed(quantities: Iterable[Quantity | None]) -> Quantity | None:
    """Add what is known; None where nothing is."""
    known = [quantity for quantity in quantities if quantity is not None]
    return total(known) if known else None


def _born(run_id: str) -> float | None:
    """When a UUIDv7 was made: its first 48 bits are milliseconds since 1970 (RFC 9562, section 5.7)."""
    try:
        return int(run_id.replace('-', '')[:12], 16) / 1000
    except ValueError:
        return None


def _newest_first(run: RunSummary) -> tuple[float, str]:
    # Ids made in the same millisecond still have an order of their own.
    return (-(run.started or 0.0), run.id)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 1


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _named(runs: Iterable[RunSummary]) -> str:
    listed = list(runs)
    return ', '.join(run.short_id for run in listed[:3]) + (', …' if len(listed) > 3 else '')
