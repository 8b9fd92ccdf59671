"""Sentences and numbers that several formats share, so that all say the same of one run."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from hefted.quantities import Quantity, Source
from hefted.report.exports.record import Record
from hefted.report.origins import covered_by_cost, covered_by_minerals

COMPONENTS = {
    'cpu': 'CPU',
    'dram': 'memory',
    'gpu': 'GPU',
    'other': 'other parts',
    'unseen': 'supplies, fans and board',
    'switches': 'switches between nodes',
    'network': 'networks',
    'storage': 'storage elsewhere',
}
_ACTIVITIES = {
    'fit': 'training',
    'sweep': 'training',
    'train_on_batch': 'training',
    'evaluate': 'validation',
    'test_on_batch': 'validation',
    'predict': 'inference',
    'predict_on_batch': 'inference',
}
_UNSAID = 'not said; a figure for the grids of the world is assumed'
_ENDINGS = {
    'interrupted': 'The run was killed: told is what it had used up to the last line of its journal.',
    'running': 'The run still goes on: told is what it has used so far.',
    'failed': 'The run ended in an error; what it used up to there is told.',
    'stopped': 'The run was stopped before its end; what it used up to there is told.',
}


def dumped(data: Any) -> str:
    """JSON for a file."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + '\n'


def two_digits(value: float) -> float:
    """A value to two significant figures.

    Example:
        >>> two_digits(0.00012345), two_digits(98765.0)
        (0.00012, 99000.0)
    """
    return float(f'{value:.1e}')


def exact(value: float) -> float:
    """A value without the last digits, which are the arithmetic's and not the figure's.

    Example:
        >>> exact(0.1 + 0.2)
        0.3
    """
    return float(f'{value:.12g}')


def scientific(value: float) -> str:
    """A value to two significant figures, as a form wants it.

    Example:
        >>> scientific(4.71e-9), scientific(12.0), scientific(7.3e10), scientific(0.5)
        ('4.7×10^-9', '12', '7.3×10^10', '0.50')
    """
    if value == 0:
        return '0'
    mantissa, exponent = f'{value:.1e}'.split('e')
    power = int(exponent)
    if -3 <= power <= 2:
        return f'{two_digits(value):.{max(1 - power, 0)}f}'
    return f'{mantissa}×10^{power}'


def interval(quantity: Quantity) -> str:
    """'14 to 21'; '' for a figure without errors.

    Example:
        >>> interval(Quantity.between(17, 14, 21, 'J', source=Source('s', 'A model')))
        '14 to 21'
    """
    told = str(quantity).partition(' (')[2].removesuffix(')')
    return told.rpartition(', ')[0]


def by_hefted() -> str:
    """What made the export, such as 'Hefted 0.1.0'."""
    return f'Hefted {sys.modules["hefted"].__version__}'  # the package is imported before any of its rooms


def instant(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%SZ')


def called(record: Record) -> str:
    """The run's kind and name, such as 'fit of sequential'."""
    facts = record.facts
    what = f'{facts.kind} of {facts.name}' if facts.name else facts.kind
    return f'{what}, {facts.children} runs together' if facts.children else what


def activity(record: Record, training_type: str | None = None) -> str:
    """What the run did to the model: 'training', 'fine-tuning', 'validation', 'inference' or 'other'."""
    found = _ACTIVITIES.get(record.facts.kind, 'other')
    return 'fine-tuning' if found == 'training' and training_type == 'fine-tuning' else found


def hardware(record: Record) -> str | None:
    """The machine, such as '2 threads of Zen 5 (Turin), 8.0 GiB of memory, virtual'; None where it is not known."""
    machine = record.machine
    if machine is None:
        return None
    chip = machine.microarchitecture or 'a processor that is not known'
    told = [f'{machine.threads:g} thread{"" if machine.threads == 1 else "s"} of {chip}']
    if machine.memory_bytes:
        told.append(f'{machine.memory_bytes / 2**30:.3g} GiB of memory')
    told += [f'{machine.gpus.count(name)} × {name}' for name in dict.fromkeys(machine.gpus)]
    return ', '.join(told) + (', virtual' if machine.virtual else '')


def boundaries(record: Record, *, inside: bool = False) -> Iterator[str]:
    """What the figures count and what they leave out, a sentence each.

    Args:
        record: The run.
        inside: Whether the format's energy holds the data centre's own.
    """
    told = record.footprint
    yield from energy_boundary(record, inside=inside)
    if told is None:
        return
    if record.operational is not None:
        yield 'Operational carbon is location-based and life-cycle; no certificate or offset is taken off.'
    if told.embodied is None:
        yield 'Carbon of making the hardware (embodied) is not counted: it is not known for this machine.'
    else:
        yield (
            'Embodied carbon is that of making the machine, up to the gate, by the share of its life that the run '
            'occupied; its end of life is not in it.'
        )
    if told.water is None:
        yield 'Water is not counted: nothing is known of it.'
    if told.minerals is None:
        yield 'Use of minerals is not counted: nothing is known of it.'
    elif covered_by_minerals(told.minerals):
        yield 'Minerals are those of making the hardware; what its electricity took of them is not known.'
    if told.cost is not None and (paid := covered_by_cost(told.cost)):
        yield f'Cost is of {paid}.'


def energy_boundary(record: Record, *, inside: bool) -> Iterator[str]:
    """What the energy counts, how the run ended, and what was not read."""
    told = record.footprint
    if told is None:
        yield 'Nothing is known of what this run took.'
        return
    yield f'Energy covers {told.covers}.' if told.covers else 'What the energy covers is not recorded.'
    if told.facility is None:
        yield 'The data centre’s overhead is not counted: no PUE is known.'
    else:
        how = 'is counted in' if inside else 'is told beside the machine’s energy and is not in it'
        yield f'The data centre’s overhead {how} (PUE {record.pue:.3g}, {told.facility.basis}).'
    yield from ending(record)


def ending(record: Record) -> Iterator[str]:
    """What part of a training the figures are of: how the run ended, which attempt it is, what was not read."""
    facts = record.facts
    if record.summed:
        yield f'Figures are the sums of {facts.children} runs; durations add up as machine time does.'
    if facts.status == 'stopped' and facts.stopped_by:
        yield f'The run was stopped by the {facts.stopped_by}; what it used up to there is told.'
    elif facts.status in _ENDINGS:
        yield _ENDINGS[facts.status]
    if facts.of_all_attempts is not None:
        yield (
            f'It is attempt {facts.attempt} at its training, and told is what this attempt took; all attempts took '
            f'{facts.of_all_attempts} at the machine (--all-attempts sums them).'
        )
    yield from gaps(record)


def gaps(record: Record) -> Iterator[str]:
    """What the sensors missed, each once."""
    told = record.footprint
    for text in dict.fromkeys(f'{gap.sensor}: {gap.reason}' for gap in told.gaps) if told else ():
        yield f'Not read: {text.rstrip(".")}.'


def methodology(record: Record) -> Iterator[str]:
    """How each part of the energy is known, with its sources."""
    told = record.footprint
    if told is None or told.energy is None:
        yield 'No sensor could be read and nothing was modelled.'
        return
    for name, energy in told.components.items():
        word = COMPONENTS.get(name, name)
        yield f'{word[:1].upper()}{word[1:]} {energy.basis}: {cited(energy.sources) or "no source recorded"}.'


def sources(record: Record) -> tuple[Source, ...]:
    """What all figures rest on, each once."""
    told = record.footprint
    if told is None:
        return ()
    figures = (told.energy, told.facility, told.carbon, told.water, told.minerals, told.cost)
    every = (each for figure in figures if figure is not None for each in figure.sources)
    # Two rows of one table err apart and have keys of their own, but are one source to a reader.
    return tuple({each._replace(key=''): each for each in every}.values())


def cited(found: Iterable[Source]) -> str:
    """Titles with their years, in one text."""
    return '; '.join(f'{each.title} ({each.year})' if each.year else each.title for each in found)


def place(record: Record) -> str | None:
    """Where it ran, or that nobody said so."""
    told = record.footprint
    if told is None:
        return None
    return _UNSAID if told.place.known_by == 'assumed' else str(told.place)


def grams(quantity: Quantity) -> float:
    """A carbon in g CO2e."""
    return quantity.to('g CO2e').value


def finite_ratio(one: float, two: float) -> float | None:
    """One over the other; None where that is no number."""
    ratio = one / two if two else math.inf
    return ratio if math.isfinite(ratio) else None
