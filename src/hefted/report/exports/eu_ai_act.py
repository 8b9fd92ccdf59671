"""What the EU asks of a general-purpose AI model's training: computation, time and energy, each with how it is known.

The fields are those of Regulation (EU) 2024/1689 (AI Act), Annex XI, section 1, point 2(d) and (e), and of the Model
Documentation Form in the Transparency chapter of the General-Purpose AI Code of Practice (July 2025): energy in
megawatt-hours and computation in floating-point operations, with two significant figures. Neither says what the energy
has to cover, so each methodology states its boundary. What is not recorded says so and is null in JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports import markdown as tables
from hefted.report.exports.record import Record
from hefted.report.exports.words import (
    activity,
    by_hefted,
    called,
    dumped,
    energy_boundary,
    hardware,
    instant,
    methodology,
    place,
    scientific,
    two_digits,
)
from hefted.report.receipt import devices_told

ANNEX = 'AI Act, Annex XI, section 1, point 2'
FORM = 'Model Documentation Form'
NOT_RECORDED = 'N/A (not recorded)'


class Field(NamedTuple):
    """One field that is asked for.

    Attributes:
        reference: Where it is asked for.
        name: Its name there.
        told: The answer as text; None where the run does not hold it.
        figure: The answer as numbers: value, low, high, unit and basis.
    """

    reference: str
    name: str
    told: str | None
    figure: dict[str, Any] | None = None


def markdown(record: Record, _options: Options) -> str:
    """Write the fields as tables, one for each of the two documents."""
    title = f'## Training energy and computation: {tables.cell(called(record))}'
    parts = ['\n'.join((title, '', _preamble(record)))]
    for heading, reference in ((f'### {ANNEX}(d) and (e)', ANNEX), (f'### {FORM}', FORM)):
        rows = [
            f'| {_letter(field)}{field.name} | {tables.cell(field.told or NOT_RECORDED)} |'
            for field in fields(record)
            if field.reference.startswith(reference)
        ]
        parts.append('\n'.join((heading, '', '| Field | Answer |', '|:--|:--|', *rows)))
    return '\n\n'.join(parts) + '\n'


def as_json(record: Record, _options: Options) -> str:
    """Write the fields as a list, each with its answer as text and as numbers."""
    facts = record.facts
    report = {
        'regulation': 'Regulation (EU) 2024/1689, Annex XI, section 1, point 2(d) and (e)',
        'form': 'General-Purpose AI Code of Practice, Transparency, Model Documentation Form',
        'run': {'id': facts.run_id, 'what': called(record), 'status': facts.status},
        'fields': [field._asdict() for field in fields(record)],
        'boundary': list(energy_boundary(record, inside=True)),
        'reported_by': by_hefted(),
    }
    return dumped(report | ({'included': dict(record.included)} if record.included else {}))


def fields(record: Record) -> Iterator[Field]:
    """All fields, in the order in which the documents ask for them."""
    time, energy = _time(record), _energy(record)
    computation = _computation(record)
    details = '; '.join(_details(record))
    yield Field(f'{ANNEX}(d)', 'Computational resources used to train the model', _resources(record), computation)
    yield Field(f'{ANNEX}(d)', 'Training time', _told_time(record), time)
    yield Field(f'{ANNEX}(d)', 'Other relevant details related to the training', details or None)
    yield Field(f'{ANNEX}(e)', 'Known or estimated energy consumption of the model', _told(energy), energy)
    yield Field(FORM, 'Training time', _told_time(record), time)
    yield Field(FORM, 'Amount of computation used for training', _told(computation), computation)
    yield Field(FORM, 'Measurement methodology', _how_computed(record))
    yield Field(FORM, 'Amount of energy used for training', _told(energy), energy)
    yield Field(
        FORM, 'Measurement methodology', ' '.join((*methodology(record), *energy_boundary(record, inside=True)))
    )
    yield Field(FORM, 'Benchmarked amount of computation used for inference', None)
    yield Field(FORM, 'Measurement methodology', None)


def _letter(field: Field) -> str:
    return f'({field.reference[-2]}) ' if field.reference.startswith(ANNEX) else ''


def _preamble(record: Record) -> str:
    kind = record.facts.kind
    other = kind == 'forecast' or activity(record) in ('validation', 'inference')
    warning = f' It was no training but a run of `{kind}`: what is told is not what is asked for.' if other else ''
    return (
        f'From run `{record.facts.run_id}` ({record.facts.status}), weighed by {by_hefted()}; intervals are of 90 %.'
        f'{warning} A model that took more than is told here, such as failed runs and searches, took the sum of '
        'them all.'
    )


def _figure(value: float, low: float, high: float, unit: str, basis: str) -> dict[str, Any]:
    return {
        'value': two_digits(value),
        'low': two_digits(low),
        'high': two_digits(high),
        'unit': unit,
        'basis': basis,
    }


def _energy(record: Record) -> dict[str, Any] | None:
    electricity = record.electricity
    if electricity is None:
        return None
    told = electricity.to('MWh')
    return _figure(told.value, told.low, told.high, 'MWh', told.basis)


def _time(record: Record) -> dict[str, Any] | None:
    if record.footprint is None:
        return None
    seconds = record.footprint.duration.to('s').value
    return {'value': seconds, 'low': seconds, 'high': seconds, 'unit': 's', 'basis': 'measured'}


def _computation(record: Record) -> dict[str, Any] | None:
    flops = record.flops
    return None if flops is None else _figure(flops, flops, flops, 'FLOP', 'modelled')


def _told(figure: dict[str, Any] | None) -> str | None:
    if figure is None:
        return None
    told = f'{scientific(figure["value"])} {figure["unit"]}'
    if figure['low'] == figure['high']:
        return f'{told} ({figure["basis"]})'
    return f'{told} ({scientific(figure["low"])} to {scientific(figure["high"])}, {figure["basis"]})'


def _told_time(record: Record) -> str | None:
    told = record.footprint
    if told is None:
        return None
    kind = 'machine time of all runs, added up' if record.summed else 'wall-clock time on one machine'
    train = told.phases.get('train')
    part = f', {Quantity(train.seconds, "s").rounded} of it in training steps' if train else ''
    days = scientific(told.duration.to('d').value)
    return f'{told.duration.rounded} ({days} days; {kind}{part})'


def _resources(record: Record) -> str | None:
    computation, machine = _told(_computation(record)), hardware(record)
    told = [text for text in (computation, machine) if text]
    if not told:
        return None
    return '; '.join(told) + ('' if computation else '; number of floating-point operations not recorded')


def _how_computed(record: Record) -> str | None:
    if record.flops is None:
        return None
    return 'Counted from the program of a training step, times the number of steps.'


def _details(record: Record) -> Iterator[str]:
    facts = record.facts
    yield called(record)
    yield facts.status
    if facts.started is not None:
        yield f'begun {instant(facts.started)}'
    if (where := place(record)) is not None:
        yield f'place: {where}'
    if told := devices_told(facts):
        yield f'devices: {told}'
    if facts.yielded is not None:
        yield f'yield of the training: {"; ".join(filter(None, facts.yielded.words))}'
    yield from (f'{name} {version}' for name, version in record.versions.items())
    yield from (f'{name}: {text}' for name, text in record.included.items())
