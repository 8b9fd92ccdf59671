"""A run as OpenMetrics 1.0, for Prometheus's textfile collector and its kin.

Each figure is a gauge in its base unit, with `_low` and `_high` beside it (a 90 % interval), and the basis as a label;
what is not known is absent, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from hefted.footprint.footprint import Footprint
from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.record import Record
from hefted.report.exports.words import by_hefted, exact

Labels = dict[str, str]
Sample = tuple[Labels, Quantity]


def write(record: Record, _options: Options) -> str:
    """Write it."""
    run = {'run': record.facts.run_id}
    lines = [*_info(record, run)]
    if record.footprint is not None:
        lines += _figures(record, record.footprint, run)
    return '\n'.join((*lines, '# EOF')) + '\n'


def _info(record: Record, run: Labels) -> Iterator[str]:
    facts, told = record.facts, record.footprint
    yield from _head('hefted_run', 'info', '', 'What run it is, and by what it was weighed.')
    about = {'kind': facts.kind, 'name': facts.name, 'status': facts.status, 'exporter': by_hefted()}
    where = {'place': told.place.code, 'covers': told.covers} if told else {}
    yield f'hefted_run_info{_labels(run | about | where | dict(record.included))} 1'
    if facts.started is not None:
        yield from _head('hefted_run_started_seconds', 'gauge', 'seconds', 'When it began, in seconds since 1970.')
        yield f'hefted_run_started_seconds{_labels(run)} {facts.started!r}'


def _figures(record: Record, told: Footprint, run: Labels) -> Iterator[str]:
    whole: list[tuple[str, str, str, str, Quantity | None]] = [
        ('energy', 'J', 'joules', 'Energy of the machine.', told.energy),
        ('facility_energy', 'J', 'joules', 'Energy of the data centre beside the machine.', told.facility),
        ('operational_carbon', 'g CO2e', 'grams', 'CO2e of the electricity.', record.operational),
        ('embodied_carbon', 'g CO2e', 'grams', 'CO2e of making the hardware, by the share taken.', told.embodied),
        ('water', 'L', 'liters', 'Water, on site and for the electricity.', told.water),
        ('minerals', 'kg Sb eq', 'kilograms', 'Minerals, as antimony.', told.minerals),
        ('cost', 'USD', 'dollars', 'Cost in US dollars.', told.cost),
        ('duration', 's', 'seconds', 'Duration.', told.duration),
    ]
    for name, unit, word, says, figure in whole:
        if figure is not None:
            yield from _family(name, word, says, [(run, figure.to(unit))])
    yield from _yield(record, run)
    yield from _head('hefted_run_devices', 'gauge', '', 'How many devices shared each step of the training.')
    yield f'hefted_run_devices{_labels(run)} {record.facts.devices}'
    yield from _parts(told, run)
    yield from _head('hefted_run_gaps', 'gauge', '', 'Stretches for which a sensor told nothing.')
    yield f'hefted_run_gaps{_labels(run)} {len(told.gaps)}'


def _yield(record: Record, run: Labels) -> Iterator[str]:
    told = record.facts.yielded
    if told is None:
        return
    if told.per_joule is not None:
        yield from _family(
            told.of, 'per_joule', f'{told.of.capitalize()} trained on for each joule.', [(run, told.per_joule)]
        )
    if told.utilisation is not None:
        says = 'Products of matrices over the peak of the devices.'
        yield from _family(f'{told.counted.lower()}', 'ratio', says, [(run, told.utilisation)])


def _parts(told: Footprint, run: Labels) -> Iterator[str]:
    components = [(run | {'component': name}, energy.to('J')) for name, energy in told.components.items()]
    phases = [(run | {'phase': name}, share.energy.to('J')) for name, share in told.phases.items() if share.energy]
    yield from _family('component_energy', 'joules', 'Energy by component.', components)
    yield from _family('phase_energy', 'joules', 'Energy by phase.', phases)
    seconds = [(run | {'phase': name}, Quantity(share.seconds, 's')) for name, share in told.phases.items()]
    yield from _family('phase_duration', 'seconds', 'Duration by phase.', seconds)


def _family(name: str, word: str, says: str, samples: list[Sample]) -> Iterator[str]:
    """A gauge and, where it has an interval, those of its ends."""
    if not samples:
        return
    uncertain = [(labels, figure) for labels, figure in samples if figure.low != figure.high]
    ends = (
        ('', says, samples),
        ('_low', f'{says} Low end of its 90 % interval.', uncertain),
        ('_high', f'{says} High end of its 90 % interval.', uncertain),
    )
    for end, told, found in ends:
        if not found:
            continue
        metric = f'hefted_run_{name}{end}_{word}'
        yield from _head(metric, 'gauge', word, told)
        for labels, figure in found:
            value = {'': figure.value, '_low': figure.low, '_high': figure.high}[end]
            yield f'{metric}{_labels(labels | {"basis": figure.basis})} {exact(value)!r}'


def _head(metric: str, kind: str, unit: str, says: str) -> Iterator[str]:
    yield f'# TYPE {metric} {kind}'
    if unit:
        yield f'# UNIT {metric} {unit}'
    yield f'# HELP {metric} {says}'


def _labels(labels: Labels) -> str:
    return '{' + ','.join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + '}'


def _escaped(text: str) -> str:
    r"""A label's value; backslashes, quotes and ends of lines are what the format escapes.

    Example:
        >>> print(_escaped('a "b"'))
        a \"b\"
    """
    return text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')
