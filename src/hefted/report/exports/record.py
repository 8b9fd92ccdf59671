"""What an export is made of: a run's receipt, and what its journal says of machine, factors and versions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hefted.errors import ArgumentError, LedgerError, unknown_name
from hefted.footprint.factors import Factors
from hefted.footprint.sci import operational_of
from hefted.metering.machine import Machine
from hefted.quantities import Quantity
from hefted.report.exports.computation import operations
from hefted.report.foreseen import foreseen_in
from hefted.report.groups import GroupFacts, group_facts, part_of, shared_by
from hefted.report.receipt import Facts, Receipt, receipt

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.forecast.effort import Yielded
    from hefted.ledger.index import RunSummary

_UUID7 = re.compile('[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-')
INCLUDABLE = ('host', 'user', 'arguments', 'paths')
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Record(NamedTuple):
    """A run, ready to be written.

    Attributes:
        receipt: What it is told as.
        parent: The id of what it is a part of.
        machine: What it ran on; None where its journal does not say, or its parts ran on several kinds.
        factors: What it is priced by; none where its parts were priced by several sets.
        versions: Of Python, Hefted and JAX.
        attributes: What else its journal holds.
        flops: Floating-point operations that it did; None where its journal, or that of a part, does not say.
        summed: Whether its figures are the sums of its parts, as it kept no journal of its own.
        included: Of host, user, arguments and paths, what was asked for.
    """

    receipt: Receipt
    parent: str | None = None
    machine: Machine | None = None
    factors: Factors = Factors()
    versions: Mapping[str, str] = _NOTHING
    attributes: Mapping[str, Any] = _NOTHING
    flops: float | None = None
    summed: bool = False
    included: Mapping[str, str] = _NOTHING

    @property
    def facts(self) -> Facts:
        """What run it is."""
        return self.receipt.facts

    @property
    def footprint(self) -> Footprint | None:
        """What it took."""
        return self.receipt.footprint

    @property
    def electricity(self) -> Quantity | None:
        """J with the facility's, where that is known."""
        told = self.footprint
        if told is None or told.energy is None:
            return None
        return told.energy if told.facility is None else told.energy + told.facility

    @property
    def pue(self) -> float:
        """The facility's energy and the machine's over the machine's, as it was used; 1 where none is known."""
        told = self.footprint
        if told is None or told.facility is None or not (machine := self.joules_here):
            return 1.0
        return 1.0 + told.facility.to('J').value / machine

    @property
    def joules_here(self) -> float:
        """J of the machine alone, without networks and storage elsewhere."""
        parts = self.footprint.components if self.footprint else {}
        return sum(energy.to('J').value for name, energy in parts.items() if name not in ('network', 'storage'))

    @property
    def operational(self) -> Quantity | None:
        """Carbon of the electricity in g CO2e."""
        return None if self.footprint is None else operational_of(self.footprint)

    @property
    def intensity(self) -> Quantity | None:
        """Carbon of the grid in g CO2e/kWh; of a run that was priced by several, their mean as it was used."""
        electricity, operational = self.electricity, self.operational
        if self.factors.intensity is not None or electricity is None or operational is None or electricity.value <= 0:
            return self.factors.intensity
        try:  # what the two share, such as the errors of the energy, cancels
            mean = (operational / electricity).to('g CO2e/kWh')
        except ArgumentError:  # the energy may be nothing: no intensity follows
            return None
        return replace(mean, basis=operational.basis, sources=operational.sources)

    def known(self, what: str) -> Footprint:
        """The footprint, for a format that says nothing without it.

        Raises:
            ArgumentError: If nothing is known of it.
        """
        if self.footprint is None:
            raise unknown_figure(self, what)
        return self.footprint


def unknown_figure(record: Record, what: str) -> ArgumentError:
    """The error for a run that does not hold what a format is about."""
    return ArgumentError(
        f'run: expected one whose {what} is known, received {record.facts.run_id[:18]}, whose is not. `hefted doctor` '
        'says which sensors can be read here; the formats json and markdown tell what is known.'
    )


def record(run: RunSummary | Receipt) -> Record:
    """Gather what is known of a run.

    Args:
        run: Of the ledger, or a receipt.

    Raises:
        LedgerError: If its journal is damaged.
        ArgumentError: If it holds a number that is not finite.
    """
    if isinstance(run, Receipt):
        return _finite(Record(_dated(run)))
    if run.status == 'damaged':
        raise LedgerError(
            f'run: expected one whose journal can be read, received {run.short_id}: {run.reason or "it is damaged"}.'
        )
    took = run.footprint
    told = receipt(took, facts_of(run, took))
    headers = _headers(run)
    try:
        return _finite(_recorded(run, told, headers))
    except (TypeError, KeyError, AttributeError) as error:  # JSON, and yet not a journal's
        raise LedgerError(
            f'run: expected one whose journal can be read, received {run.short_id}: its header is damaged.'
        ) from error


def _dated(told: Receipt) -> Receipt:
    """The receipt with its run's start, which a UUIDv7 begins with: milliseconds since 1970 (RFC 9562, section 5.7)."""
    facts = told.facts
    if facts.started is not None or not _UUID7.match(facts.run_id):
        return told
    return replace(told, facts=replace(facts, started=int(facts.run_id[:13].replace('-', ''), 16) / 1000))


def _recorded(run: RunSummary, told: Receipt, headers: list[dict[str, Any]]) -> Record:
    machine = _agreed(headers, 'machine')
    return Record(
        told,
        run.parent,
        Machine.from_json(machine) if machine else None,
        Factors.from_json(_agreed(headers, 'factors') or {}),
        _agreed(headers, 'versions') or {},
        _agreed(headers, 'attributes') or {},
        _summed([header['flops'] for header in headers]),
        run.path is None,
    )


def facts_of(run: RunSummary, took: Footprint | None = None) -> Facts:
    """What the ledger tells of a run besides its figures.

    Args:
        run: Of the ledger.
        took: What it took, all of it, to be told beside what was foreseen; nothing is, where that is not given.
    """
    when, budget, stopped_by = run.told('when'), run.told('budget'), run.told('stopped_by')
    group = None if run.group is None else group_facts(run.group, run.told('others') or [], run.footprint_alone)
    return Facts(
        run_id=run.id,
        kind=run.kind,
        name=run.name,
        status=run.status,
        started=run.started,
        meter_share=run.meter_share,
        children=len(run.children),
        attempt=run.attempt,
        of_all_attempts=run.of_all_attempts,
        foreseen='' if took is None else foreseen_in(run.told('forecast'), took, run.status),
        waited=str(cast(dict[str, Any], when).get('told', '')) if isinstance(when, dict) else '',
        budget=cast(dict[str, str], budget) if isinstance(budget, dict) else None,
        stopped_by=stopped_by if isinstance(stopped_by, str) else None,
        group=group,
        yielded=None if took is None else _yielded(run, took, group),
        **shared_by(run.told('plan')),
    )


def _yielded(run: RunSummary, took: Footprint, group: GroupFacts | None) -> Yielded | None:
    """What its training made of energy and devices, by its journal; None where that cannot be read."""
    plan = run.told('plan')
    if not isinstance(plan, dict):
        return None
    step, resumed = run.told('step'), run.told('resumed')
    from hefted.forecast.effort import done_of, yielded

    try:
        return yielded(cast('dict[str, Any]', plan), done_of(step, resumed), took, part_of(group))
    except (TypeError, ValueError, OverflowError):  # another version's, or damaged
        return None


def included(record: Record, asked: Iterable[str], no_room: str | None = None) -> dict[str, str]:
    """What was asked for of host, user, arguments and paths.

    A journal holds none of them unless the program gave them as attributes. The host and the user are then those of
    this process, if the run was on a machine such as this one: so their words say.

    Args:
        record: The run.
        asked: Some of `INCLUDABLE`.
        no_room: The format's name, where it has no place for them.

    Raises:
        ArgumentError: If one cannot be told.
    """
    names = list(dict.fromkeys(asked))
    for name in names:
        if name not in INCLUDABLE:
            raise unknown_name('include', name, INCLUDABLE)
        if no_room is not None:
            raise ArgumentError(f'include: expected none, received {name!r}. The format {no_room} has no place for it.')
    return {name: _told(record, name) for name in names}


def _told(record: Record, name: str) -> str:
    held: Any = record.attributes.get(name)
    if held is not None:
        return ' '.join(map(str, cast(list[Any], held))) if isinstance(held, list) else str(held)
    if name in ('arguments', 'paths'):
        raise ArgumentError(
            f'include: expected what the journal of the run holds, received {name!r}. A journal holds no {name} unless '
            f'the program gave them as an attribute, so they cannot be told afterwards.'
        )
    from hefted.metering.machine import this_machine

    here = this_machine()
    if record.machine is None or _kind(record.machine) != _kind(here):
        raise ArgumentError(
            f'include: expected a run of a machine such as this one, received {name!r} for a run of another, or one '
            f'whose journal does not say. Export it on the machine where it ran.'
        )
    return f'{_of_this_process(name)} (of the export, on a machine such as the run’s)'


def _kind(machine: Machine) -> tuple[str, int]:
    return machine.microarchitecture, machine.memory_bytes


def _of_this_process(name: str) -> str:
    if name == 'host':
        import socket

        return socket.gethostname()
    import getpass

    return getpass.getuser()


def _headers(run: RunSummary) -> list[dict[str, Any]]:
    """What the run's journal, or those of its parts, say once; the last word counts."""
    if run.path is None:
        headers = [header for child in run.children for header in _headers(child)]
        if run.attempts and headers:  # steps are counted through all of them: the last one's tell the whole
            headers = [header | {'flops': 0.0} for header in headers]
            headers[-1]['flops'] = operations(run.children[-1].lines(), of_all_attempts=True)
        return headers
    said: dict[str, Any] = {}
    repriced = False
    lines = run.lines()
    for line in lines:
        said |= {key: line[key] for key in ('machine', 'factors', 'versions', 'attributes') if key in line}
        repriced = repriced or 'intensity' in line
    if repriced and isinstance(said.get('factors'), dict):  # by a live grid: no one intensity priced it, but their mean
        said['factors'] = {name: factor for name, factor in said['factors'].items() if name != 'intensity'}
    return [said | {'flops': operations(lines)}]


def _summed(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _agreed(headers: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    """What all say; None where they differ or one does not say."""
    told = [header.get(key) for header in headers]
    agreed = bool(told) and isinstance(told[0], dict) and all(each == told[0] for each in told)
    return cast(dict[str, Any], told[0]) if agreed else None


def _finite(record: Record) -> Record:
    """The record, if each number in it is one: no format can hold an infinity."""
    try:
        wrong = next(_not_finite(record.receipt.to_json(), 'run'), None)
    except OverflowError:
        wrong = 'run.footprint'
    if wrong is not None:
        raise ArgumentError(
            f'{wrong}: expected a finite number, received one that is not. The journal of {record.facts.run_id[:18]} '
            'is damaged or from a broken sensor; it is not exported.'
        )
    return record


def _not_finite(data: Any, name: str) -> Iterator[str]:
    if isinstance(data, float) and not math.isfinite(data):
        yield name
    elif isinstance(data, dict):
        for key, value in cast(dict[str, Any], data).items():
            yield from _not_finite(value, f'{name}.{key}')
    elif isinstance(data, list):
        for value in cast(list[Any], data):
            yield from _not_finite(value, name)
