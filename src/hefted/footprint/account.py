"""From raw counters to a footprint, by one pure function: live at a run's end, and again from its journal.

Energy between two instants is the difference of a sensor's joules times the sensor's accuracy, which
carries the errors. So whatever the journal still holds of a killed run tells what it used up to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place, find
from hefted.metering.reading import Component, Gap
from hefted.quantities import Basis, Error, Quantity, Source

Accuracies = Mapping[str, tuple[Component, Quantity]]
"""Component and accuracy (a factor around 1, with its errors) of each sensor, by name."""

START_UP = 'start-up'
IDLE = 'idle'  # no phase of the run: what passes in it is not counted
_COMPONENTS: tuple[Component, ...] = ('cpu', 'dram', 'gpu', 'other')
_WORDS = {'cpu': 'CPU', 'dram': 'memory', 'gpu': 'GPUs', 'other': 'other parts'}


class Shares:
    """Seconds and joules by phase, as they add up."""

    __slots__ = ('joules', 'seconds')

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.joules: dict[str, dict[str, float]] = {}

    def add(self, phase: str, seconds: float, joules: Mapping[str, float]) -> None:
        """Give a phase its part: seconds, and joules by sensor."""
        if phase == IDLE:
            return
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        mine = self.joules.setdefault(phase, {})
        for sensor, used in joules.items():
            mine[sensor] = mine.get(sensor, 0.0) + used

    def add_between(self, phase: str, seconds: float, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Give a phase what cumulative counters rose by; a sensor that was not there before counts from 0."""
        self.add(phase, seconds, {sensor: joules - before.get(sensor, 0.0) for sensor, joules in after.items()})


def footprint(
    shares: Shares,
    accuracies: Accuracies,
    place: Place,
    intensity: Quantity | None,
    gaps: Iterable[Gap] = (),
) -> Footprint:
    """Account for a run.

    Args:
        shares: Its seconds and joules by phase.
        accuracies: Of its sensors.
        place: Where it ran.
        intensity: g CO2e/kWh there; None where not known, and then there is no carbon.
        gaps: What the sensors missed.

    Returns:
        Energy by component and phase, carbon and duration.

    Example:
        >>> shares = Shares()
        >>> shares.add('train', 2.0, {'counter': 7.2e6})
        >>> accuracies = {'counter': ('cpu', Quantity(1, '1'))}
        >>> told = footprint(shares, accuracies, Place.of('FR'), Quantity(50, 'g CO2e/kWh'))
        >>> str(told.energy), str(told.carbon), told.phases['train'].seconds
        ('2.0 kWh', '100 g CO2e', 2.0)
    """
    by_sensor: dict[str, float] = {}
    for used in shares.joules.values():
        for sensor, joules in used.items():
            by_sensor[sensor] = by_sensor.get(sensor, 0.0) + joules
    components: dict[str, Quantity] = {
        component: energy
        for component in _COMPONENTS
        if (energy := energy_of(by_sensor, accuracies, component)) is not None
    }
    energy = energy_of(by_sensor, accuracies)
    return Footprint(
        energy=energy,
        carbon=None if energy is None or intensity is None else (energy * intensity).to('g CO2e'),
        duration=Quantity(sum(shares.seconds.values()), 's'),
        place=place,
        components=components,
        phases={
            phase: PhaseShare(energy_of(shares.joules[phase], accuracies), seconds)
            for phase, seconds in shares.seconds.items()
        },
        gaps=tuple(gaps),
        covers=_covers(components),
    )


def central_joules(joules: Mapping[str, float], accuracies: Accuracies) -> float | None:
    """The central figure alone, for a live line; None where nothing is read or modelled."""
    known = [joules[sensor] * accuracies[sensor][1].value for sensor in joules if sensor in accuracies]
    return sum(known) if known else None


def energy_of(
    joules: Mapping[str, float], accuracies: Accuracies, component: Component | None = None
) -> Quantity | None:
    """Turn joules by sensor into energy: each times its accuracy, all in one sum.

    Args:
        joules: By sensor.
        accuracies: Of the sensors.
        component: Only what is of this component.

    Returns:
        J; None where no sensor is known.
    """
    # In one pass rather than by the operators of Quantity: a run of a few milliseconds has a dozen of these.
    value = 0.0
    shifts: dict[str, tuple[float, float]] = {}
    sources: dict[str, Source] = {}
    bases: set[Basis] = set()
    for sensor, used in joules.items():
        of, accuracy = accuracies.get(sensor, (None, None))
        if accuracy is None or component not in (None, of):
            continue
        value += accuracy.value * used
        bases.add(accuracy.basis)
        for error in accuracy.errors:
            down, up = shifts.get(error.source, (0.0, 0.0))
            shifts[error.source] = (down + error.down * used, up + error.up * used)
        for source in accuracy.sources:
            sources[source.key] = source
    if not bases:
        return None
    basis: Basis = 'assumed' if 'assumed' in bases else 'modelled' if 'modelled' in bases else 'measured'
    errors = tuple(Error(source, down, up) for source, (down, up) in shifts.items() if down or up)
    return Quantity(value, 'J', basis, errors, tuple(sources.values()))


def _covers(components: Mapping[str, Quantity]) -> str:
    """Say what a total names and what it leaves out."""
    if not components:
        return 'nothing: no sensor could be read'
    by_basis: dict[str, list[str]] = {}
    for component, energy in components.items():
        by_basis.setdefault(energy.basis, []).append(_WORDS[component])
    told = '; '.join(f'{" and ".join(words)}, {basis}' for basis, words in by_basis.items())
    cpu = components.get('cpu')
    # The watts of the CPU's model are those of whole servers.
    rest = (
        'no board, fans or supply'
        if cpu is None or cpu.basis == 'measured'
        else 'as in a server, its fans and supply too'
    )
    return f'{told}; {rest}'


def rebuild(lines: Iterable[Mapping[str, Any]]) -> Footprint:
    """Account for a run again from its journal's lines, however early they break off.

    Args:
        lines: The journal's lines, in order; the header is the first that holds sensors.

    Returns:
        The footprint up to the last line with counters.

    Raises:
        ValueError: If no line holds what a header must.
    """
    lines = list(lines)
    header = next((line for line in lines if 'sensors' in line and 'start' in line), None)
    if header is None:
        raise ValueError('lines: expected a header with sensors and a start, received none.')
    shares = Shares()
    accuracies: dict[str, tuple[Component, Quantity]] = {}
    gaps: list[Gap] = []
    if header.get('start_up'):
        shares.add(START_UP, header['start_up']['seconds'], header['start_up']['joules'])
    last = header['start']
    for line in lines:
        for name, sensor in line.get('sensors', {}).items():
            accuracies[name] = (sensor['component'], Quantity.from_json(sensor['accuracy']))
        if 'gaps' in line:  # each time the whole of them
            gaps = [Gap(g['sensor'], g['reason'], g['start'], g['end']) for g in line['gaps']]
        if 'joules' in line and line['monotonic'] >= last['monotonic']:
            seconds = line['monotonic'] - last['monotonic']
            shares.add_between(line['phase'], seconds, last['joules'], line['joules'])
            last = line
    place = Place.from_json(header['place']) if header.get('place') else find()
    intensity = Quantity.from_json(header['intensity']) if header.get('intensity') else None
    return footprint(shares, accuracies, place, intensity, gaps)
