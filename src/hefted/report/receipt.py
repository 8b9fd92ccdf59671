"""A run's footprint as it is told to a person: what it took, how that is known, and what it leaves out.

A receipt never holds a host, a user, arguments or paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from hefted.quantities import Quantity, parted
from hefted.report.groups import GroupFacts, group_json, ranks_told

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.forecast.effort import Yielded

Kind = Literal['figure', 'part', 'phase', 'note', 'warning']

_COMPONENTS = {
    'cpu': 'CPU',
    'dram': 'memory',
    'gpu': 'GPU',
    'other': 'other',
    'unseen': 'unseen',
    'switches': 'switches',
    'network': 'network',
    'storage': 'storage',
}
_GAPS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of a run besides its footprint.

    Attributes:
        run_id: Its id.
        kind: 'fit', 'evaluate', 'sweep', …
        name: The model's name, or what the user called it.
        status: 'finished', 'stopped', 'failed', 'interrupted' or 'running'.
        started: Seconds since 1970, None if not known.
        meter_share: The meter's CPU time as a share of the run's, such as 0.002; None if not known.
        journal_failure: Why the journal could not be kept.
        children: How many runs it is made of.
        attempt: Which attempt at its training it is, from 1.
        of_all_attempts: Energy of all attempts at it; None where there was one alone.
        foreseen: What was foreseen before its first step, and what that came to, in words; empty where nothing was.
        waited: What it waited for a cleaner grid, and what that saved, in words; empty where it did not.
        budget: What it might spend, by quantity, such as {'energy': '50 J'}.
        stopped_by: What ended it before its last step, such as 'budget 50 J'.
        group: Of several processes that trained together, who they were; None for one alone.
        yielded: What its training made of energy and devices; None where nothing is known.
        devices: How many shared each of its steps; 1 where nobody says.
        sent: Bytes that each of them sent to others in a step, counted in the sharded program; None where one was
            alone, or nobody counted.
    """

    run_id: str
    kind: str = 'run'
    name: str = ''
    status: str = 'finished'
    started: float | None = None
    meter_share: float | None = None
    journal_failure: str | None = None
    children: int = 0
    attempt: int = 1
    of_all_attempts: Quantity | None = None
    foreseen: str = ''
    waited: str = ''
    budget: Mapping[str, str] | None = None
    stopped_by: str | None = None
    group: GroupFacts | None = None
    yielded: Yielded | None = None
    devices: int = 1
    sent: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt.

    Attributes:
        label: What it tells, such as 'Energy' or 'compile'.
        value: The figure, or a note's text.
        detail: Its interval and basis, or a phase's duration.
        kind: How it is shown; a 'part' belongs to the figure above it.
        share: A phase's share of the energy (of the time, where no energy is known), from 0 to 1.
    """

    label: str
    value: str
    detail: str = ''
    kind: Kind = 'figure'
    share: float | None = None


@dataclass(frozen=True)
class Receipt:
    """A run's receipt: a text when printed, a table in a notebook, plain data for other programs.

    Attributes:
        facts: What run it is.
        footprint: What it took; None where nothing could be read of it.
        equivalents: One or two things that a person can feel.

    Example:
        >>> print(Receipt(Facts('0193a7c4-5f21', 'fit', 'sequential'), None))
        Hefted · fit · sequential · finished
        <BLANKLINE>
        Energy      not known
        <BLANKLINE>
        Run         hefted receipt 0193a7c4-5f21 shows it again
    """

    facts: Facts
    footprint: Footprint | None
    equivalents: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Such as 'fit · sequential · finished'."""
        return self.titled()

    def titled(self, width: int | None = None) -> str:
        """The title in at most so many columns: of a long name only its start is told."""
        facts = self.facts
        runs = f'{facts.children} runs' if facts.children else ''
        title = ' · '.join(part for part in (facts.kind, facts.name, runs, facts.status) if part)
        over = 0 if width is None else len(title) - width
        if over <= 0 or not facts.name:
            return title
        short = facts.name[: max(len(facts.name) - over - 1, 1)] + '…'
        return replace(self, facts=replace(facts, name=short)).titled()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All that is told, in order."""
        footprint = self.footprint
        if footprint is None:
            return (Line('Energy', 'not known'), *_about_run(self.facts))
        return (
            *_about_energy(footprint),
            *_about_carbon(footprint),
            *_about_water(footprint),
            *_others(footprint),
            Line('Duration', footprint.duration.rounded),
            *([Line('Yield', *self.facts.yielded.words)] if self.facts.yielded else []),
            *_about_phases(footprint),
            *_about_hosts(self.facts.group),
            *_notes('Devices', [told] if (told := devices_told(self.facts)) else []),
            *_notes('Foreseen', [self.facts.foreseen] if self.facts.foreseen else []),
            *_notes('Waited', [self.facts.waited] if self.facts.waited else []),
            *_about_place(footprint),
            *_notes('Feels like', [', or '.join(self.equivalents)] if self.equivalents else []),
            *_about_budget(footprint, self.facts),
            *_about_trust(footprint),
            *_about_run(self.facts),
        )

    def __str__(self) -> str:
        from hefted.report.terminal import plain

        return plain(self)

    def _repr_html_(self) -> str:
        from hefted.report.html import fragment

        return fragment(self)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data, every quantity with its errors and sources."""
        facts, footprint = self.facts, self.footprint
        about: dict[str, Any] = {name: getattr(facts, name) for name in Facts.__slots__}
        about['of_all_attempts'] = facts.of_all_attempts and facts.of_all_attempts.to_json()
        about['group'] = facts.group and group_json(facts.group)
        about['yielded'] = facts.yielded and facts.yielded.to_json()
        return {'schema': 1, **about, 'footprint': footprint and footprint.to_json()}


def receipt(footprint: Footprint | None, facts: Facts) -> Receipt:
    """Make the receipt of a run.

    Args:
        footprint: What it took.
        facts: What run it is.
    """
    if footprint is None:
        return Receipt(facts, None)
    if footprint.energy is None:
        return Receipt(facts, footprint)
    from hefted.footprint.equivalents import felt

    return Receipt(facts, footprint, tuple(felt(footprint.energy, footprint.carbon)))


def _about_energy(footprint: Footprint) -> Iterator[Line]:
    yield _figure('Energy', footprint.energy)
    parts = {name: energy for name, energy in footprint.components.items() if not _nothing(energy)}
    if len(parts) > 1:
        for name, energy in parts.items():
            yield _figure(_COMPONENTS.get(name, name), energy, 'part')


def _nothing(part: Quantity) -> bool:
    """Whether it is 0 and can be nothing else, such as the water that cools a laptop."""
    return part.low == part.value == part.high == 0


def _about_carbon(footprint: Footprint) -> Iterator[Line]:
    yield from _of_parts('Carbon', footprint.carbon, {'in use': footprint.operational, 'hardware': footprint.embodied})


def _about_water(footprint: Footprint) -> Iterator[Line]:
    if footprint.water is not None:
        parts = {'on site': footprint.water_on_site, 'off site': footprint.water_off_site}
        yield from _of_parts('Water', footprint.water, parts)


def _of_parts(label: str, whole: Quantity | None, parts: dict[str, Quantity | None]) -> Iterator[Line]:
    """A figure and its parts; where only one of these is known, the figure says that it is of no more."""
    known = {name: part for name, part in parts.items() if part is not None}
    some = {name: part for name, part in known.items() if not _nothing(part)}
    line = _figure(label, whole)
    if len(some) != 1:
        yield line
        yield from (_figure(name, part, 'part') for name, part in some.items())
        return
    name = next(iter(some))
    yield _told_more(line, f'{name} only' if len(known) == 1 else f'all {name}')


def _told_more(line: Line, more: str) -> Line:
    return replace(line, detail=f'{line.detail}; {more}') if more else line


def _about_place(footprint: Footprint) -> Iterator[Line]:
    from hefted.report import origins

    place = footprint.place
    yield from _notes('Place', [text for text in (str(place), place.hint) if text])
    if place.land:
        yield Line('Land', f'{place.land}, as declared by who ran it', kind='note')
    for label, told in (('Grid', origins.grid(footprint)), ('Facility', origins.facility(footprint))):
        if told:
            yield Line(label, told, kind='note')


def _others(footprint: Footprint) -> Iterator[Line]:
    from hefted.report.origins import covered_by_cost, covered_by_minerals

    if footprint.minerals is not None:
        yield _told_more(_figure('Minerals', footprint.minerals), covered_by_minerals(footprint.minerals))
    if footprint.cost is not None:
        yield _told_more(_figure('Cost', footprint.cost), covered_by_cost(footprint.cost))


def _about_phases(footprint: Footprint) -> Iterator[Line]:
    phases = footprint.phases
    energies = [share.energy for share in phases.values()]
    joules = [0.0 if energy is None else energy.to('J').value for energy in energies]
    seconds = [share.seconds for share in phases.values()]
    weights = joules if any(joules) else seconds
    whole = sum(weights)
    for (name, phase), weight in zip(phases.items(), weights, strict=True):
        value = 'not known' if phase.energy is None else phase.energy.rounded
        duration = Quantity(phase.seconds, 's').rounded
        yield Line(name, value, duration, 'phase', weight / whole if whole else None)


def _about_hosts(group: GroupFacts | None) -> Iterator[Line]:
    """A line for each host; of a process that is not the first, that it is a part."""
    if group is None:
        return
    if not group.hosts:
        yield Line('Part', f'rank {group.rank} of {group.size}; the receipt of rank 0 is of all of them', kind='note')
        return
    for number, (ranks, energy) in enumerate(group.hosts, 1):
        yield replace(_figure(f'Host {number}', energy), detail=ranks_told(ranks))
    if group.missing:
        yield Line('Not known', f'{ranks_told(group.missing)}: what they took is not counted here', kind='warning')


def devices_told(facts: Facts) -> str:
    """How many devices shared a step; '' of one.

    Example:
        >>> devices_told(Facts('0193a7c4-5f21', devices=8, sent=1400.0))
        '8 shared each step, each sending 1.4 kB to the others in it'
    """
    if facts.devices < 2:
        return ''
    sent = '' if facts.sent is None else f', each sending {Quantity(facts.sent, "B").rounded} to the others in it'
    return f'{facts.devices:,} shared each step{sent}'


def _about_budget(footprint: Footprint, facts: Facts) -> Iterator[Line]:
    if not facts.budget:
        if facts.stopped_by:
            yield Line('Budget', f'stopped by the {facts.stopped_by}', kind='note')
        return
    from hefted.budget.limits import kept_within

    yield from _notes('Budget', kept_within(facts.budget, footprint, facts.stopped_by))


def _about_trust(footprint: Footprint) -> Iterator[Line]:
    if footprint.covers:
        yield Line('Covers', footprint.covers, kind='note')
    told = [f'{gap.sensor}: {gap.reason}' for gap in footprint.gaps]
    distinct = list(dict.fromkeys(told))  # a sensor that fails again and again is told once
    more = len(distinct) - _GAPS_TOLD
    yield from _notes('Not read', distinct[:_GAPS_TOLD] + ([f'and {more} more such gaps'] if more > 0 else []))


def _about_run(facts: Facts) -> Iterator[Line]:
    if facts.attempt > 1 or facts.of_all_attempts is not None:
        yield Line('Attempt', f'{facts.attempt}; all attempts: {facts.of_all_attempts or "not known"}', kind='note')
    if facts.meter_share is not None:
        yield Line('Meter', f'took {_percent(facts.meter_share)} of the run’s CPU time', kind='note')
    told = [] if facts.started is None else [f'{datetime.fromtimestamp(facts.started):%Y-%m-%d %H:%M}']
    if facts.journal_failure is None:
        told.append(f'hefted receipt {facts.run_id[:18]} shows it again')  # so much of the id is its microsecond
    else:
        yield Line('Not kept', facts.journal_failure, kind='warning')
    if told:
        yield Line('Run', ' · '.join(told), kind='note')


def _notes(label: str, texts: Sequence[str]) -> Iterator[Line]:
    """Notes of one label, which is told once."""
    for number, text in enumerate(texts):
        yield Line('' if number else label, text, kind='note')


def _figure(label: str, quantity: Quantity | None, kind: Kind = 'figure') -> Line:
    if quantity is None:
        return Line(label, 'not known', '', kind)
    return Line(label, *parted(quantity), kind)


def _percent(share: float) -> str:
    if share < 1e-4:
        return 'under 0.01 %'
    return f'{100 * share:.0f} %' if share >= 0.1 else f'{100 * share:.2g} %'


def blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Part a receipt's lines into what stands together: figures, phases, notes."""
    names = {'figure': 'figures', 'part': 'figures', 'phase': 'phases', 'note': 'notes', 'warning': 'notes'}
    for _, together in groupby(lines, key=lambda line: names[line.kind]):
        yield list(together)
