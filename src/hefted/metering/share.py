"""What part of a machine is this process's: of the energy that work added, and of what idling would have taken.

Over an interval of t seconds in which the process and its children worked T CPU seconds and others O, beside n
processes that are metered on this machine (itself among them), with e = 0.05 threads:

    of what work added   s = T / (T + O)
    of idling            w = (T + e t) / (T + O + n e t)

Who works takes what its work adds. Who sleeps on a machine that is otherwise idle carries the machine, which is there
for it; e says for how much work being there stands. With true clocks, the parts of all metered processes add up to 1 at
most: the T of each is in the O of the others, so both sums have one denominator.

CPU time is not energy: of two programs that work as long, one may draw 60 % more, by its vectors, caches, clock and
hyperthreads (Teads EC2 bare metal dataset, 2021, against SPECpower_ssj2008). If a CPU second of this process is worth k
of others', its share is k T / (k T + O), whose slope in ln k at k = 1 is s (1 - s). That times the joules is counted by
a pseudo-sensor of its own, whose value is 0 and whose error is 0.5 (k from 0.6 to 1.65), so that a share is as wide as
it is doubtful, and one of 1 costs a measured figure nothing.
"""

from __future__ import annotations

import math

from hefted.metering.busy import OthersClock
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Guard, HasPart, Instant, Part, Sensor
from hefted.quantities import Error, Quantity, Source

LEAST_THREADS = 0.05
"""What being metered on a machine stands for, in threads of work: it decides who carries an idle machine."""

ATTRIBUTION = Source(
    'share of the machine', 'By CPU time; programs differ by 60 % at the same time', 2021, None, 'fact'
)
DOUBT = Quantity(0.0, '1', 'modelled', (Error(ATTRIBUTION.key, -0.5, 0.5),), (ATTRIBUTION,))
"""The accuracy of the pseudo-sensor that counts by how many joules a share is in doubt."""

WHOLE = Part(1.0, 1.0)
EXACT = 0.98  # from here on the machine is the process's own: what others do is the system's own noise
_IDLE_SECONDS = 1.0


def part(seconds: float, own: float, others: float, meters: int = 1) -> Part:
    """The part of a machine that is a process's over an interval.

    Args:
        seconds: How long it was.
        own: CPU seconds of the process and its children in it.
        others: CPU seconds of all others.
        meters: How many processes are metered on the machine.

    Returns:
        The parts of what work added and of idling; each from 0 to 1.

    Example:
        >>> part(1.0, 0.5, 0.5, meters=2), part(1.0, 0.0, 0.0)
        (Part(work=0.5, idle=0.5), Part(work=1.0, idle=1.0))
    """
    own, others, least = max(own, 0.0), max(others, 0.0), LEAST_THREADS * max(seconds, 0.0)
    every = own + others + meters * least
    return Part(
        own / (own + others) if own + others > 0 else 1 / meters,
        (own + least) / every if every > 0 else 1 / meters,
    )


class Share:
    """The parts of this process, from reading to reading.

    Args:
        given: The others' clock of the threads given to this process.
        machine: That of the whole machine; None where all of it is given.
        alone: Whether the machine is taken to be this process's own, whoever else works on it.

    Attributes:
        meters: How many processes are metered on this machine, this one among them.
        given: Of the threads given, since the last reading.
        machine: Of the whole machine, since the last reading.
        occupied: Cumulative seconds for which what is given was this process's.
        doubtful: Of these, those that a share leaves in doubt: w (1 - w) of the time.
    """

    __slots__ = ('_alone', '_given', '_last', '_machine', 'doubtful', 'given', 'machine', 'meters', 'occupied')

    def __init__(self, given: OthersClock | None = None, machine: OthersClock | None = None, *, alone: bool = False):
        self.meters = 1
        self.given = self.machine = WHOLE
        self.occupied = 0.0
        self.doubtful = 0.0
        self._alone = alone
        self._given = given
        self._machine = machine
        self._last: tuple[float, float, float, float] | None = None  # time, own, others on what is given, others

    def instant(self, now: float, own: float, resident: int) -> Instant:
        """What the sensors are to know at an instant.

        Args:
            now: Seconds of CLOCK_MONOTONIC.
            own: Cumulative CPU seconds of the process and its children.
            resident: Their bytes in RAM.
        """
        others = self._given.read(now, own) if self._given else 0.0
        elsewhere = self._machine.read(now, own) if self._machine else others
        if self._last is not None and now > self._last[0]:
            seconds, mine = now - self._last[0], own - self._last[1]
            if not self._alone:
                self.given = part(seconds, mine, others - self._last[2], self.meters)
                self.machine = (
                    part(seconds, mine, elsewhere - self._last[3], self.meters) if self._machine else self.given
                )
            self.occupied += self.given.idle * seconds
            if self.given.idle < EXACT:
                self.doubtful += self.given.idle * (1 - self.given.idle) * seconds
        self._last = now, own, others, elsewhere
        if self._alone:
            return Instant(now, own + others, resident)
        return Instant(now, own, resident, others, self.meters, self.machine)


class Divided:
    """A counter of a whole machine or device, of which this process has its part.

    Args:
        sensor: The counter.
        idle_watts: What idling takes at most; less once it has been seen to draw less over a second.
        share: Of whom the part is asked, where it is not that of the machine's CPU time.

    Attributes:
        guard: What reads the counter; its joules are those of the whole.
    """

    __slots__ = ('_at', '_doubt', '_due', '_idle_watts', '_mine', '_said_at', '_seen', '_share', 'guard')

    def __init__(self, sensor: Sensor, idle_watts: float = math.inf, share: HasPart | None = None):
        self.guard = Guard(sensor)
        self._idle_watts = idle_watts
        self._share = share
        self._mine = 0.0
        self._doubt = 0.0
        self._said_at = 0.0
        self._at: float | None = None
        self._due = 0.0  # joules of idling that its counter, which rises in steps, has not shown yet
        self._seen: tuple[float, float] | None = None  # since when, and from what, a second's mean is taken

    @property
    def name(self) -> str:
        return self.guard.sensor.name

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Of its own joules, and of the doubt about its share."""
        sensor = self.guard.sensor
        return {sensor.name: (sensor.component, sensor.accuracy), f'{sensor.name}:share': (sensor.component, DOUBT)}

    @property
    def gaps(self) -> list[Gap]:
        """Those of its counter, and what should be known about its share."""
        said = self._share.said if self._share else None
        return [*self.guard.gaps, *([Gap(self.name, said, self._said_at)] if said else ())]

    def again(self) -> Divided:
        """One that divides the same counter from here on."""
        return Divided(self.guard.sensor, self._idle_watts, self._share)

    def read(self, instant: Instant) -> dict[str, float]:
        """Cumulative joules of this process, and those in doubt, by sensor; none before the counter has answered."""
        before = self.guard.joules
        rise = self.guard.read(instant) - before
        self._watch(instant.monotonic)
        if self._share is None or not (self._share.said and self._said_at):
            self._said_at = instant.monotonic
        part = self._share.part if self._share else instant.machine
        idle = self._idling(rise, instant.monotonic)
        added = rise - idle
        self._mine += part.work * added + part.idle * idle
        if not self.guard.has_answered:
            return {}
        if min(part) < EXACT:
            self._doubt += part.work * (1 - part.work) * added + part.idle * (1 - part.idle) * idle
        return {self.name: self._mine, f'{self.name}:share': self._doubt}

    def _idling(self, rise: float, now: float) -> float:
        """How many joules of a rise are those of idling."""
        seconds, self._at = now - (now if self._at is None else self._at), now
        if math.isinf(self._idle_watts):  # it has never been seen to draw less
            return rise
        least = self._idle_watts * seconds
        self._due = min(self._due + least, max(least, self._idle_watts * _IDLE_SECONDS))
        idle = min(rise, self._due)
        self._due -= idle
        return idle

    def _watch(self, now: float) -> None:
        """Learn what it draws at least, from means over a second or more in which it could be read."""
        joules, gaps = self.guard.joules, self.guard.gaps
        if self._seen is None or (gaps and (gaps[-1].end is None or gaps[-1].end >= self._seen[0])):
            self._seen = now, joules
        elif now - self._seen[0] >= _IDLE_SECONDS:
            watts = (joules - self._seen[1]) / (now - self._seen[0])
            if watts > 0:  # one that stands still is broken rather than frugal
                self._idle_watts = min(self._idle_watts, watts)
            self._seen = now, joules
