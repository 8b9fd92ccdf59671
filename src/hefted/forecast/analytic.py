"""A forecast for machines that are not at hand: by formulas and a catalogue, without JAX.

    duration = operations / (accelerators x peak x utilisation)       energy = duration x power, by component

Utilisation is `hefted.forecast.utilisation`, power `hefted.forecast.device_power`, prices of both are those of any
footprint (`hefted.footprint.account`). A compiled program, of which no tokens are known, goes by
`hefted.forecast.roofline`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

from hefted.errors import ArgumentError
from hefted.footprint.account import priced
from hefted.footprint.factors import Factors, factors_for
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place, find
from hefted.footprint.price import list_price, tariff
from hefted.forecast import device_power, roofline
from hefted.forecast.fitting import Fit, fit
from hefted.forecast.forecast import Forecast
from hefted.forecast.machines import Machines, machines
from hefted.forecast.plan import Plan
from hefted.forecast.planning import plan_of, plan_of_config
from hefted.forecast.recipes import Recipe
from hefted.forecast.shapes import Shape, shape_of, shape_of_config
from hefted.forecast.tables import rows
from hefted.forecast.utilisation import HELD, utilisation
from hefted.metering.reading import Component
from hefted.metering.switches import switches
from hefted.quantities import Quantity, Source, total

__all__ = [
    'Machines',
    'Shape',
    'forecast_for',
    'forecast_recipe',
    'machines',
    'plan_of',
    'plan_of_config',
    'shape_of',
    'shape_of_config',
]

_SIX = Source(
    'operations',
    'Operations of a training: 6 a parameter and token (Kaplan et al. 2020; Hoffmann et al. 2022)',
    2022,
    'https://arxiv.org/abs/2001.08361',
    'fact',
)
_COMPILED = Source('operations', "Operations as the compiler's cost analysis counts them", None, None, 'fact')
_DATA_SHEETS = Source('peaks', "Peaks, memory and links by the vendors' data sheets", 2025, None, 'fact')

_SAID = Source('pue:said', 'as said', None, None, 'fact')
_MOST_OVERHEAD = 10.0
_ROUNDING = 1e-9
_MIXED = 0.9  # of the parameters: with fewer passed by a token, it is a mixture of experts


class _Spent(NamedTuple):
    """How long each phase takes with what load, and how much of the peak all of it is."""

    phases: dict[str, tuple[Quantity, device_power.Load]]
    share: Quantity

    @property
    def duration(self) -> Quantity:
        return total([seconds for seconds, _ in self.phases.values()])


def forecast_for(
    plan: Plan,
    on: str | Machines,
    place: Place | str | None = None,
    *,
    shape: Shape | None = None,
    pue: float | None = None,
) -> Forecast:
    """Tell what a plan takes on machines of the catalogue.

    Args:
        plan: With tokens and parameters (`plan_of`), or with the operations of a compiled step.
        on: The machines, such as '64 x V100' or 'aws:p5.48xlarge'.
        place: Where they stand; what the settings say if None.
        shape: Of the model, where it is known.
        pue: Energy of the data centre over that of its machines, where it is known; what its operator publishes, or
            a survey's mean, if None.

    Returns:
        Duration, energy by component, carbon, water, minerals and money, each with an interval that is meant to hold
        nine in ten; its notes say how many published trainings it held.

    Raises:
        ArgumentError: If the plan tells no work, the peak of the accelerators is not known, or the PUE is none.
        UnknownNameError: If the machines or the place are not known; the message holds the nearest names.

    Example:
        >>> told = forecast_for(plan_of(175e9, 300e9), '10000 x V100', 'US')
        >>> str(told.duration), told.fits
        ('10 d (6 to 30, modelled)', True)
        >>> told.footprint.energy.to('MWh').low < 1287 / 1.1 < told.footprint.energy.to('MWh').high
        True
    """
    found, where = machines(on), find(place)
    room = fit(plan, found)
    spent = _by_tokens(plan, found, shape or Shape(), room) if _told_tokens(plan) else _by_roofline(plan, found)
    footprint, note = _footprint(spent, found, where, _house(pue))
    return Forecast(
        plan.shared_by(found.count, found.chip.peak(plan.precision)),
        footprint,
        str(found),
        'catalogue',
        spent.share,
        room.fits,
        tuple(filter(None, (room.note, *_notes(plan, found), note, HELD if _told_tokens(plan) else ''))),
    )


def forecast_recipe(
    recipe: Recipe, on: str | Machines, place: Place | str | None = None, *, pue: float | None = None
) -> Forecast:
    """Tell what a published recipe takes, stage by stage.

    Args:
        recipe: The training; each stage goes by its own length and batch.
        on: As of `forecast_for`.
        place: The same.
        pue: The same.

    Returns:
        The whole; its phases are the stages, such as 'length 128'.

    Raises:
        ArgumentError: If the peak of the accelerators is not known, or the PUE is none.
        UnknownNameError: If the machines or the place are not known.

    Example:
        >>> from hefted.forecast.recipes import LAMB_LARGE
        >>> told = forecast_recipe(LAMB_LARGE, '8 x V100-SXM2-16GB', 'US')  # NVIDIA: 153 h
        >>> str(told.duration), list(told.footprint.phases)
        ('6.5 d (3.6 to 19, modelled)', ['length 128', 'length 512'])
    """
    found, where = machines(on), find(place)
    room = fit(recipe.whole, found)
    of_stages = [
        (f'length {stage.length}', _by_tokens(recipe.plan(stage), found, recipe.shaped(stage), room))
        for stage in recipe.stages
    ]
    phases = {name: spent.phases['train'] for name, spent in of_stages}
    duration = total([seconds for seconds, _ in phases.values()])
    ideal = Quantity((recipe.whole.flops or 0.0) / (found.count * (found.chip.peak(recipe.precision) or 1.0)), 's')
    footprint, note = _footprint(_Spent(phases, ideal / duration), found, where, _house(pue))
    return Forecast(
        recipe.whole.shared_by(found.count, found.chip.peak(recipe.precision)),
        footprint,
        str(found),
        'catalogue',
        ideal / duration,
        room.fits,
        tuple(filter(None, (room.note, *_notes(recipe.whole, found), note, HELD))),
    )


def _house(pue: float | None) -> Quantity | None:
    """The overhead that was said; None where nobody said one."""
    if pue is None:
        return None
    if not 1 <= pue <= _MOST_OVERHEAD:
        raise ArgumentError(
            f'pue: expected the energy of the data centre over that of its machines, from 1 to {_MOST_OVERHEAD:g}, '
            f'received {pue}. Such as pue=1.1.'
        )
    return Quantity(pue, '1', 'assumed', (), (_SAID,))


def _footprint(spent: _Spent, on: Machines, where: Place, house: Quantity | None) -> tuple[Footprint, str]:
    """Energy by component and phase, priced; and where the price is from."""
    factors, note = _factors(on, where)
    factors = factors if house is None else replace(factors, pue=house)
    by_phase = {
        phase: {name: (watts * seconds).to('J') for name, watts in _watts(on, load).items()}
        for phase, (seconds, load) in spent.phases.items()
    }
    names = next(iter(by_phase.values()))
    joules: dict[str, Quantity] = {name: total([each[name] for each in by_phase.values()]) for name in names}
    duration = spent.duration
    told = Footprint(
        energy=total(list(joules.values())),
        **priced(joules, duration * (on.count / on.per_node), factors),
        duration=duration,
        place=where,
        components=joules,
        phases={
            phase: PhaseShare(total(list(by_phase[phase].values())), seconds.value)
            for phase, (seconds, _) in spent.phases.items()
        },
        gaps=(),
        covers=_covers(on),
    )
    return told, note


def _watts(on: Machines, load: device_power.Load) -> dict[Component, Quantity]:
    """W by component: of the nodes and, where there are several, of the switches between them."""
    found: dict[Component, Quantity] = device_power.power(on, load)
    if on.nodes > 1:
        found['switches'] = switches(on.count, on.chip.network_gb_per_s)
    return found


def _covers(on: Machines) -> str:
    nodes = 'an accelerator and its node' if on.count == 1 else f'{on.count:,} accelerators and their nodes'
    between = ', and the switches between nodes' if on.nodes > 1 else ''
    return f'{nodes}{between}; no storage elsewhere'


def _told_tokens(plan: Plan) -> bool:
    # What a compiler counted, bytes too, is nearer to the program than what papers say of transformers.
    return bool(plan.tokens and plan.parameters and plan.bytes_per_step is None)


def _by_tokens(plan: Plan, on: Machines, shape: Shape, room: Fit) -> _Spent:
    """As published trainings of transformers went."""
    tokens, parameters = float(plan.tokens or 0), float(plan.parameters or 0)
    flops = plan.flops or 6 * parameters * tokens
    passed = _active(parameters, flops / tokens, shape)
    half = 0.5 if shape.kind == 'encoder-decoder' else 1.0
    six = min(flops, 6 * passed * tokens * half)
    known = utilisation(
        parameters,
        on,
        tokens_per_step=tokens / plan.steps if plan.batch_size and plan.steps else None,
        active=passed,
        width=shape.width,
        sequence_length=shape.sequence_length,
        precision=plan.precision,
        attention=flops / six - 1 if flops > (1 + _ROUNDING) * six else None,
        replica=room.replica if room.fits else None,
    )
    peak = on.chip.peak(plan.precision)
    if known is None or peak is None:
        raise _no_peak(on)
    # Attention's operations lengthen a step by what `utilisation` adds for them; its share is of 6 a parameter.
    ideal = Quantity(six / (on.count * peak), 's', 'modelled', (), (_SIX, _DATA_SHEETS))
    load = device_power.load_of(known, parameters)
    return _Spent({'train': (ideal / known.share, load)}, known.share * (flops / six))


def _active(parameters: float, flops_a_token: float, shape: Shape) -> float:
    """Parameters that one token passes."""
    if shape.active or shape.kind == 'encoder-decoder':
        return float(shape.active or parameters)
    passed = max(flops_a_token / 6, 1.0)
    return passed if passed < _MIXED * parameters else parameters  # else they differ by rounding, or by attention


def _by_roofline(plan: Plan, on: Machines) -> _Spent:
    """As a compiled program's operations and bytes tell."""
    if not plan.steps or not plan.flops_per_step:
        raise ArgumentError(
            'plan: expected tokens and parameters, or steps and flops_per_step, received neither. '
            'Make one with plan_of(parameters, tokens), or ask a compiled model with model.forecast(on=…).'
        )
    peak = on.chip.peak(plan.precision)
    if peak is None:
        raise _no_peak(on)
    step = roofline.step_of(plan, on, peak)
    steps = step.seconds * float(plan.steps)
    steps = Quantity(steps.value, 's', steps.basis, steps.errors, (_COMPILED, _DATA_SHEETS, *steps.sources))
    load = device_power.Load(step.computing, step.streaming, step.waiting, 1.3)
    phases = {'compile': (roofline.COMPILING, device_power.Load(0.0, 0.0, 1.0)), 'train': (steps, load)}
    held_out = (plan.flops or 0.0) / (plan.steps * plan.flops_per_step) - 1  # by its operations
    if held_out > _ROUNDING:
        phases['validate'] = (steps * held_out, load)
    return _Spent(phases, Quantity((plan.flops or 0.0) / (on.count * peak), 's') / (steps * (1 + held_out)))


def _no_peak(on: Machines) -> ArgumentError:
    return ArgumentError(
        f'on: no peak of {on.chip.name} is known here. Name an accelerator that it is like, such as one of its '
        'generation.'
    )


def _factors(on: Machines, where: Place) -> tuple[Factors, str]:
    """Factors of one node, and where its price is from.

    What the settings say a machine costs is said of this machine; what they say of electricity holds for any.
    """
    factors = replace(factors_for(where, on.host), price=None)
    if on.instance is None and factors.electricity_price is not None:
        return factors, ''
    instance, count = (on.instance, on.per_node) if on.instance else _nearest_instance(on)
    price = None if instance is None else list_price(instance, time.gmtime().tm_year)
    if instance is None or price is None:
        return factors, ''
    note = '' if on.instance else f'Cost is by the list price of {instance}{tariff(instance)}, by the accelerator.'
    return replace(factors, price=price * (on.per_node / count)), note


def _nearest_instance(on: Machines) -> tuple[str | None, int]:
    """The largest instance of the same accelerator that has a list price."""
    from hefted.footprint.tables import table

    known = [row for row in rows('instances') if row['accelerator'] == on.chip.name]
    priced_ones = [row for row in known if row['instance'] in table('prices')]
    if not priced_ones:
        return None, 1
    row = max(priced_ones, key=lambda row: int(row['count']))
    return row['instance'], int(row['count'])


def _notes(plan: Plan, on: Machines) -> list[str]:
    notes: list[str] = []
    if not on.chip.watts:
        notes.append(f'The vendor publishes no power of {on.chip.name}: it is assumed from its peak.')
    if plan.precision != 'float32' and on.chip.half_tflops is None:
        notes.append(f'No rate of 16-bit products of {on.chip.name} is known here: it is reckoned in plain float32.')
    elif plan.precision == 'float8' and on.chip.peak('float8') == on.chip.peak():
        notes.append(f'No faster 8-bit products of {on.chip.name} are known here: it is reckoned in 16-bit numbers.')
    elif plan.precision == 'bfloat16' and on.chip.published_peak('bfloat16') is None:
        notes.append(f'{on.chip.name} has no products of bfloat16: it is reckoned in float16.')
    if on.chip.recalled:
        notes.append(f'The peak of {on.chip.name} is as remembered of its data sheet; it was not read again.')
    if plan.precision == 'float32' and on.chip.tensor_cores:
        notes.append(f'In 16-bit numbers {on.chip.name} multiplies faster: precision bf16 or fp16 would take less.')
    return notes
