"""Where a receipt's factors are from, in few words: the grid's intensity, the facility's PUE, a price.

A footprint holds products and not the factors, which follow from it: their values by division, their intervals from the
errors that carry their keys ('grid:FR', 'pue:world'), their publishers from its sources.

>>> from hefted.footprint.factors import Factors, factors_for
>>> from hefted.footprint.account import Shares, footprint
>>> from hefted.footprint.place import Place
>>> from hefted.metering.machine import Machine
>>> shares, place = Shares(), Place.of('US-VA')
>>> shares.add('train', 2.0, {'counter': 3.6e6})
>>> told = footprint(shares, {'counter': ('cpu', Quantity(1, '1'))}, place, factors_for(place, Machine()))
>>> grid(told)
'307 g CO2e/kWh (220 to 430): US EPA eGRID2023, 245 brought to the life cycle'
>>> facility(told)
'560 Wh more in carbon and water: PUE 1.6 (1.1 to 1.9), Uptime Institute, 2024'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hefted.metering.reading import ELSEWHERE
from hefted.quantities import Error, Quantity, Source, total

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint

_OF_HARDWARE = ('making:', 'life:', 'threads:')
_CONVERTED = re.compile(r'direct ([\d.]+) g/kWh brought to the life cycle')
_WORLD = 'grid:world'


def grid(footprint: Footprint) -> str | None:
    """The grid's intensity with its interval and who publishes it; None where no carbon of electricity is known."""
    energy, carbon = footprint.energy, footprint.operational
    if energy is None or carbon is None or energy.value <= 0:
        return None
    electricity = energy if footprint.facility is None else energy + footprint.facility
    sources = _keyed(carbon.sources, 'grid:')
    told = _factor(carbon.to('g CO2e'), electricity.to('kWh').value, 'grid:', 'g CO2e/kWh')
    whose = "the world's mean, " if footprint.place.code != 'world' and any(s.key == _WORLD for s in sources) else ''
    if any('of the whole country' in source.title for source in sources):
        whose = 'the whole country, '
    return _with_publishers(told, whose, sources)


def facility(footprint: Footprint) -> str | None:
    """What the facility adds, and its PUE with who publishes it; None where it adds nothing."""
    more = footprint.facility
    if more is None or more.value <= 0:
        return None
    sources = _keyed(more.sources, 'pue:')
    machines = [energy for name, energy in footprint.components.items() if name not in ELSEWHERE]
    told = f'{more.rounded} more in carbon and water'
    if not sources or not machines:
        return told
    it = total(machines).to('J').value
    overhead = _factor(more.to('J'), it, 'pue:', '1')
    pue = Quantity(1 + overhead.value, '1', 'modelled', overhead.errors)
    return f'{told}: PUE {_interval(pue)}, {_publishers(sources)}'


def covered_by_minerals(minerals: Quantity) -> str:
    """'hardware only' where no minerals of the electricity are in the figure."""
    only = minerals.sources and all(source.key.startswith(_OF_HARDWARE) for source in minerals.sources)
    return 'hardware only' if only else ''


def covered_by_cost(cost: Quantity) -> str:
    """What was paid for, and by which price: such as 'the machine, list price of 2023'."""
    prices = [source for source in cost.sources if source.key.startswith('price')]
    if not prices:
        return ''
    what = 'the machine' if len(prices) == len(cost.sources) else 'electricity'
    listed = next((source for source in prices if source.key != 'price'), None)
    return f'{what}, list price of {listed.year}' if listed else f'{what}, at the price said'


def _keyed(sources: Iterable[Source], start: str) -> list[Source]:
    return [source for source in sources if source.key.startswith(start)]


def _factor(product: Quantity, other: float, start: str, unit: str) -> Quantity:
    """What was multiplied by `other`, with the errors that are its own: those whose source starts so."""
    errors = (Error(e.source, e.down / other, e.up / other) for e in product.errors if e.source.startswith(start))
    return Quantity(product.value / other, unit, 'modelled', tuple(errors))


def _interval(factor: Quantity) -> str:
    """Such as '1.6 (1.1 to 1.9)'."""
    return str(factor).replace(', modelled)', ')').removesuffix(' (modelled)')


def _with_publishers(factor: Quantity, whose: str, sources: list[Source]) -> str:
    # Not rounded to what the interval leaves of it: people know their grid's figure, and look for it.
    interval = _interval(factor).partition(' (')[2]
    told = Quantity(factor.value, factor.unit).rounded + (f' ({interval}' if interval else '')
    return f'{told}: {whose}{_publishers(sources)}' if sources else told


def _publishers(sources: Iterable[Source]) -> str:
    """Who publishes each and of which year; the whole titles are in the JSON."""
    return '; '.join(dict.fromkeys(_publisher(source) for source in sources))


def _publisher(source: Source) -> str:
    name = source.title.partition(':')[0].partition(';')[0]
    year = f', {source.year}' if source.year and str(source.year) not in name else ''
    converted = _CONVERTED.search(source.title)
    return f'{name}{year}' + (f', {float(converted[1]):.3g} brought to the life cycle' if converted else '')
