"""The footprint of a run: what it took, each figure a quantity that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.place import Place
    from hefted.metering.reading import Gap

Summand = TypeVar('Summand', Quantity, 'PhaseShare')

_FIGURES = (
    'energy',
    'facility',
    'carbon',
    'operational',
    'embodied',
    'water',
    'water_on_site',
    'water_off_site',
    'minerals',
    'cost',
)


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """A phase's part: energy (None where nothing read or modelled it) and duration in seconds."""

    energy: Quantity | None
    seconds: float

    def __add__(self, other: PhaseShare) -> PhaseShare:
        return PhaseShare(_sum(self.energy, other.energy), self.seconds + other.seconds)


@dataclass(frozen=True, slots=True, repr=False)
class Footprint:
    """What a run took. What is not accounted for is None, never 0.

    Attributes:
        energy: J of the machine, and of networks and storage for what it moved (IT energy; the facility's
            overhead is never folded in).
        carbon: g CO2e, operational and embodied, of those that are known.
        water: L, on site and off site.
        minerals: kg Sb eq: of making the machine, by the share of its life that was taken, and of electricity.
        cost: USD.
        duration: s, by CLOCK_MONOTONIC, from process start (first run) or run start.
        components: Energy by component ('cpu', 'dram', 'gpu', 'other', 'unseen'; 'switches' where several
            nodes work as one; 'network' and 'storage' where bytes were told).
        phases: Share by phase ('start-up', 'compile', 'input', 'train', 'validate', 'checkpoint').
        place: Where it ran.
        gaps: What the sensors missed, with reasons.
        covers: One line naming what the total covers, such as 'CPU and memory; no board, fans or supply'.
        facility: J that the data centre spends beside the machines' own (power usage effectiveness less 1).
        operational: g CO2e of the electricity, the facility's counted; location-based and life-cycle.
        embodied: g CO2e of making the machine, by the share of its life that the run occupied.
        water_on_site: L evaporated by the data centre's cooling.
        water_off_site: L used to generate the electricity.
    """

    energy: Quantity | None
    carbon: Quantity | None
    duration: Quantity
    place: Place
    water: Quantity | None = None
    minerals: Quantity | None = None
    cost: Quantity | None = None
    components: dict[str, Quantity] = field(default_factory=dict[str, Quantity])
    phases: dict[str, PhaseShare] = field(default_factory=dict[str, PhaseShare])
    gaps: tuple[Gap, ...] = ()
    covers: str = ''
    facility: Quantity | None = None
    operational: Quantity | None = None
    embodied: Quantity | None = None
    water_on_site: Quantity | None = None
    water_off_site: Quantity | None = None

    def __repr__(self) -> str:
        energy = 'energy not known' if self.energy is None else str(self.energy)
        carbon = [] if self.carbon is None else [self.carbon.rounded]
        return f'<Footprint {", ".join([energy, *carbon, self.duration.rounded])}>'

    def __add__(self, other: Footprint) -> Footprint:
        """Add the footprints of two runs: what is known of either is counted, and `covers` tells both.

        Durations add, as machine time does, even where the runs overlapped.
        """
        return Footprint(
            **{name: _sum(getattr(self, name), getattr(other, name)) for name in _FIGURES},
            duration=self.duration + other.duration,
            place=_both(self.place, other.place),
            components=_merged(self.components, other.components),
            phases=_merged(self.phases, other.phases),
            gaps=self.gaps + other.gaps,
            covers=_both_lines(self.covers, other.covers),
        )

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data, every quantity with its errors and sources."""
        figures: dict[str, Quantity | None] = {name: getattr(self, name) for name in _FIGURES}
        return {
            **{name: figure and figure.to_json() for name, figure in figures.items()},
            'duration': self.duration.to_json(),
            'place': self.place.to_json(),
            'components': {name: energy.to_json() for name, energy in self.components.items()},
            'phases': {
                name: {'energy': share.energy and share.energy.to_json(), 'seconds': share.seconds}
                for name, share in self.phases.items()
            },
            'gaps': [{'sensor': g.sensor, 'reason': g.reason, 'start': g.start, 'end': g.end} for g in self.gaps],
            'covers': self.covers,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Footprint:
        """Read what `to_json` wrote; unknown keys are passed over."""
        from hefted.footprint.place import Place
        from hefted.metering.reading import Gap  # late: with it comes all the meter

        return cls(
            **{name: _read(data.get(name)) for name in _FIGURES},
            duration=Quantity.from_json(data['duration']),
            place=Place.from_json(data['place']),
            components={name: Quantity.from_json(energy) for name, energy in data.get('components', {}).items()},
            phases={
                name: PhaseShare(_read(share.get('energy')), share['seconds'])
                for name, share in data.get('phases', {}).items()
            },
            gaps=tuple(Gap(g['sensor'], g['reason'], g['start'], g.get('end')) for g in data.get('gaps', ())),
            covers=data.get('covers', ''),
        )


def _read(data: Mapping[str, Any] | None) -> Quantity | None:
    return None if data is None else Quantity.from_json(data)


def _sum(one: Quantity | None, two: Quantity | None) -> Quantity | None:
    """Add what is known; unknown only where both are."""
    if one is None or two is None:
        return one if two is None else two
    return one + two


def _merged(one: dict[str, Summand], two: dict[str, Summand]) -> dict[str, Summand]:
    return one | {name: one[name] + more if name in one else more for name, more in two.items()}


def _both(one: Place, two: Place) -> Place:
    """The place of both; where they differ, the world under both names, as no one grid stands for it."""
    from hefted.footprint.place import WORLD, Place

    if (one.code, one.cloud_region) == (two.code, two.cloud_region) and (one.code != WORLD or one.name == two.name):
        return one if one == two else replace(one, **dict.fromkeys(_apart(one, two)))
    return Place(WORLD, _both_lines(one.name, two.name))


def _apart(one: Place, two: Place) -> list[str]:
    """What of a place is not that of both: two houses of one city, land that one of two runs declared."""
    apart = [name for name in ('latitude', 'longitude', 'datacentre') if getattr(one, name) != getattr(two, name)]
    return apart if one.land == two.land else [*apart, 'land', 'land_known_by']


def _both_lines(one: str, two: str) -> str:
    """Two lines as one, each told once, however many runs are added.

    Example:
        >>> _both_lines('France; Norway', 'France'), _both_lines('France', 'Norway')
        ('France; Norway', 'France; Norway')
    """
    if not two or f'; {two}; ' in f'; {one}; ':
        return one
    return two if not one or f'; {one}; ' in f'; {two}; ' else f'{one}; {two}'
