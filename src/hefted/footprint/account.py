"""From raw counters to a footprint, by one pure function: live at a run's end, and again from its journal.

Energy between two instants is the difference of a sensor's joules times the sensor's accuracy, which
carries the errors. So whatever the journal still holds of a killed run tells what it used up to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from hefted.footprint.factors import Factors
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.intensities import Intensities
from hefted.footprint.place import Place, find
from hefted.metering.reading import ELSEWHERE, Component, Gap
from hefted.quantities import Basis, Error, Quantity, Source, total

Accuracies = Mapping[str, tuple[Component, Quantity]]
"""Component and accuracy (a factor around 1, with its errors) of each sensor, by name."""

START_UP = 'start-up'
IDLE = 'idle'  # no phase of the run: what passes in it is not counted
_COMPONENTS: tuple[Component, ...] = get_args(Component)
_PACKAGES = frozenset({'watts any laptop', 'watts Apple silicon'})
_WORDS = {
    'cpu': 'CPU',
    'dram': 'memory',
    'gpu': 'GPUs',
    'other': 'other parts',
    'unseen': 'supplies, fans and board',
    'switches': 'switches between nodes',
    'network': 'networks',
    'storage': 'storage elsewhere',
}


class Shares:
    """Seconds and joules by phase, as they add up.

    Attributes:
        seconds: Duration by phase.
        joules: Joules by phase and sensor.
        occupied: Seconds for which the machine was the run's; less than its duration where others shared it.
    """

    __slots__ = ('joules', 'occupied', 'seconds')

    def __init__(self) -> None:
        self.occupied = 0.0
        self.seconds: dict[str, float] = {}
        self.joules: dict[str, dict[str, float]] = {}

    def add(self, phase: str, seconds: float, joules: Mapping[str, float], occupied: float | None = None) -> None:
        """Give a phase its part: seconds, joules by sensor, and seconds for which the machine was the run's."""
        if phase == IDLE:
            return
        self.occupied += seconds if occupied is None else occupied
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        mine = self.joules.setdefault(phase, {})
        for sensor, used in joules.items():
            mine[sensor] = mine.get(sensor, 0.0) + used

    def divide(
        self, phases: Mapping[str, float], seconds: float, joules: Mapping[str, float], occupied: float | None = None
    ) -> None:
        """Give phases that followed one another between two readings their parts, by the seconds that each lasted."""
        whole = sum(phases.values())
        for phase, lasted in phases.items():
            part = lasted / whole if whole > 0 else 1 / len(phases)
            mine = {sensor: part * used for sensor, used in joules.items()}
            self.add(phase, part * seconds, mine, None if occupied is None else part * occupied)

    def by_sensor(self) -> dict[str, float]:
        """Joules by sensor, of all phases."""
        found: dict[str, float] = {}
        for used in self.joules.values():
            for sensor, joules in used.items():
                found[sensor] = found.get(sensor, 0.0) + joules
        return found


def footprint(
    shares: Shares,
    accuracies: Accuracies,
    place: Place,
    factors: Factors,
    gaps: Iterable[Gap] = (),
    without: Iterable[str] = (),
) -> Footprint:
    """Account for a run.

    Args:
        shares: Its seconds and joules by phase.
        accuracies: Of its sensors.
        place: Where it ran.
        factors: What it is priced by.
        gaps: What the sensors missed.
        without: Components to leave out, such as 'unseen'.

    Returns:
        Energy by component and phase, carbon, water, minerals, money and duration; what no factor is known for is
        None.

    Example:
        >>> shares = Shares()
        >>> shares.add('train', 2.0, {'counter': 7.2e6})
        >>> accuracies = {'counter': ('cpu', Quantity(1, '1'))}
        >>> told = footprint(shares, accuracies, Place.of('FR'), Factors(Quantity(50, 'g CO2e/kWh')))
        >>> str(told.energy), str(told.carbon), told.phases['train'].seconds
        ('2.0 kWh', '100 g CO2e', 2.0)
    """
    left_out, gaps, by_sensor = frozenset(without), tuple(gaps), shares.by_sensor()
    # What has been silent to this day and counted nothing in the run is missing, which is not 0.
    silent = {gap.sensor for gap in gaps if gap.end is None and not by_sensor.get(gap.sensor)}
    accuracies = {name: known for name, known in accuracies.items() if known[0] not in left_out and name not in silent}
    named: tuple[Component, ...] = (*_COMPONENTS, *(of for of, _ in accuracies.values()))  # and a newer version's
    components: dict[str, Quantity] = {
        component: energy
        for component in dict.fromkeys(named)
        if (energy := energy_of(by_sensor, accuracies, component)) is not None
        and (energy.value or component not in ELSEWHERE)  # nobody moved anything in this run: no figure
    }
    return Footprint(
        energy=energy_of(by_sensor, accuracies),
        **priced(components, Quantity(shares.occupied, 's'), factors),
        duration=Quantity(sum(shares.seconds.values()), 's'),
        place=place,
        components=components,
        phases={
            phase: PhaseShare(energy_of(shares.joules[phase], accuracies), seconds)
            for phase, seconds in shares.seconds.items()
        },
        gaps=gaps,
        covers=_covers(components, _as_servers(shares, components.get('cpu')), left_out),
    )


def central_joules(joules: Mapping[str, float], accuracies: Accuracies) -> float | None:
    """The central figure alone, for a live line; None where nothing is read or modelled."""
    known = [joules[sensor] * accuracies[sensor][1].value for sensor in joules if sensor in accuracies]
    return sum(known) if known else None


def central_grams(joules: float, occupied: float, factors: Factors) -> float | None:
    """The central figure of carbon as a receipt has it, for a live line; None where nothing is known of it.

    Args:
        joules: What was used.
        occupied: Seconds for which the machine was the run's.
        factors: What it is priced by.

    Returns:
        g CO2e in use and of the hardware; of that which is known.

    Example:
        >>> central_grams(3.6e6, 3600.0, Factors(Quantity(50, 'g CO2e/kWh'), embodied=Quantity(2, 'g CO2e/h')))
        52.0
    """
    pue, per_kwh, per_hour = factors.pue, factors.intensity, factors.embodied
    in_use = None if per_kwh is None else joules / 3.6e6 * per_kwh.value * (pue.value if pue else 1.0)
    hardware = None if per_hour is None else occupied / 3600 * per_hour.value
    return None if in_use is None and hardware is None else (in_use or 0.0) + (hardware or 0.0)


def energy_of(
    joules: Mapping[str, float], accuracies: Accuracies, component: Component | None = None
) -> Quantity | None:
    """Turn joules by sensor into energy: each times its accuracy, all in one sum.

    Args:
        joules: By sensor.
        accuracies: Of the sensors.
        component: Only what is of this component.

    Returns:
        J; None where no sensor is known, or models alone that counted nothing.
    """
    # In one pass rather than by the operators of Quantity: a run of a few milliseconds has a dozen of these.
    value = 0.0
    shifts: dict[str, tuple[float, float]] = {}
    sources: dict[str, Source] = {}
    bases: set[Basis] = set()
    of_nothing: set[Basis] = set()
    known = False
    for sensor, used in joules.items():
        of, accuracy = accuracies.get(sensor, (None, None))
        if accuracy is None or component not in (None, of):
            continue
        value += accuracy.value * used
        of_nothing.add(accuracy.basis)
        # A model that counted nothing was not there: what read the same stood in for it.
        known = known or bool(accuracy.value and (used or accuracy.basis == 'measured'))
        if used:  # who shared the machine with nobody owes nothing to the model of shares
            bases.add(accuracy.basis)
        for error in accuracy.errors:
            down, up = shifts.get(error.source, (0.0, 0.0))
            shifts[error.source] = (down + error.down * used, up + error.up * used)
        for source in accuracy.sources if used else ():
            sources[source.key] = source
    if not known:
        return None
    bases = bases or of_nothing  # a model's 0 is no measurement
    basis: Basis = 'assumed' if 'assumed' in bases else 'modelled' if 'modelled' in bases else 'measured'
    errors = tuple(Error(source, down, up) for source, (down, up) in shifts.items() if down or up)
    return Quantity(value, 'J', basis, errors, tuple(sources.values()))


def priced(components: Mapping[str, Quantity], occupied: Quantity, factors: Factors) -> dict[str, Quantity | None]:
    """Price energy and the time for which a machine was taken.

    With E the machine's own energy (IT energy), E' that of networks and storage for what was moved, and t the time:

        facility       = E x (PUE - 1)
        electricity    = E x PUE + E'
        operational    = electricity x intensity                   embodied  = rate x t (ISO/IEC 21031: TE x TS x RS)
        water on site  = E x WUE                                   off site  = electricity x water of its generation
        minerals       = electricity x its minerals + rate x t     cost      = price x t, or electricity x its price

    Args:
        components: Energy by component.
        occupied: For how long a whole machine (or the part of one that was given) was taken.
        factors: What it is priced by.

    Returns:
        The figures of a `Footprint` beside its energy, by name; None for what is not known.

    Source:
        The Green Grid, PUE (2012) and WUE (2011): WUE is per kWh of IT energy. ISO/IEC 21031:2024 for the two carbons.
    """
    it = _sum(*(energy for name, energy in components.items() if name not in ELSEWHERE))
    elsewhere = _sum(*(energy for name, energy in components.items() if name in ELSEWHERE))
    pue = factors.pue or Quantity(1.0, '1')
    electricity = _sum(it and it * pue, elsewhere)
    operational = _times(electricity, factors.intensity, 'g CO2e')
    embodied = _times(factors.embodied, occupied, 'g CO2e')
    on_site = _times(it, factors.water_on_site, 'L')
    off_site = _times(electricity, factors.water_off_site, 'L')
    return {
        'facility': it and factors.pue and it * pue - it,
        'operational': operational,
        'embodied': embodied,
        'carbon': _sum(operational, embodied),
        'water_on_site': on_site,
        'water_off_site': off_site,
        'water': _sum(on_site, off_site),
        'minerals': _sum(
            _times(electricity, factors.electricity_minerals, 'kg Sb eq'),
            _times(factors.minerals, occupied, 'kg Sb eq'),
        ),
        'cost': _times(factors.price, occupied, 'USD')
        if factors.price
        else _times(electricity, factors.electricity_price, 'USD'),
    }


def _times(one: Quantity | None, two: Quantity | None, unit: str) -> Quantity | None:
    return None if one is None or two is None else (one * two).to(unit)


def _sum(*parts: Quantity | None) -> Quantity | None:
    """Add what is known; None where nothing is."""
    known = [part for part in parts if part is not None]
    return total(known) if known else None


def _as_servers(shares: Shares, cpu: Quantity | None) -> bool:
    """Whether the CPU's model, whose watts are those of whole servers, counted more than the start.

    Those of laptops are of the package alone (see `metering/tables/cpu_watts.csv`).
    """
    if cpu is None or any(source.key in _PACKAGES for source in cpu.sources):
        return False
    phases = shares.joules.items()
    return any(used.get('cpu-model:idle') for phase, used in phases if phase != START_UP or len(phases) == 1)


def _covers(components: Mapping[str, Quantity], as_servers: bool, without: Iterable[str]) -> str:
    """Say what a total names and what it leaves out."""
    # A meter of the whole machine that was never read tells nothing of it.
    named = {name: energy for name, energy in components.items() if name != 'unseen' or energy.value}
    if not named:
        told = ' and '.join(_WORDS.get(name, name) for name in sorted(without))
        return f'nothing: without {told}, no sensor could be read' if told else 'nothing: no sensor could be read'
    by_basis: dict[str, list[str]] = {}
    for component, energy in named.items():
        by_basis.setdefault(energy.basis, []).append(_WORDS.get(component, component))
    told = '; '.join(f'{_listed(words)}, {basis}' for basis, words in by_basis.items())
    unseen = named.get('unseen')
    if unseen is not None and not any(source.key.startswith('unseen ') for source in unseen.sources):
        return f'{told}; together what the meter of the whole machine reads'
    if as_servers:
        return f'{told}; with a server’s board, fans and supply'
    return told if unseen is not None else f'{told}; no board, fans or supply'


def _listed(words: list[str]) -> str:
    *others, last = words
    return f'{", ".join(others)}, and {last}' if len(others) > 1 else ' and '.join(words)


def rebuild(lines: Iterable[Mapping[str, Any]], without: Iterable[str] = ()) -> Footprint:
    """Account for a run again from its journal's lines, however early they break off.

    Args:
        lines: The journal's lines, in order; the header is the first that holds sensors.
        without: Components to leave out, such as 'unseen'.

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
    factors = Factors()
    if header.get('start_up'):
        shares.add(START_UP, header['start_up']['seconds'], header['start_up']['joules'])
    intensities = Intensities()
    last = header['start']
    for line in lines:
        for name, sensor in line.get('sensors', {}).items():
            accuracies[name] = (sensor['component'], Quantity.from_json(sensor['accuracy']))
        if 'factors' in line:  # again when a GPU was found late
            factors = Factors.from_json(line['factors'])
        if 'gaps' in line:  # each time the whole of them
            gaps = [Gap(g['sensor'], g['reason'], g['start'], g['end']) for g in line['gaps']]
        if 'joules' in line and line['monotonic'] >= last['monotonic']:
            idle = line.get('idle', 0.0) - last.get('idle', 0.0)
            seconds = line['monotonic'] - last['monotonic'] - idle
            occupied = line['occupied'] - last['occupied'] if 'occupied' in line else None
            before = last['joules']  # a sensor that was not there before counts from 0
            used = {sensor: joules - before.get(sensor, 0.0) for sensor, joules in line['joules'].items()}
            shares.divide(line.get('phases') or {line['phase']: 1.0}, seconds, used, occupied)
            last = line
        if 'intensity' in line:  # another holds from here on, or from the run's start
            another = Quantity.from_json(line['intensity'])
            from_start = line is header or bool(line.get('from_start'))  # an older header tells it without factors
            intensities.change(another, shares.by_sensor(), from_start=from_start)
    counted = {name: known for name, known in accuracies.items() if known[0] not in set(without)}
    factors = intensities.priced(factors, shares.by_sensor(), counted)
    place = Place.from_json(header['place']) if header.get('place') else find()
    return footprint(shares, accuracies, place, factors, gaps, without)
