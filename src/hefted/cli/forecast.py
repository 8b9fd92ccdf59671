"""`hefted forecast`: what a training takes on machines that are not at hand, before anybody rents them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from hefted.cli.numbers import number
from hefted.errors import ArgumentError
from hefted.quantities import parted
from hefted.report.receipt import Facts, Line, Receipt

if TYPE_CHECKING:
    from hefted.forecast.analytic import Shape
    from hefted.forecast.forecast import Forecast
    from hefted.forecast.plan import Plan
    from hefted.quantities import Quantity

_WORDS = {'decoder': 'decoder', 'encoder': 'encoder', 'both': 'encoder-decoder'}


@click.command(
    'forecast',
    epilog='Example: hefted forecast --params 340M --tokens 137B --seq 512 --batch 256 --on 64xV100 --place us-va',
)
@click.option('--params', type=number, metavar='NUMBER', help='Parameters of the model, such as 340M or 340e6.')
@click.option(
    '--config', metavar='FILE', help="The model's config.json (or its folder): counts parameters, runs no code."
)
@click.option('--tokens', type=number, metavar='NUMBER', required=True, help='Tokens in all, each pass counted.')
@click.option('--on', required=True, metavar='MACHINES', help="Such as '64 x V100', tpu-v5e:16 or aws:p4d.24xlarge.")
@click.option('--place', help="Where: FR, us-va, aws:us-west-2. What the settings say, else the world's mean.")
@click.option('--precision', default='bf16', show_default=True, help='Of the products: bf16, fp16, fp32 or fp8.')
@click.option('--seq', type=click.IntRange(1), help='Tokens of one sequence.')
@click.option('--batch', type=click.IntRange(1), help='Sequences a step, of all devices together.')
@click.option('--active', type=number, metavar='NUMBER', help='Of a mixture of experts: parameters a token passes.')
@click.option('--kind', type=click.Choice(list(_WORDS)), help='Blocks: both is an encoder with a decoder.')
@click.option('--json', 'as_json', is_flag=True, help='Every figure with its interval and sources.')
def command(
    params: float | None,
    config: str | None,
    tokens: float,
    on: str,
    place: str | None,
    precision: str,
    seq: int | None,
    batch: int | None,
    active: float | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Say what a training takes before anybody rents a machine for it.

    Duration, energy, carbon, water, minerals and money of a transformer of so many parameters on so many tokens, by
    formulas and a catalogue: each with a 90 % interval, as wide as published runs of the same size have been.
    """
    if (params is None) == (config is None):
        raise ArgumentError(
            'Expected --params or --config, one of the two. Give the number of parameters, such as 340M.'
        )
    from hefted.forecast.analytic import forecast_for, plan_of

    shape = _shape(params, config, seq, kind)
    plan = plan_of(params, tokens, active=active, sequence_length=seq, batch=batch, precision=precision, shape=shape)
    told = forecast_for(plan, on, place, shape=shape)
    if as_json:
        click.echo(json.dumps(told.to_json(), indent=2, ensure_ascii=False))
        return
    from hefted.report.terminal import show

    show(told_receipt(told))


def _shape(params: float | None, config: str | None, seq: int | None, kind: str | None) -> Shape:
    from hefted.forecast.analytic import Shape, shape_of_config
    from hefted.forecast.planning import named_shape

    if config is None:
        return Shape(sequence_length=seq, kind=_WORDS[kind or 'decoder'], parameters=round(params or 0))  # pyright: ignore[reportArgumentType]
    return named_shape(shape_of_config(config), seq)


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
