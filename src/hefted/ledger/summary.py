"""What the ledger tells of one run: from the first and the last line of its journal, whatever is between."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hefted.ledger import journal
from hefted.ledger.lines import LONGEST_LINE, Line, decode, read
from hefted.quantities import Quantity, total

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.ledger.scores import Score

Status = Literal['running', 'finished', 'interrupted', 'stopped', 'failed', 'damaged']

_ENDS: dict[str, Status] = {
    'finished': 'finished',
    'stopped': 'stopped',
    'failed': 'failed',
    'interrupted': 'interrupted',
}
_TAIL = 64 * 1024  # the last line of a run that ended is looked for in so many bytes first
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
        group: Which of several processes that trained together it is of: 'id', 'run', 'rank', 'size'.
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
    group: Mapping[str, Any] | None = None
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
    def footprint_alone(self) -> Footprint | None:
        """What its own process took, where several trained together."""
        return None if self.path is None else _rebuilt(self.lines(), ())

    @property
    def footprint(self) -> Footprint | None:
        """What it took, recomputed from its journal or those of its parts; None if they do not tell."""
        return self.footprint_without()

    def footprint_without(self, *components: str) -> Footprint | None:
        """The footprint without some components, such as 'unseen': every figure of it follows from the others alone."""
        told = None if self.path is None else _rebuilt_whole(self.lines(), components)
        if told is not None or not self.children:
            return told
        # It kept no journal, or one that tells no figures: its parts are all that is known of it.
        found = (child.footprint_without(*components) for child in self.children)
        parts = [footprint for footprint in found if footprint is not None]
        return reduce(operator.add, parts) if parts else None


def summarise(run_id: str, path: Path) -> RunSummary:
    header, end = header_and_end(path)
    if header is None:
        return RunSummary(run_id, started=born(run_id), reason='its first line cannot be read', path=path)
    run = RunSummary(
        id=run_id,
        parent=text_of(header.get('parent')),
        kind=text_of(header.get('kind')) or 'run',
        name=text_of(header.get('name')) or '',
        started=born(run_id),
        status=_status(end, path),
        meter_share=_meter_share(header, end),
        attempt=_whole(header.get('attempt')),
        resumes=text_of(header.get('resumes')),
        group=_group_of(header.get('group')),
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


def score_of(run_id: str, path: Path) -> Score | None:
    """How good its forecast was; None where it had none."""
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


def header_and_end(path: Path) -> tuple[Line | None, Line | None]:
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
        place=text_of(cast(Line, place).get('name') if isinstance(place, dict) else place),
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


def _rebuilt_whole(lines: list[Line], without: Iterable[str]) -> Footprint | None:
    """With what other processes took for the same training, where the journal tells it."""
    own = _rebuilt(lines, without)
    others: Any = next((line['others'] for line in reversed(lines) if 'others' in line), None)
    if own is None or not others:
        return own
    from hefted.footprint import group

    try:
        return group.whole(own, others, without)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):  # damaged: its own is told
        return own


def _group_of(told: Any) -> Mapping[str, Any] | None:
    known = isinstance(told, dict) and all(name in told for name in ('id', 'run', 'rank', 'size', 'machine'))
    return cast(Line, told) if known else None


def summed(quantities: Iterable[Quantity | None]) -> Quantity | None:
    """Add what is known; None where nothing is."""
    known = [quantity for quantity in quantities if quantity is not None]
    return total(known) if known else None


def born(run_id: str) -> float | None:
    """When a UUIDv7 was made: its first 48 bits are milliseconds since 1970 (RFC 9562, section 5.7)."""
    try:
        return int(run_id.replace('-', '')[:12], 16) / 1000
    except ValueError:
        return None


def newest_first(run: RunSummary) -> tuple[float, str]:
    # Ids made in the same millisecond still have an order of their own.
    return (-(run.started or 0.0), run.id)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 1


def text_of(value: object) -> str | None:
    return value if isinstance(value, str) else None
