"""`hefted forecast`: what a training takes on machines that are not at hand, before anybody rents them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from hefted.cli.work import Work, of_house, of_work
from hefted.quantities import parted
from hefted.report.receipt import Facts, Line, Receipt

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast
    from hefted.forecast.plan import Plan
    from hefted.quantities import Quantity


@click.command(
    'forecast',
    epilog='Example: hefted forecast --params 340M --tokens 43B --seq 128 --batch 256 --on 64xV100 --place us-va',
)
@of_work
@click.option('--on', required=True, metavar='MACHINES', help="Such as '64 x V100', tpu-v5e:16 or p4d.24xlarge.")
@click.option('--place', help="Where: FR, us-va, aws:us-west-2. What the settings say, else the world's mean.")
@of_house
@click.option('--precision', default='bf16', show_default=True, help='Of the products: bf16, fp16, fp32 or fp8.')
@click.option('--batch', type=click.IntRange(1), help='Sequences a step, of all devices together.')
@click.option('--json', 'as_json', is_flag=True, help='Every figure with its interval and sources.')
def command(
    on: str,
    place: str | None,
    pue: float | None,
    precision: str,
    batch: int | None,
    as_json: bool,
    **work: Any,
) -> None:
    """Say what a training takes before anybody rents a machine for it.

    Duration, energy, carbon, water, minerals and money of a transformer of so many parameters on so many tokens, by
    formulas and a catalogue. Each has an interval that is meant to hold nine in ten; of 18 published trainings it held
    15.
    """
    said = Work(**work).plan()
    from hefted.forecast.analytic import forecast_for, plan_of

    plan = plan_of(batch=batch, precision=precision, **said)
    told = forecast_for(plan, on, place, shape=said['shape'], pue=pue)
    if as_json:
        click.echo(json.dumps(told.to_json(), indent=2, ensure_ascii=False))
        return
    from hefted.report.terminal import show

    show(told_receipt(told))


def told_receipt(forecast: Forecast) -> Receipt:
    """A forecast as a receipt is told, on a terminal or in a file.

    Args:
        forecast: What is told.
    """
    return _Priced(
        Facts('', 'forecast', f'{_work(forecast.plan)} · {forecast.on}', ''), forecast.footprint, (), forecast
    )


@dataclass(frozen=True)
class _Priced(Receipt):
    """A receipt of what has not been spent yet."""

    forecast: Forecast | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(_lines(self.forecast)) if self.forecast else ()


_TOLD_OTHERWISE = ('Duration', 'Cost', 'Run')


def _lines(told: Forecast) -> Iterator[Line]:
    """The lines of its footprint, but for those that a run has and a forecast has not."""
    footprint = told.footprint
    lines = [line for line in Receipt(Facts(''), footprint).lines if line.label not in _TOLD_OTHERWISE]
    yield _figure('Duration', told.duration)
    yield from (line for line in lines if line.kind in ('figure', 'part'))
    yield _cost(footprint.cost)
    yield from _about_use(told)
    yield from (line for line in lines if line.kind == 'note')
    for label, texts in (('Notes', told.notes), ('Rests on', _sources(told))):
        yield from (Line('' if number else label, text, kind='note') for number, text in enumerate(texts))


def _figure(label: str, quantity: Quantity) -> Line:
    return Line(label, *parted(quantity))


def _cost(cost: Quantity | None) -> Line:
    if cost is None:
        return Line('Cost', 'not known')
    line = _figure('Cost', cost)
    listed = next((source.year for source in cost.sources if source.key.startswith('price:')), None)
    return replace(line, detail=f'{line.detail}; list price of {listed}') if listed else line


def _about_use(told: Forecast) -> Iterator[Line]:
    share = told.utilisation
    if share is not None:
        ends = f'{_percent(share.low)} to {_percent(share.high)} %, {share.basis}'
        yield Line('Used', f'{_percent(share.value)} %', f'of the peak ({ends})')
    fits = {True: 'yes', False: 'no', None: 'not known'}[told.fits]
    yield Line('Fits', fits, 'in the memory of the accelerators')


def _percent(share: float) -> str:
    return f'{100 * share:.0f}' if share >= 0.1 else f'{100 * share:.2g}'


def _sources(told: Forecast) -> list[str]:
    """What the figures rest on, each once: the duration's first."""
    of = [told.duration, told.footprint.energy, told.footprint.carbon, told.footprint.water, told.footprint.cost]
    sources = (source for quantity in of if quantity is not None for source in quantity.sources)
    titles = [
        f'{source.title} ({source.year})' if source.year and str(source.year) not in source.title else source.title
        for source in sources
    ]
    return list(dict.fromkeys(titles))[:_SOURCES_TOLD]


_SOURCES_TOLD = 5


def _work(plan: Plan) -> str:
    return f'{_short(plan.parameters)} parameters, {_short(plan.tokens)} tokens'


def _short(number: float | None) -> str:
    value = float(number or 0)
    for letter, size in (('T', 1e12), ('B', 1e9), ('M', 1e6)):
        if value >= size:
            return f'{value / size:.3g}{letter}'
    return f'{value:,.0f}'
