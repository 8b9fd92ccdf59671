"""How good forecasts have been, as told to a person."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from hefted.ledger.scores import Outcome, Score, Scores, Summary
from hefted.quantities import Error, Quantity, Source
from hefted.report.columns import Column, Piece, table
from hefted.units import readable

NONE = 'No forecast has been kept yet. Each fit makes one before its first step.'

_HOW = {
    'pilot': 'steps tried just before',
    'known': 'earlier runs of the same',
    'roofline': "this machine's calibration",
    'catalogue': 'a catalogue of machines',
}
_FORECAST = Source('forecast', 'A forecast')
_UNPROVEN = (
    'Energy is scored by itself only where a counter read it. Where it is modelled, one model stands on both sides: '
    'its forecast is as good as that of the duration, and proves nothing of the model.'
)
_HELD, _MISSED = 'yes', 'no'
_NARROW = 60  # columns


def told(scores: Scores, width: int, newest: int = 20, ids: int = 13) -> Iterator[list[Piece]]:
    """Lay scores out in lines: a summary, then the newest runs.

    Args:
        scores: At least one.
        width: Of the terminal.
        newest: How many runs are listed.
        ids: How much of a run's id tells it apart.
    """
    finished = f'{_runs(len(scores.scored))} with a forecast finished.'
    for line in textwrap.wrap(f'{finished}{_apart(scores.apart)}', width):
        yield [(line, 'strong')]
    if not scores.scored:
        return
    yield []
    yield from _summaries('Duration, foreseen by', scores.by_how(), width)
    more = {'Once under way, by': scores.later_by_how(), 'Measured energy, by': scores.energy_by_how()}
    for title, summaries in more.items():
        if summaries:
            yield []
            yield from _summaries(title, summaries, width)
    yield []
    for text in ('An interval is meant to hold 90 of 100 times.', _UNPROVEN):
        yield from ([(line, 'quiet')] for line in textwrap.wrap(text, width))
    yield []
    yield from _calibrations(scores.scored, width)
    yield []
    yield from _newest(scores.scored[:newest], width, ids)


def _runs(number: int) -> str:
    return '1 run' if number == 1 else f'{number:,} runs'


def _apart(apart: Sequence[Score]) -> str:
    """What was not scored, and why."""
    if not apart:
        return ''
    counts = Counter(score.status for score in apart)
    named = ', '.join(f'{number:,} {status}' for status, number in counts.most_common())
    return f' Not scored, as less was done than foreseen: {named}.'


def _summaries(title: str, summaries: Mapping[str, Summary], width: int) -> Iterator[list[Piece]]:
    numbers = ('Runs', 'Off by (median)', 'Worst', 'Inside', 'High/low')
    columns = [Column(_padded(title)), *(Column(name, right=True) for name in numbers)]
    rows = [
        [
            _HOW.get(how, how),
            f'{each.runs:,}',
            _part(each.median_error),
            _part(each.worst_error),
            f'{100 * each.inside:.0f} %',
            f'{each.width:.2g}' if math.isfinite(each.width) else '–',
        ]
        for how, each in summaries.items()
    ]
    yield from table(columns, rows, width, ((5,), (3,), (1,)), elastic=_cut(width), shortest=14)


def _calibrations(scores: Sequence[Score], width: int) -> Iterator[list[Piece]]:
    """What the record teaches the next forecasts, by kind."""
    from hefted.forecast.learned import FEWEST, conformal
    from hefted.ledger.scored import record

    found = [(key.split(' | '), told) for key, ratios in record(scores).items() if (told := conformal(ratios))]
    if not found:
        text = f'From {FEWEST} runs of one kind and length on, forecasts have their intervals from this record.'
        yield from ([(line, 'quiet')] for line in textwrap.wrap(text, width))
        return
    columns = [
        Column(_padded('For those to come, by')),
        Column('Lasting'),
        Column('Runs', right=True),
        Column('Times', right=True),
        Column('Interval'),
        Column('Machine', style='quiet'),
    ]
    rows = [
        [
            _HOW.get(how, how),
            length,
            f'{told.runs}',
            f'{told.factor:.2f}',
            f'{told.low:.2f} to {told.high:.2f}',
            machine,
        ]
        for (machine, how, length), told in sorted(found, key=lambda each: each[0][1:])
    ]
    yield from table(columns, rows, width, ((5,), (2,), (3,)), elastic=_cut(width), shortest=10)


def _cut(width: int) -> int | None:
    """The first column, where a terminal is so narrow that it has to be cut short."""
    return 0 if width < _NARROW else None


def _padded(title: str) -> str:
    """A title as wide as what stands below it may be, so that tables stand in line."""
    return title.ljust(max(map(len, _HOW.values())))


def _newest(scores: Sequence[Score], width: int, ids: int) -> Iterator[list[Piece]]:
    columns = [
        Column('Run', style='name'),
        Column('What'),
        Column('Foreseen by'),
        Column('Duration foreseen'),
        Column('Took', right=True),
        Column('Off', right=True),
        Column('Energy foreseen'),
        Column('Took', right=True),
        Column('Inside', style=_told_inside),
    ]
    rows = [_cells(score, score.duration, ids) for score in scores if score.duration is not None]
    given_up = [(2,), (6, 7), (1,), (5,)]
    if not any(row[6] for row in rows):
        columns, rows = [*columns[:6], columns[-1]], [[*row[:6], row[-1]] for row in rows]
        given_up.remove((6, 7))
    if width < _NARROW:  # the intervals go too: hefted ledger --json has them
        columns[3] = Column('Foreseen')
        rows = [[*row[:3], row[3].partition(' (')[0], *row[4:]] for row in rows]
    yield from table(columns, rows, width, given_up, elastic=0 if width < _NARROW else 1)


def _told_inside(cell: str) -> str:
    return 'good' if cell == _HELD else 'poor'


def _cells(score: Score, duration: Outcome, ids: int) -> list[str]:
    energy = score.energy if score.measured else None
    return [
        score.run[:ids],
        score.name or score.kind,
        score.how,
        _foreseen(duration),
        _actual(duration),
        _signed(duration.ratio),
        _foreseen(energy) if energy else '',
        _actual(energy) if energy else '',
        _HELD if duration.inside else _MISSED,
    ]


def _foreseen(outcome: Outcome) -> str:
    figure = Quantity.between(outcome.foreseen, outcome.low, outcome.high, outcome.unit, source=_FORECAST)
    return str(figure).replace(', modelled)', ')').replace(' (modelled)', '')


def _actual(outcome: Outcome) -> str:
    """To three digits, so that it can be told from what was foreseen, and in the same unit."""
    near = 0.1 < outcome.ratio < 10
    shown = Quantity(outcome.actual, outcome.unit).to(
        readable(outcome.foreseen if near else outcome.actual, outcome.unit)
    )
    digit = 1.01 * 10.0 ** (math.floor(math.log10(shown.value)) - 2)
    number = str(Quantity(shown.value, '1', errors=(Error('third digit', -digit, digit),)))
    return f'{number.partition(" (")[0]} {shown.unit}'


def _part(error: float) -> str:
    """A part as a percentage; a multiple where it is more than that.

    Example:
        >>> _part(0.041), _part(2.5)
        ('4.1 %', '3.5 times')
    """
    if error >= 1:
        return f'{1 + error:.2g} times' if error < 99 else f'{1 + error:,.0f} times'
    return f'{100 * error:.1f} %' if error < 0.1 else f'{100 * error:.0f} %'


def _signed(ratio: float) -> str:
    """How much more or less it took.

    Example:
        >>> _signed(1.042), _signed(0.88), _signed(3.5), _signed(0.25)
        ('+4.2 %', '-12 %', '× 3.5', '÷ 4')
    """
    if ratio >= 2:
        return f'× {ratio:.2g}' if ratio < 100 else f'× {ratio:,.0f}'
    if ratio <= 0.5:
        return f'÷ {1 / ratio:.2g}' if ratio > 0.01 else f'÷ {1 / ratio:,.0f}'
    return f'{"+" if ratio >= 1 else "-"}{_part(abs(ratio - 1))}'
