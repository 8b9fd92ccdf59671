"""`hefted compare`: one training on several machines, places, precisions and batch sizes, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hefted.cli.work import Work, of_house, of_work
from hefted.errors import ArgumentError

if TYPE_CHECKING:
    from hefted.forecast.compare import Comparison, Figure, PlanOf, Price
    from hefted.forecast.plan import Plan

_FIGURES = ('duration', 'energy', 'carbon', 'cost', 'water', 'minerals')
_PRECISIONS = {'fp32': 'float32', 'bf16': 'bfloat16', 'fp16': 'float16', 'fp8': 'float8'}


class Pricing(NamedTuple):
    """What plans are made and priced by.

    Attributes:
        price: Forecasts one.
        plan_of: Makes one of parameters, tokens, sequence length, precision and batch.
    """

    price: Price
    plan_of: Callable[..., Plan]


@click.command('compare')
@click.argument('run', required=False, metavar='[RUN]')
@of_work
@click.option('--on', multiple=True, help="A machine, such as '64 x V100' or 8xH100; several times for several.")
@click.option('--place', 'places', multiple=True, help='Where it runs, such as FR, US-VA or aws:us-west-2.')
@of_house
@click.option('--precision', 'precisions', multiple=True, help='Of the products: bf16, fp16, fp32 or fp8.')
@click.option(
    '--batch',
    'batches',
    multiple=True,
    type=click.IntRange(1),
    help='Sequences (rows) a step, of all devices together.',
)
@click.option('--by', type=click.Choice(_FIGURES), default='carbon', show_default=True, help='What to sort by.')
@click.option('--picture', type=click.Path(dir_okay=False, path_type=Path), help='Draw it to this file, .svg or .png.')
@click.option('--json', 'as_json', is_flag=True, help='Every figure with its interval, errors and sources.')
@click.pass_obj
def command(
    pricing: Pricing | None,
    run: str | None,
    on: tuple[str, ...],
    places: tuple[str, ...],
    pue: float | None,
    precisions: tuple[str, ...],
    batches: tuple[int, ...],
    by: Figure,
    picture: Path | None,
    as_json: bool,
    **work: Any,
) -> None:
    """Price one training on several machines and places side by side, before any of it is spent.

    What is trained: RUN, whose plan its journal holds (the start of its id, or last), or --tokens with --params or
    --config.

    \b
    hefted compare --params 340M --tokens 43B --seq 128 --on 64xV100 --on 8xH100 --place US-VA --place FR
    hefted compare last --on 8xH100 --on 1xA100 --by cost --picture choices.svg

    Each figure has the interval that hefted forecast tells. What two rows have in common, such as the model of how
    well machines are used, is no difference between them: 'times the least' has it cancelled, and a ? where it leaves
    a doubt.
    """  # noqa: D301 (click's mark for a paragraph that is not wrapped)
    from hefted.forecast.compare import compare

    if not on:
        raise ArgumentError('--on: expected a machine, received none. Such as --on 8xH100; give it twice to compare.')
    pricing = pricing or _analytic()
    plan, told = _plan(pricing, run, Work(**work))
    known = told if pue is None else told | {'pue': pue}
    wanted = [_PRECISIONS.get(each.lower(), each) for each in precisions]
    found = compare(plan, on, places, wanted, batches, price=partial(pricing.price, **known), by=by)
    if picture is not None:
        from hefted.report.picture import draw

        draw(found, picture)
    if as_json:
        click.echo(json.dumps(_json(found), indent=2, ensure_ascii=False))
        return
    from hefted.cli.painting import paint, width
    from hefted.report.comparison import told

    paint(told(found, width()))


def _analytic() -> Pricing:
    from hefted.forecast.analytic import forecast_for, plan_of  # late: its tables

    return Pricing(forecast_for, plan_of)


def _plan(pricing: Pricing, run: str | None, work: Work) -> tuple[Plan | PlanOf, dict[str, Any]]:
    """The plan, or what makes it; and what a forecast is told beside it."""
    if run is not None and work.told:
        raise ArgumentError('run: expected a run, or --params and --tokens, received both. Leave one of them out.')
    if run is not None:
        from hefted.cli.ledger import opened
        from hefted.forecast.compare import plan_in

        return plan_in(opened().get(run).lines()), {}
    if not work.told:
        raise ArgumentError(
            'run: expected what is trained, received nothing of it. Name a run (hefted ledger lists them; last is the '
            'newest), or give --tokens with --params or --config.'
        )
    fixed = work.plan()

    def plan_of(precision: str | None, batch: int | None) -> Plan:
        told = fixed | {'precision': precision, 'batch': batch}
        return pricing.plan_of(**{name: value for name, value in told.items() if value is not None})

    return plan_of, {'shape': fixed['shape']}


def _json(found: Comparison) -> dict[str, Any]:
    best = found.best(found.by)
    rows: list[dict[str, Any]] = []
    for name, row in zip(found.names, found.rows, strict=True):
        ratio = None if best is None else found.ratio(row, best)
        told = {'name': name, 'fits': row.forecast.fits, 'forecast': row.forecast.to_json()}
        rows.append(told | {'times_the_least': ratio and ratio.times.to_json()})
    return {'by': found.by, 'differs': list(found.differs), 'verdict': found.verdict(), 'rows': rows}
