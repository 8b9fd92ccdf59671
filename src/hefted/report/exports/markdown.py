"""Tables for a README or a paper's appendix, with intervals, boundaries, sources and a sentence to cite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hefted.footprint.footprint import Footprint
from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.record import Record
from hefted.report.exports.words import (
    COMPONENTS,
    boundaries,
    by_hefted,
    called,
    hardware,
    instant,
    interval,
    place,
    sources,
)
from hefted.report.receipt import devices_told

_UNKNOWN = 'not known'
_ENDINGS = {
    'interrupted': ', until it was killed',
    'running': ' so far',
    'failed': ', until it failed',
    'stopped': ', until it was stopped',
}


def write(record: Record, _options: Options) -> str:
    """Write it."""
    told = record.footprint
    parts: list[Iterable[str]] = [[f'## Footprint: {cell(called(record))}']]
    if told is None:
        parts.append([_UNKNOWN.capitalize() + '.'])
    else:
        parts += [_table(('', 'Figure', '90 % interval', 'Basis'), _figures(told), '|:--|--:|:--|:--|')]
        if told.phases:
            parts += [_table(('Phase', 'Energy', '90 % interval', 'Time'), _phases(told), '|:--|--:|:--|--:|')]
    parts += [_table(('About the run', ''), _about(record), '|:--|:--|')]
    parts += [['### What is counted'], [f'- {cell(sentence)}' for sentence in boundaries(record)]]
    found = list(_sources(record))
    parts += [['### Sources'], found] if found else []
    parts += [['### To cite'], [f'> {cell(sentence(record))}']]
    return '\n\n'.join('\n'.join(part) for part in parts) + '\n'


def sentence(record: Record) -> str:
    """What a paper would say of it, such as 'This fit took 17 J (14 to 21, modelled) …'."""
    told, facts = record.footprint, record.facts
    kind = 'run' if facts.kind == 'meter' else facts.kind  # what a meter took was not the meter's
    if told is None or told.energy is None:
        return f'What this {kind} took is not known ({by_hefted()}, run {facts.run_id}).'
    carbon = '' if told.carbon is None else f' and caused {told.carbon} by {_parts(told)},'
    ending = _ENDINGS.get(facts.status, '')
    where = f'({told.place})' if told.place.known_by != 'assumed' else 'in a place that was not said'
    return (
        f'This {kind} took {told.energy} of energy{carbon} in {told.duration.rounded}{ending} {where}, '
        f'as weighed by {by_hefted()} (run {facts.run_id}); intervals are of 90 %.'
    )


def _parts(told: Footprint) -> str:
    return 'its electricity' if told.embodied is None else 'its electricity and the making of its hardware'


def _figures(told: Footprint) -> Iterator[tuple[str, ...]]:
    yield _row('**Energy** of the machine', told.energy)
    for name, energy in told.components.items() if len(told.components) > 1 else ():
        yield _row(f'– {COMPONENTS.get(name, name)}', energy)
    yield from _known('Overhead of the data centre', told.facility)
    yield _row('**Carbon**', told.carbon)
    if told.embodied is not None:
        yield _row('– operational', told.operational)
        yield _row('– embodied', told.embodied)
    yield from _known('**Water**', told.water)
    if told.water_on_site is not None and told.water_off_site is not None:
        yield _row('– on site', told.water_on_site)
        yield _row('– to make the electricity', told.water_off_site)
    yield from _known('**Minerals**', told.minerals)
    yield from _known('**Cost**', told.cost)
    yield _row('**Duration**', told.duration)


def _known(label: str, quantity: Quantity | None) -> Iterator[tuple[str, ...]]:
    if quantity is not None:
        yield _row(label, quantity)


def _row(label: str, quantity: Quantity | None) -> tuple[str, ...]:
    if quantity is None:
        return label, _UNKNOWN, '', ''
    return label, quantity.rounded, interval(quantity), quantity.basis


def _phases(told: Footprint) -> Iterator[tuple[str, ...]]:
    for name, share in told.phases.items():
        energy = (_UNKNOWN, '') if share.energy is None else (share.energy.rounded, interval(share.energy))
        yield name, *energy, Quantity(share.seconds, 's').rounded


def _about(record: Record) -> Iterator[tuple[str, str]]:
    facts = record.facts
    if facts.started is not None:
        yield 'Started', instant(facts.started)
    yield 'Status', facts.status
    if facts.yielded is not None:
        yield 'Yield of the training', '; '.join(filter(None, facts.yielded.words))
    if told := devices_told(facts):
        yield 'Devices', told
    if facts.foreseen:
        yield 'Foreseen before its first step', facts.foreseen
    told = (('Place', place(record)), ('Grid', record.intensity and str(record.intensity)))
    yield from ((label, text) for label, text in (*told, ('Hardware', hardware(record))) if text)
    if record.versions:
        yield 'Versions', ', '.join(f'{name} {version}' for name, version in record.versions.items())
    yield 'Run', f'`{facts.run_id}`'
    yield from ((name.capitalize(), text) for name, text in record.included.items())


def _sources(record: Record) -> Iterator[str]:
    for number, source in enumerate(sources(record), 1):
        year = f' ({source.year})' if source.year else ''
        licence = f' Licence: {source.licence}.' if source.licence and source.licence != 'fact' else ''
        yield f'{number}. {source.title.rstrip(".")}{year}.' + (f' <{source.url}>' if source.url else '') + licence


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], rule: str) -> list[str]:
    return [_line(head), rule, *(_line(tuple(map(cell, row))) for row in rows)]


def _line(cells: tuple[str, ...]) -> str:
    return f'| {" | ".join(cells)} |'


def cell(text: str) -> str:
    r"""A text that neither ends a cell nor opens a tag.

    Example:
        >>> cell('a|b <c>')
        'a\\|b &lt;c>'
    """
    return ' '.join(text.split()).replace('|', '\\|').replace('<', '&lt;')
