"""A comparison of forecasts, as told to a person on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from hefted.forecast.compare import FIGURES, Comparison, Figure, Row
from hefted.forecast.words import rounded
from hefted.quantities import Quantity
from hefted.report.columns import Column, Piece, cut, plain, table

_GIVEN_UP: tuple[Figure, ...] = ('minerals', 'water', 'energy', 'cost', 'duration', 'carbon')  # in this order
_UNKNOWN = '–'
_BETWEEN = ' · '
_SHORTEST = 28  # columns of a row's name before figures are given up for it


def told(comparison: Comparison, width: int) -> Iterator[list[Piece]]:
    """Lay a comparison out in lines: what is the same, the table, and what takes least.

    Args:
        comparison: Of one row or more, in the order that is told.
        width: Of the terminal.
    """
    for line in textwrap.wrap(same(comparison), width):
        yield [(line, 'strong')]
    yield []
    yield from _table(comparison, width)
    yield []
    if verdict := comparison.verdict():
        yield from ([(line, '')] for line in textwrap.wrap(verdict, width))
    yield from _notes(comparison.rows, width)


def same(comparison: Comparison) -> str:
    """What all rows have in common: the work, and the machine, place, precision or batch where they do not differ.

    Such as '340 million parameters, 137 billion tokens · France · bfloat16'.
    """
    first = comparison.rows[0].forecast
    plan = first.plan
    sizes = [(plan.parameters, 'parameters'), (plan.tokens, 'tokens')]
    work = [f'{rounded(number)} {name}' for number, name in sizes if number]
    if not work:
        work = [f'{plan.steps:,} steps' if plan.steps else 'one plan']
    common = {
        'on': first.on,
        'place': str(first.footprint.place),
        'precision': plan.precision,
        'batch': f'batch {plan.batch_size:,}' if plan.batch_size else '',
    }
    differs = comparison.differs if len(comparison.rows) > 1 else ('on',)
    return _BETWEEN.join([', '.join(work), *(text for what, text in common.items() if text and what not in differs)])


def _table(comparison: Comparison, width: int) -> Iterator[list[Piece]]:
    """As much as fits: intervals of every figure, or of the one that counts, or fewer figures."""
    lines: list[list[Piece]] = []
    widest: Sequence[Figure] | None = None
    missing: list[str] = []
    for shown, whole, ratios in _layouts(comparison):
        widest = shown if widest is None else widest
        missing = [name for name in widest if name not in shown]
        lines = list(_lines(comparison, shown, whole, ratios, width))
        if max(len(plain(line)) for line in lines) <= width:
            break
    yield from lines
    yield from left_out(missing, width)


def left_out(figures: Sequence[str], width: int) -> Iterator[list[Piece]]:
    """Say which figures a narrow terminal goes without.

    Args:
        figures: Their names; nothing is said of none.
        width: Of the terminal.

    Example:
        >>> [plain(line) for line in left_out(['Energy', 'Cost'], 60)]
        ['Left out for want of width: energy, cost. --json has all.']
    """
    if figures:
        text = f'Left out for want of width: {", ".join(figures).lower()}. --json has all.'
        yield from ([(line, 'quiet')] for line in textwrap.wrap(text, width))


def _layouts(comparison: Comparison) -> Iterator[tuple[Sequence[Figure], Sequence[Figure], Sequence[str]]]:
    """What a table shows, the widest first: its figures, those with intervals, how many times the least."""
    ratios, none = _ratios(comparison), ['' for _ in comparison.rows]
    shown: list[Figure] = [name for name in FIGURES if any(row.figure(name) is not None for row in comparison.rows)]
    counts: list[Figure] = [comparison.by]
    yield shown, shown, ratios
    given_up: list[Figure] = [name for name in _GIVEN_UP if name in shown and name != comparison.by]
    for left_out in range(len(given_up) + 1):
        yield [name for name in shown if name not in given_up[:left_out]], counts, ratios
    yield counts, counts, none
    yield counts, [], none


def _lines(
    comparison: Comparison, shown: Sequence[Figure], whole: Sequence[Figure], ratios: Sequence[str], width: int
) -> Iterator[list[Piece]]:
    columns = [Column(_head(comparison), style='name', cut=cut_name)]
    columns += [Column(name.capitalize(), style='strong' if name == comparison.by else '') for name in shown]
    named = zip(comparison.names, comparison.rows, strict=True)
    cells = [[name, *(_figure(row, figure, figure in whole) for figure in shown)] for name, row in named]
    if any(ratios):
        columns.append(Column('Times the least', style='quiet'))
        cells = [[*row, ratio] for row, ratio in zip(cells, ratios, strict=True)]
    longest = max(len(row[0]) for row in cells)
    elastic = 0 if longest > _SHORTEST else None
    yield from table(columns, cells, width, elastic=elastic, shortest=_SHORTEST)


def cut_name(name: str, width: int) -> str:
    """A row's name cut short in its longest part, so that it still differs from the others where they differ.

    Example:
        >>> cut_name('64 x Tesla V100 SXM2 16GB · Virginia', 28)
        '64 x Tesla V100… · Virginia'
    """
    parts = name.split(_BETWEEN)
    over = len(name) - width
    if over <= 0:
        return name
    longest = max(range(len(parts)), key=lambda at: len(parts[at]))
    parts[longest] = parts[longest][: max(len(parts[longest]) - over - 1, 1)].rstrip() + '…'
    return cut(_BETWEEN.join(parts), width)


def _head(comparison: Comparison) -> str:
    heads = {'on': 'Machine', 'place': 'Place', 'precision': 'Precision', 'batch': 'Batch'}
    return _BETWEEN.join(heads[what] for what in comparison.differs)


def _figure(row: Row, name: Figure, whole: bool) -> str:
    figure = row.figure(name)
    if figure is None:
        return _UNKNOWN
    return interval(figure) if whole else figure.rounded


def interval(figure: Quantity) -> str:
    """A figure with its interval; the basis, which is a model's everywhere here, is left out."""
    return str(figure).replace(f', {figure.basis})', ')').replace(f' ({figure.basis})', '')


def _ratios(comparison: Comparison) -> list[str]:
    """How many times the least each takes; '' where that is not known."""
    best = comparison.best(comparison.by) if len(comparison.rows) > 1 else None
    return [_times(comparison, row, best) for row in comparison.rows]


def _times(comparison: Comparison, row: Row, best: Row | None) -> str:
    if not row.fits:
        return 'does not fit'
    ratio = None if best is None or row is best else comparison.ratio(row, best)
    if ratio is None:
        return ''
    told = str(ratio).replace(' times', '')
    return told if ratio.clear else f'{told} ?'


def _notes(rows: Sequence[Row], width: int) -> Iterator[list[Piece]]:
    """What readers should know, each note once with the machines that it is of, where it is not of all."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for note in row.forecast.notes:
            found.setdefault(note, []).append(row.forecast.on)
    machines = {row.forecast.on for row in rows}
    for note, on in found.items():
        named = '' if set(on) == machines else f'{", ".join(dict.fromkeys(on))}: '
        yield from ([(line, 'quiet')] for line in textwrap.wrap(f'{named}{note}', width))
