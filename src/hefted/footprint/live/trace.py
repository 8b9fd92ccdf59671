"""The grid's intensity from a file of your own, hours past and to come: it prices runs, and `fit(when=…)` waits by it.

    HEFTED_GRID_TRACE=~/grid.csv                     (or grid_trace = '…' in config.toml), and in it for instance:

    time,intensity,low,high
    2026-03-01T00:00+00:00,240,200,290
    2026-03-01T01:00+00:00,96,80,120

Times are ISO 8601 with their zone; intensities are g CO2e/kWh over the life cycle. `low` and `high`, the 90 % interval,
may be left out: then it is that of a service's hour (factors by fuel 16 %, revisions 10 %, see
`hefted.footprint.live.source`). Each row holds until the next one's time, the last for as long as the one before it.
One file has one error: where its factors are too high, they are so in all hours. It stands before any service that
HEFTED_GRID names, for every place. Outside its hours the table's yearly mean is used, and a gap says so.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from math import inf
from pathlib import Path
from typing import NamedTuple

from hefted import host
from hefted.errors import ArgumentError
from hefted.footprint.grid import UNIT
from hefted.footprint.live.forecasts import Slot, slots
from hefted.footprint.live.source import FACTORS, REVISED, told
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.metering.reading import Gap
from hefted.quantities import Quantity, Source

NAME = 'The trace of HEFTED_GRID_TRACE'
_MOST = 3000.0
_COLUMNS = (['time', 'intensity'], ['time', 'intensity', 'low', 'high'])
_SOURCE = Source('grid:trace', 'Your own trace of the grid: by hour, from a file', None, None, 'own')


class _Line(NamedTuple):
    """A line of the file, for an error message."""

    name: str
    number: int

    def wrong(self, what: str, expected: str, received: object, remedy: str) -> ArgumentError:
        where = f'{self.name} of HEFTED_GRID_TRACE, line {self.number}'
        return ArgumentError(f'{where}: {what}: expected {expected}, received {received!r}. {remedy}')


def read(path: Path) -> list[Slot]:
    """Read a trace.

    Args:
        path: A CSV file with the columns time, intensity and perhaps low and high.

    Returns:
        Its slots, in order.

    Raises:
        ArgumentError: If it is not there or a line is wrong.
    """
    try:
        lines = path.read_text('utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f'HEFTED_GRID_TRACE: expected a file with the grid by hour, received {str(path)!r}: {error}. '
            'Write one with the columns time,intensity, or unset the setting.'
        ) from error
    points = list(_points(path.name, lines))
    if not points:
        expected = "a row such as '2026-03-01T00:00Z,240'"
        raise _Line(path.name, len(lines) + 1).wrong('rows', expected, '', 'A trace of no hour tells nothing.')
    return slots(points)


def _points(name: str, lines: list[str]) -> Iterator[tuple[float, Quantity]]:
    header = [cell.strip() for cell in lines[0].split(',')] if lines else []
    if header not in _COLUMNS:
        expected = ' or '.join(','.join(columns) for columns in _COLUMNS)
        raise _Line(name, 1).wrong('columns', expected, ','.join(header), 'Begin the file with that line.')
    before = -inf
    for number, text in enumerate(lines[1:], 2):
        if not text.strip():
            continue
        line, cells = _Line(name, number), [cell.strip() for cell in text.split(',')]
        if len(cells) != len(header):
            raise line.wrong('fields', f'{len(header)} of them', text, 'Leave a field empty where nothing is known.')
        row = dict(zip(header, cells, strict=True))
        start = _time(line, row['time'])
        if start <= before:
            raise line.wrong('time', 'one after that of the row before', row['time'], 'Sort the rows, each hour once.')
        before = start
        yield start, _intensity(line, row)


def _time(line: _Line, cell: str) -> float:
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        expected = 'an instant with its zone, such as 2026-03-01T00:00+01:00'
        raise line.wrong('time', expected, cell, 'Write it as ISO 8601; Z is UTC.')
    return when.timestamp()


def _intensity(line: _Line, row: dict[str, str]) -> Quantity:
    value = _number(line, 'intensity', row['intensity'])
    ends = {end: _number(line, end, row[end]) for end in ('low', 'high') if row.get(end)}
    if not ends:
        return told(value, (FACTORS, REVISED), _SOURCE)
    low, high = ends.get('low', value), ends.get('high', value)
    if not low <= value <= high:
        raise line.wrong('low and high', f'ends around {value:g}', f'{low:g}, {high:g}', 'They are the 90 % interval.')
    return Quantity.between(value, low, high, UNIT, basis='modelled', source=_SOURCE)


def _number(line: _Line, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = 0.0
    if not 0 < value <= _MOST:
        raise line.wrong(column, f'g CO2e/kWh above 0 and at most {_MOST:g}', cell, 'Write grams per kWh.')
    return value


class Trace:
    """A trace as it stands in its file; read again when that has changed, and as it was while that is wrong.

    Args:
        path: The file.
        clock: Seconds since 1970.

    Attributes:
        version: Rises when it was read again.

    Raises:
        ArgumentError: If the file is not there or a line is wrong.
    """

    name = NAME

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._state = self._stat()
        self._slots = read(path)
        self._starts = [slot.start for slot in self._slots]
        self.version = 0

    @property
    def address(self) -> str:
        return str(self._path)

    def at(self, moment: float) -> Slot | None:
        """The slot of a moment, in seconds since 1970; None outside the trace's hours."""
        index = bisect_right(self._starts, moment) - 1
        return self._slots[index] if index >= 0 and moment < self._slots[index].end else None

    def now(self, place: Place) -> Quantity:  # noqa: ARG002
        """Tell the intensity now.

        Raises:
            Unanswered: If the trace does not hold this hour.
        """
        self.refresh()
        slot = self.at(self._clock())
        if slot is None:
            raise Unanswered(f'{NAME} does not hold this hour.')
        return slot.intensity

    def ahead(self, place: Place, hours: float) -> list[Slot]:  # noqa: ARG002
        """Tell the present slot and those of some hours to come.

        Raises:
            Unanswered: If the trace holds none of them.
        """
        self.refresh()
        now = self._clock()
        found = [slot for slot in self._slots if slot.end > now and slot.start < now + 3600 * hours]
        if not found:
            raise Unanswered(f'{NAME} holds none of the next {hours:.3g} hours.')
        return found

    def refresh(self) -> None:
        """Read the file again if it has changed, and is right."""
        state = self._stat()
        if state is None or state == self._state:
            return
        self._state = state
        try:
            found = read(self._path)
        except ArgumentError:  # it is being written: what it held stands until it is whole
            return
        self._slots, self._starts = found, [slot.start for slot in found]
        self.version += 1

    def _stat(self) -> tuple[int, int] | None:
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size


class Follow:
    """Follows a trace for the runs of a process: as `Watch` does a service, but to the second and without a thread.

    Args:
        trace: The trace.
        wall: Seconds since 1970.

    Attributes:
        version: Rises when the intensity changes.
        intensity: What stands now; None where the table's does.
        cost_seconds: 0: it has no thread.
    """

    cost_seconds = 0.0

    def __init__(self, trace: Trace, wall: Callable[[], float] = time.time) -> None:
        self.version = 0
        self.intensity: Quantity | None = None
        self._trace, self._wall = trace, wall
        self._stands = (inf, -inf)  # from when to when what stands now does
        self._read = trace.version
        self._gaps: list[Gap] = []
        self._without: float | None = host.monotonic()
        self.look()

    def look(self) -> None:
        """Take what holds now."""
        self._trace.refresh()
        now = self._wall()
        if self._stands[0] <= now < self._stands[1] and self._read == self._trace.version:
            return
        self._read, slot = self._trace.version, self._trace.at(now)
        self._stands = (inf, -inf) if slot is None else (slot.start, slot.end)
        intensity = None if slot is None else slot.intensity
        if intensity != self.intensity:
            self._set(intensity)

    def gaps(self, since: float) -> tuple[Gap, ...]:
        """The stretches for which the table's figure is used, that last until after an instant of CLOCK_MONOTONIC."""
        past = tuple(gap for gap in self._gaps if gap.end is not None and gap.end > since)
        return past if self._without is None else (*past, self._gap(self._without, None))

    def _set(self, intensity: Quantity | None) -> None:
        now = host.monotonic()
        if intensity is None:
            self._without = now
        elif self._without is not None:
            if self.version:
                self._gaps.append(self._gap(self._without, now))
            self._without = None
        self.intensity = intensity
        self.version += 1

    @staticmethod
    def _gap(start: float, end: float | None) -> Gap:
        return Gap('grid', f"{NAME} does not hold these hours. The table's yearly mean is used.", start, end)
