"""A meter of the whole machine, at the wall or in its management controller, beside the sensors of its parts.

Its reading replaces nothing and is not added to the parts, which it holds already. It tells what they do not see:

    unseen = whole - sum of the parts, never below 0 and never falling

Where the machine is shared (`hefted.metering.share`), with w this process's part of what idling takes,

    unseen = w x (whole - parts that are read whole, as RAPL is) - parts that are this process's own, as models are

So parts and unseen add up to what the meter at the wall says. How far w is in doubt is counted beside it, as by
`hefted.metering.share.Divided`. The errors follow: with the errors of the whole and of
the parts, each by its source, those of the parts are in the unseen with the opposite sign, and cancel in the total.
Where the parts tell more than the whole (a model that is too high, a meter that lags) the unseen stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import MOST_WATTS_OF_A_MACHINE, Guard, Instant, Sensor
from hefted.metering.share import DOUBT, EXACT
from hefted.quantities import Basis, Error, Quantity, Source


class PartSoFar(NamedTuple):
    """What a part of the machine has used.

    Attributes:
        joules: J so far.
        accuracy: Of its sensor.
        whole: Whether they are everybody's, and not this process's alone.
    """

    joules: float
    accuracy: Quantity
    whole: bool = True


Parts = Mapping[str, PartSoFar]
"""By sensor."""

_CHANGE = 0.1  # the accuracy is told anew when the unseen's share of the whole has changed by so much
_LEAST = -0.95  # no error turns energy negative


class Remainder:
    """What a meter of the whole machine tells beyond its parts, as a sensor of component 'unseen'.

    Args:
        whole: The meter.

    Attributes:
        accuracy: Of the remainder so far; it changes as the parts' share of the whole does.
        joules: J so far.
    """

    component: Component = 'unseen'
    counts_always = False

    def __init__(self, whole: Sensor):
        self.name = whole.name
        self.device = getattr(whole, 'device', '')
        self.accuracy = whole.accuracy
        self.joules = 0.0
        self._whole = whole.accuracy
        self._share = 0.0

    def read(self, instant: Instant) -> float:
        del instant
        return self.joules

    def take(self, whole: float, parts: Parts) -> bool:
        """Take in what was used so far while all was read; whether the accuracy has changed enough to be told.

        Args:
            whole: J of the whole machine, as its meter says.
            parts: Of its parts.

        Example:
            >>> from hefted.metering.polled import Polled
            >>> from hefted.metering.sensor import measured
            >>> plug = Remainder(Polled('plug', float, accuracy=measured(Source('plug', ''), 0.02)))
            >>> plug.take(300.0, {'cpu': PartSoFar(200.0, measured(Source('RAPL package', ''), 0.05))}), plug.joules
            (True, 100.0)
            >>> [(error.source, round(error.up, 2)) for error in plug.accuracy.errors]
            [('plug', 0.06), ('RAPL package', -0.1)]
        """
        of_parts = sum(part.joules * part.accuracy.value for part in parts.values())
        told = whole * self._whole.value
        self.joules = max(self.joules, told - of_parts)
        share = self.joules / told if told > 0 else 0.0
        if share <= 0 or abs(share - self._share) <= _CHANGE * self._share:
            return False
        self._share = share
        self.accuracy = _difference(self._whole, whole, parts, self.joules)
        return True


class WholeMachine:
    """The guard of a meter of the whole machine; it stands after the guards of the parts.

    While the meter is in a gap neither it nor the parts count towards the unseen: nothing is made up.

    Args:
        sensor: The meter.
        parts: What the parts say now.
        changed: Told when the accuracy of the remainder changed.

    Attributes:
        sensor: The remainder, as a sensor.
    """

    def __init__(self, sensor: Sensor, parts: Callable[[], Parts], changed: Callable[[], None]):
        self.sensor = Remainder(sensor)
        self._guard = Guard(sensor, MOST_WATTS_OF_A_MACHINE)
        self._doubt = 0.0
        self._parts = parts
        self._changed = changed
        self._good = False
        self._whole = self._seen = 0.0
        self._used: dict[str, PartSoFar] = {}
        self._parts_seen: Parts = {}

    @property
    def gaps(self) -> list[Gap]:
        return self._guard.gaps

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Of the remainder, and of the doubt about this process's share of it."""
        return {
            self.sensor.name: (self.sensor.component, self.sensor.accuracy),
            f'{self.sensor.name}:share': (self.sensor.component, DOUBT),
        }

    def ask(self, instant: Instant) -> None:
        """Have the meter answer for the next reading."""
        if self._guard.ask is not None:
            self._guard.ask(instant)

    def read(self, instant: Instant) -> dict[str, float]:
        """J of the remainder so far, and those that are in doubt, by sensor; none before the meter has answered."""
        whole, parts = self._guard.read(instant), self._parts()
        good = not self.gaps or self.gaps[-1].end is not None
        if good and self._good:
            mine = instant.machine[1]
            rest = whole - self._seen
            self._whole += rest * mine
            for name, part in parts.items():
                rise = part.joules - self._parts_seen.get(name, part).joules
                if part.whole:
                    rest, rise = rest - rise, rise * mine
                self._used[name] = part._replace(joules=rise + (self._used[name].joules if name in self._used else 0.0))
            if self.sensor.take(self._whole, self._used):
                self._changed()
            if mine < EXACT:
                self._doubt += mine * (1 - mine) * max(rest, 0.0)
        self._good, self._seen, self._parts_seen = good, whole, parts
        if not self._guard.has_answered:
            return {}
        joules = {self.sensor.name: self.sensor.joules}
        return joules | {f'{self.sensor.name}:share': self._doubt} if self._doubt else joules


def _difference(whole: Quantity, joules: float, parts: Parts, rest: float) -> Quantity:
    """The accuracy of `rest`, which is `joules` of the whole less those of the parts: a factor around 1."""
    shifts: dict[str, tuple[float, float]] = {}
    bases: set[Basis] = {whole.basis}
    sources: dict[str, Source] = {source.key: source for source in whole.sources}
    for of, accuracy in ((joules, whole), *((-part.joules, part.accuracy) for part in parts.values())):
        bases.add(accuracy.basis)
        sources |= {source.key: source for source in accuracy.sources}
        for error in accuracy.errors:
            down, up = shifts.get(error.source, (0.0, 0.0))
            shifts[error.source] = (down + error.down * of / rest, up + error.up * of / rest)
    errors = tuple(Error(source, max(down, _LEAST), max(up, _LEAST)) for source, (down, up) in shifts.items())
    basis: Basis = next(name for name in ('assumed', 'modelled', 'measured') if name in bases)
    return Quantity(1.0, '1', basis, errors, tuple(sources.values()))
