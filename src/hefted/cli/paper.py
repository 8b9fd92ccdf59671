"""`hefted paper`: a table that made the price of training known, computed again."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from hefted.errors import unknown_name

if TYPE_CHECKING:
    from hefted.footprint.place import Place
    from hefted.footprint.strubell import Row

_PAPERS = ('strubell-2019',)
_WIDEST = 120
_HEAD = ('Model', 'On', 'W', 'Hours', 'kWh printed', 'here', 'lb printed', 'here', 'today', '')


@click.command('paper')
@click.argument('name', default='', metavar='[NAME]')
@click.option('--place', default='US', show_default=True, help="Where today's figures are told for.")
@click.option('--json', 'as_json', is_flag=True, help='Every figure, those of today with interval and sources.')
def command(name: str, place: str, as_json: bool) -> None:
    """Compute a published table again, by its own constants and by today's.

    NAME is strubell-2019: "Energy and Policy Considerations for Deep Learning in NLP", Table 3, with what has become
    known of it since. Without a name, the papers are listed.
    """
    from hefted.footprint.place import Place

    if not name:
        click.echo('strubell-2019  Strubell, Ganesh and McCallum, 2019, Table 3: what it took to train BERT and others')
        return
    if name not in _PAPERS:
        raise unknown_name('name', name, _PAPERS)
    where = Place.of(place)
    if as_json:
        click.echo(json.dumps(_plain(where), indent=2, ensure_ascii=False))
        return
    from hefted.report.stream import Stream

    out: Any = Stream()
    for line in _told(where, min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else _WIDEST):
        click.echo(line, out)


def _told(place: Place, width: int) -> Iterator[str]:
    from hefted.footprint.strubell import HISTORY, POUNDS_PER_KWH, PUE, pue_today, rows

    yield click.style('Strubell, Ganesh and McCallum 2019, Table 3', bold=True) + ' · arxiv.org/abs/1906.02243'
    yield ''
    for text in (
        f"From each row's power and hours, by the paper's constants: PUE {PUE} and {POUNDS_PER_KWH} lb CO2e/kWh.",
        f'Today ({place}): the same power and hours, at PUE {pue_today()}.',
    ):
        yield from textwrap.wrap(text, width)
    yield ''
    yield from _table(rows(), place, width)
    yield ''
    for note in HISTORY:
        yield from textwrap.wrap(note, width, initial_indent='· ', subsequent_indent='  ', break_on_hyphens=False)


def _table(rows: Sequence[Row], place: Place, width: int) -> Iterator[str]:
    """The table in columns; a narrow terminal goes without hardware and watts, then without the interval."""
    cells = [list(_HEAD), *(_cells(row, place) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    shown = list(range(len(_HEAD)))
    for given_up in ((1, 2), (9,)):
        if sum(widths[column] + 2 for column in shown) > width + 2:
            shown = [column for column in shown if column not in given_up]
    for number, line in enumerate(cells):
        left = (0, 1, 9)
        told = [f'{line[at]:<{widths[at]}}' if at in left else f'{line[at]:>{widths[at]}}' for at in shown]
        if number:
            told[0] = click.style(told[0], fg='cyan')
        yield '  '.join(told).rstrip() if number else click.style('  '.join(told).rstrip(), dim=True)


def _cells(row: Row, place: Place) -> list[str]:
    carbon = row.carbon_today(place)
    today, _, interval = str(carbon).partition(' (')
    numbers = (row.kwh_printed, row.kwh, row.pounds_printed, row.pounds)
    return [
        row.model,
        row.hardware,
        f'{row.power_w:,.0f}',
        f'{row.hours:,g}',
        *(f'{number:,.0f}' for number in numbers),
        today,
        f'({interval.removesuffix(f", {carbon.basis})")})',
    ]


def _plain(place: Place) -> dict[str, Any]:
    from hefted.footprint.strubell import HISTORY, POUNDS_PER_KWH, PUE, rows

    return {
        'paper': 'Strubell, Ganesh and McCallum 2019, Table 3, https://arxiv.org/abs/1906.02243',
        'constants': {'pue': PUE, 'lb_co2e_per_kwh': POUNDS_PER_KWH},
        'rows': [
            {
                **row._asdict(),
                'kwh': row.kwh,
                'pounds': row.pounds,
                'energy_today': row.energy_today().to_json(),
                'carbon_today': row.carbon_today(place).to_json(),
            }
            for row in rows()
        ],
        'place_today': place.to_json(),
        'history': list(HISTORY),
    }
