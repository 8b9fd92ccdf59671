"""Energy of the CPU where no counter can be read: watts by microarchitecture, by the kernel's CPU times.

The watts are those of whole servers at the wall, divided by their hardware threads (SPECpower_ssj2008):
supply, fans and that server's memory are in them. Over t seconds of wall time the n threads that are given to this
process were busy for B CPU seconds, so u = B / (n t), and draw (idle + (full - idle) f(u)) n t. Of B the process tree
worked T seconds. Its parts s and w of what work added and of idling are those of `hefted.metering.share`:

    idle  = idle watts x n t x w
    load  = (full - idle) watts x T                                  what a straight line gives: B x s is T
    curve = (full - idle) watts x n t x (f(u) - u) x s               what the load curve f adds

f is concave, so what works for half the time at full load takes less than what works all the time at half, and more
than half of it. The three are counted apart, because they are uncertain for different reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant
from hefted.metering.share import part
from hefted.metering.tables import rows
from hefted.processor import CpuIdentity
from hefted.quantities import Basis, Error, Quantity, Source

# Power over thermal design power at 0, 10, 50, 100 % load: 0.12, 0.32, 0.75, 1.02 (Teads, EC2 bare metal
# under stress-ng, 2021), here as the share of the way from idle to full.
CURVE = ((0.0, 0.0), (0.1, 0.2222), (0.5, 0.7), (1.0, 1.0))

# SPECpower runs Java; code with wide vectors draws 15 to 60 % more at full load (Teads' package power under
# stress-ng against SPECpower's whole servers, Skylake and Cascade Lake). Scalar code may draw a little
# less.
VECTORS = Source('vector load', 'Teads EC2 bare metal dataset against SPECpower_ssj2008', 2021, None, 'fact')
# One tuned server's idle is not that of a cloud's host, and its wall power covers memory that is counted
# here as well.
BOUNDARY = Source('server boundary', 'Assumed: tuned benchmark servers against those in use', None, None, 'fact')
LOAD_CURVE = Source('load curve', 'Teads EC2 bare metal dataset: load curve of a package', 2021, None, 'fact')


class CpuWatts(NamedTuple):
    """Watts per hardware thread, idle and at full load, each (value, low, high) at 90 %.

    Attributes:
        microarchitecture: What the processor is, for people.
        group: The row of watts that stands for it.
        idle: W per thread.
        full: W per thread.
        basis: 'modelled' where systems of this kind were measured, else 'assumed'.
        source: Where the watts are from.
        of_package: Whether they are of the processor's package alone, and not of a whole machine at the wall.
    """

    microarchitecture: str
    group: str
    idle: tuple[float, float, float]
    full: tuple[float, float, float]
    basis: Basis
    source: Source
    of_package: bool = False


def watts_for(identity: CpuIdentity) -> CpuWatts:
    """Find the watts of a processor.

    Args:
        identity: What it says it is.

    Returns:
        Its microarchitecture's row; the spread of all servers, labelled assumed, where it is not known.

    Example:
        >>> watts_for(CpuIdentity('AuthenticAMD', 26, 2, 1)).full[0]
        1.93
    """
    name, group = _microarchitecture(identity)
    row = next(row for row in rows('cpu_watts') if row['microarchitecture'] == group)
    return CpuWatts(
        name,
        group,
        (float(row['idle_w_per_thread']), float(row['idle_low']), float(row['idle_high'])),
        (float(row['full_w_per_thread']), float(row['full_low']), float(row['full_high'])),
        # What stands for a whole class of processors was measured on others.
        'assumed' if group.startswith('any ') or row['systems'] == '0' else 'modelled',
        Source(f'watts {group}', row['source'], int(row['year']), None, row['licence']),
        row['segment'] == 'laptop',
    )


def _microarchitecture(identity: CpuIdentity) -> tuple[str, str]:
    """The microarchitecture's name and its row of watts."""
    if identity.vendor == 'Apple':
        return identity.name or 'Apple silicon', 'Apple silicon'
    if identity.model is not None:
        for row in rows('cpuid'):
            if (
                row['vendor'] == identity.vendor
                and row['family'] in ('', str(identity.family))
                and int(row['model_low']) <= identity.model <= int(row['model_high'])
                and _within(identity.stepping, row['stepping_low'], row['stepping_high'])
            ):
                return row['microarchitecture'], row['watts']
    return 'an unknown processor', 'any server'


def _within(stepping: int | None, low: str, high: str) -> bool:
    return not low or (stepping is not None and int(low) <= stepping <= int(high))


def load_curve(utilisation: float) -> float:
    """Share of the way from idle to full power at a utilisation from 0 to 1.

    Source: Teads, EC2 bare metal dataset, 2021 (see `CURVE`).

    Example:
        >>> load_curve(0.5)
        0.7
    """
    for (x0, y0), (x1, y1) in pairwise(CURVE):
        if utilisation <= x1:
            return y0 + (y1 - y0) * (max(utilisation, 0.0) - x0) / (x1 - x0)
    return 1.0


class CpuModel:
    """The model of one machine's CPU, as three sensors that share it.

    Args:
        watts: Watts of the processor.
        threads: Hardware threads given to this process.
        given: Tells how many they are now, as the limit of a control group may be moved; None where they stay.

    Example:
        >>> model = CpuModel(watts_for(CpuIdentity('AuthenticAMD', 26, 2, 1)), threads=2)
        >>> {name: round(joules, 2) for name, joules in model.between(1.0, 2.0).items()}
        {'cpu-model:idle': 0.68, 'cpu-model:load': 3.18, 'cpu-model:curve': 0.0}
    """

    __slots__ = ('_given', '_last', '_waiting', 'joules', 'sensors', 'threads', 'watts')

    def __init__(self, watts: CpuWatts, threads: float, given: Callable[[], float] | None = None):
        self._given = given
        self.watts = watts
        self.threads = threads
        self.joules = {'cpu-model:idle': 0.0, 'cpu-model:load': 0.0, 'cpu-model:curve': 0.0}
        self._last: Instant | None = None
        self._waiting = 0.0  # CPU seconds
        self.sensors = tuple(
            _Part(name, accuracy, self) for name, accuracy in zip(self.joules, _accuracies(watts), strict=True)
        )

    def between(self, seconds: float, cpu_seconds: float, others: float = 0.0, meters: int = 1) -> dict[str, float]:
        """Joules by sensor over a stretch of wall time.

        Args:
            seconds: How long it was.
            cpu_seconds: What the process tree worked in it.
            others: CPU seconds of all others on the same threads.
            meters: How many processes are metered there.
        """
        room = self.threads * max(seconds, 0.0)
        own = min(max(cpu_seconds, 0.0), room)  # clocks of threads are read a little apart
        share = part(seconds, own, min(max(others, 0.0), room), meters)
        swing = self.watts.full[0] - self.watts.idle[0]
        busy = min(own + max(others, 0.0), room)
        beyond = (load_curve(busy / room) - busy / room) * room if room else 0.0
        return {
            'cpu-model:idle': self.watts.idle[0] * room * share.idle,
            'cpu-model:load': swing * own,
            'cpu-model:curve': swing * beyond * share.work,
        }

    def look(self) -> None:
        """Look at how many threads are given now: work without room would be counted with what comes later."""
        if self._given is not None:
            self.threads = self._given()

    def advance(self, instant: Instant) -> None:
        """Count what was used up to an instant; the first sensor that is asked does it for all three."""
        last = self._last
        if last is not None and instant.monotonic <= last.monotonic:
            return
        self._last = instant
        if last is None:
            return
        seconds = instant.monotonic - last.monotonic
        # Children are looked at once a second, so what they worked may come in one piece, after the time for which it
        # was: what has no room in this interval waits for the next.
        self._waiting += max(instant.cpu_seconds - last.cpu_seconds, 0.0)
        own = min(self._waiting, self.threads * seconds)
        self._waiting -= own
        others = instant.others_seconds - last.others_seconds
        for name, joules in self.between(seconds, own, others, instant.meters).items():
            self.joules[name] += joules


class _Part:
    """One of the model's three sensors."""

    __slots__ = ('_model', 'accuracy', 'name')
    component: Component = 'cpu'
    counts_always = False

    def __init__(self, name: str, accuracy: Quantity, model: CpuModel):
        self.name = name
        self.accuracy = accuracy
        self._model = model

    def read(self, instant: Instant) -> float:
        self._model.advance(instant)
        return self._model.joules[self.name]


def _accuracies(watts: CpuWatts) -> tuple[Quantity, Quantity, Quantity]:
    """How far the idle, load and curve parts may be off, each as a factor around 1."""
    idle, idle_low, idle_high = watts.idle
    full, full_low, full_high = watts.full
    swing = full - idle
    key = watts.source.key
    spread = Error(f'{key}, full', (full_low - full) / swing, (full_high - full) / swing)
    vectors = Error(VECTORS.key, -0.1 * full / swing, 0.6 * full / swing)
    return (
        Quantity(
            1.0,
            '1',
            watts.basis,
            (
                Error(f'{key}, idle', idle_low / idle - 1, idle_high / idle - 1),
                Error(BOUNDARY.key, -0.3, 0.3),
            ),
            (watts.source, BOUNDARY),
        ),
        Quantity(1.0, '1', watts.basis, (spread, vectors), (watts.source, VECTORS)),
        # Between a straight line, which would make this part 0, and a curve half as far again.
        Quantity(
            1.0,
            '1',
            watts.basis,
            (spread, vectors, Error(LOAD_CURVE.key, -1.0, 0.5)),
            (watts.source, VECTORS, LOAD_CURVE),
        ),
    )
