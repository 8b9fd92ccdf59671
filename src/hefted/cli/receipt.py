"""`hefted receipt`: one run, told to a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from hefted import ledger, settings
from hefted.cli.ledger import opened
from hefted.metering.reading import Component
from hefted.report.exports.record import facts_of
from hefted.report.receipt import Receipt, receipt


@click.command('receipt')
@click.argument('run', default='last', metavar='[RUN]')
@click.option('--json', 'as_json', is_flag=True, help='Every figure with its interval, errors and sources.')
@click.option('--html', 'page', type=click.Path(dir_okay=False, path_type=Path), help='Write a page to this file.')
@click.option('--all-attempts', is_flag=True, help='Of a training that was resumed: all attempts at it, summed.')
@click.option(
    '--without',
    multiple=True,
    type=click.Choice(get_args(Component)),
    help='Leave a component out of every figure, such as unseen.',
)
def command(run: str, as_json: bool, page: Path | None, all_attempts: bool, without: tuple[str, ...]) -> None:
    """Show what one run took: energy by part and by phase, carbon, and how each figure is known.

    RUN is the start of a run's id, as `hefted ledger` lists them; without it, the newest run is shown. A run
    that was killed shows what it had used by then.
    """
    told = receipt_of(opened().training(run) if all_attempts else opened().get(run), without)
    if page is not None:
        from hefted.report.html import page as as_page

        try:
            page.write_text(as_page(told), 'utf-8')
        except OSError as error:
            raise click.ClickException(f'--html: {page} cannot be written: {error.strerror}.') from error
    if as_json:
        click.echo(json.dumps(told.to_json(), indent=2, ensure_ascii=False))
    elif page is None:
        from hefted.report.terminal import show

        show(told)
        _tell_land(told)


def _tell_land(told: Receipt) -> None:
    """Ask whose land it is, where the user wants that (HEFTED_LAND=ask): shown beside the receipt, never kept in it."""
    if told.footprint is None or (settings.land_setting() or '').lower() != 'ask':
        return
    from hefted.footprint import land
    from hefted.footprint.live.web import Unanswered

    try:
        answer = land.told(told.footprint.place)
    except Unanswered as error:
        click.echo(f'hefted: {error.reason}', err=True)
        return
    for line in ['', *answer.lines] if answer else []:
        click.echo(line)


def receipt_of(run: ledger.RunSummary, without: tuple[str, ...] = ()) -> Receipt:
    """The receipt of a run in the ledger, without some of its components if so wished."""
    took = run.footprint_without(*without)
    return receipt(took, facts_of(run, None if without else took))
