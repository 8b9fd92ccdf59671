"""`hefted ledger`: a table of runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from hefted import ledger
from hefted.ledger import Ledger, RunSummary
from hefted.quantities import Quantity
from hefted.report.stream import Stream

_LISTED = 20
_COLOURS = {'finished': 'green', 'running': 'cyan', 'stopped': 'yellow', 'interrupted': 'yellow'}
_HEAD = ('Run', 'Started', 'What', 'Status', 'Duration', 'Energy', 'Carbon')
_WHAT = 32  # columns that a long name keeps before others give way
_GIVEN_UP = ('Started', 'Duration', 'Carbon')  # columns that a narrow terminal goes without, in this order


@click.command('ledger')
@click.option(
    '--all', 'everything', is_flag=True, help=f'Every run, not the {_LISTED} newest, and the parts of sweeps.'
)
@click.option('--scores', is_flag=True, help='How good the forecasts have been: each beside what its run took.')
@click.option('--json', 'as_json', is_flag=True, help='All of it as JSON, each figure with its interval and sources.')
def command(everything: bool, scores: bool, as_json: bool) -> None:
    """List your runs, the newest first, those that were killed too.

    A sweep (many fits that belong together) is one line with its total. `hefted receipt RUN` shows one run.
    """
    if scores:
        from hefted.cli.scores import show

        show(opened().scores(), everything=everything, as_json=as_json)
        return
    runs = opened().runs()
    if as_json:
        click.echo(json.dumps([_json(run) for run in runs], indent=2, ensure_ascii=False))
        return
    if not runs:
        click.echo('No run has been kept yet. Each fit keeps one; `hefted demo` makes the first.')
        return
    out: Any = Stream()  # where it holds no '·', it gets '-'
    shown = runs if everything else runs[:_LISTED]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    length = id_length(_ids(runs))
    for line in table(list(_rows(shown, length, parts=everything)), width):
        click.echo(line, out)
    if len(runs) > len(shown):
        click.echo(click.style(f'… and {len(runs) - len(shown)} older: hefted ledger --all', dim=True), out)


def opened() -> Ledger:
    """The ledger; its folder need not be there, but if it is, it can be read.

    Raises:
        ClickException: It cannot.
    """
    found = ledger.open()
    try:
        with os.scandir(found.folder):
            pass
    except FileNotFoundError:
        pass
    except OSError as error:
        raise click.ClickException(
            f'The folder of your runs, {found.folder}, cannot be read ({error.strerror}). '
            'See to it, or set HEFTED_DATA_DIR to the folder that holds them.'
        ) from error
    return found


def _ids(runs: Sequence[RunSummary]) -> Iterator[str]:
    for run in runs:
        yield run.id
        yield from _ids(run.children)


def id_length(ids: Iterable[str]) -> int:
    """How much of the ids tells them apart: their millisecond, their microsecond, or all."""
    known = set(ids)  # the last attempt at a training names them all
    return next((length for length in (13, 18) if len({i[:length] for i in known}) == len(known)), 36)


def _rows(runs: Sequence[RunSummary], length: int, *, parts: bool, indent: str = '') -> Iterator[tuple[str, ...]]:
    for run in runs:
        yield _row(run, indent + run.id[:length])
        if parts:
            yield from _rows(run.children, length, parts=True, indent=indent + '  ')


def _row(run: RunSummary, told_id: str) -> tuple[str, ...]:
    started = '' if run.started is None else f'{datetime.fromtimestamp(run.started):%Y-%m-%d %H:%M}'
    what = ' · '.join(part for part in (run.kind, run.name) if part)
    if run.children:
        what += f' · {run.attempts} attempts' if run.attempts else f' · {len(run.children)} runs'
    if run.reason:
        what = run.reason
    status = run.status
    figures = (_figure(run.duration), _figure(run.energy), _figure(run.carbon))
    return (told_id, started, what, status, *figures)


def _figure(quantity: Quantity | None) -> str:
    """The figure with its interval; the basis, which is the receipt's to tell, is left out."""
    if quantity is None:
        return '–'
    return str(quantity).replace(f', {quantity.basis})', ')').replace(f' ({quantity.basis})', '')


def table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lay rows out in columns that fit; a narrow terminal goes without the least needed ones."""
    rows = [_HEAD, *rows]
    widths = _widths(rows)
    widths['What'] = min(widths['What'], max(_WHAT, widths['What'] - max(_sum(widths) - width, 0)))
    for name in _GIVEN_UP:
        if _sum(widths) > width:
            del widths[name]
    if _sum(widths) > width:  # the intervals go too: they are in the receipt
        rows = [[cell.partition(' (')[0] for cell in row] for row in rows]
        widths = {name: columns for name, columns in _widths(rows).items() if name in widths}
        widths['What'] = max(widths['What'] - max(_sum(widths) - width, 0), len('What'))
    for number, row in enumerate(rows):
        cells = zip(_HEAD, row, strict=True)
        told = [_styled(_fitted(cell, widths[name]), name, number == 0) for name, cell in cells if name in widths]
        yield '  '.join(told).rstrip()


def _widths(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    return {name: max(len(row[column]) for row in rows) for column, name in enumerate(_HEAD)}


def _sum(widths: dict[str, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + '…'


def _styled(cell: str, name: str, is_head: bool) -> str:
    if is_head:
        return click.style(cell, dim=True)
    if name == 'Status':
        return click.style(cell, fg=_COLOURS.get(cell.strip(), 'red'))
    return click.style(cell, fg='cyan') if name == 'Run' else cell


def _json(run: RunSummary) -> dict[str, Any]:
    figures = {'duration': run.duration, 'energy': run.energy, 'carbon': run.carbon}
    return {
        'id': run.id,
        'parent': run.parent,
        'kind': run.kind,
        'name': run.name,
        'started': run.started,
        'status': run.status,
        'attempt': run.attempt,
        'resumes': run.resumes,
        'attempts': run.attempts,
        'reason': run.reason,
        'place': run.place,
        **{name: None if figure is None else figure.to_json() for name, figure in figures.items()},
        'children': [_json(child) for child in run.children],
    }
