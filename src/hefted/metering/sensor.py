"""What a sensor is, and the guard that keeps a bad one from telling a lie.

A sensor gives cumulative joules. What they are worth is its `accuracy`, a factor around 1 that carries the
errors by source: energy between two instants is the difference of the joules times the accuracy. So a sum
of ten thousand readings is as uncertain as the sensor, and no less.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from hefted.metering.reading import Component, Gap
from hefted.quantities import Error, Quantity, Source

MOST_WATTS = 10_000.0
"""A reading of one part of a machine that implies more is not believed."""

MOST_WATTS_OF_A_MACHINE = 200_000.0
"""Nor one of a whole machine: one with eight accelerators takes 14.3 kW (NVIDIA DGX B200, data sheet), a rack that is
one machine 120 to 142 kW (NVIDIA GB300 NVL72)."""

_SLACK_SECONDS = 0.2  # counters advance in steps of up to 0.1 s, which a short interval may catch whole
_FROZEN_SECONDS = 10.0


class SensorError(Exception):
    """A sensor cannot be read; the message is one sentence for a person. It never leaves the meter."""


class Part(NamedTuple):
    """What part of a machine or a device is this process's, from 0 to 1.

    Attributes:
        work: Of the energy that work added.
        idle: Of what idling would have taken.
    """

    work: float
    idle: float


class Instant(NamedTuple):
    """What the meter reads once for all sensors of a reading.

    Attributes:
        monotonic: Seconds of CLOCK_MONOTONIC.
        cpu_seconds: Cumulative CPU time of the process tree.
        resident_bytes: Memory of the process tree in RAM.
        others_seconds: Cumulative CPU time of all others on the threads that are given to this process.
        meters: How many processes are metered on this machine, this one among them.
        machine: This process's part of the whole machine since the last reading.
    """

    monotonic: float
    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    others_seconds: float = 0.0
    meters: int = 1
    machine: Part = Part(1.0, 1.0)


class Sensor(Protocol):
    """One source of energy readings.

    Attributes:
        name: Such as 'rapl:package-0' or 'cpu-model:idle'; unique in a meter.
        component: What its energy is of.
        accuracy: A quantity of unit '1' around 1, with the basis, errors and sources of its joules.
        counts_always: Whether its joules rise all the time, so that standing still is a fault.
    """

    @property
    def name(self) -> str: ...
    @property
    def component(self) -> Component: ...
    @property
    def accuracy(self) -> Quantity: ...
    @property
    def counts_always(self) -> bool: ...

    def read(self, instant: Instant) -> float:
        """Cumulative joules, from any origin.

        Raises:
            SensorError: If it cannot be read now.
        """
        ...


class HasPart(Protocol):
    """Who knows this process's part of a device.

    Attributes:
        part: What it was when it was last looked at.
        said: What should be known about it, in a sentence; None where it is plain.
    """

    @property
    def part(self) -> Part: ...
    @property
    def said(self) -> str | None: ...


def measured(source: Source, within: float) -> Quantity:
    """The accuracy of an instrument.

    Args:
        source: Who says so.
        within: The half width of its 90 % interval, as a fraction.
    """
    return Quantity(1.0, '1', 'measured', (Error(source.key, -within, within),), (source,))


class Guard:
    """Reads a sensor so that nothing it does can hurt: its joules start at 0, never fall, and never jump.

    Whatever it raises (short of KeyboardInterrupt and its kind), or says that cannot be, becomes a gap with
    its reason. Energy is not made up for a gap; a counter that comes back brings what it counted meanwhile,
    as long as that is credible.

    Args:
        sensor: The sensor.
        most_watts: A reading that implies more is not believed.
    """

    __slots__ = ('_changed_at', '_last_value', '_most_watts', '_read_at', 'ask', 'gaps', 'joules', 'sensor')

    def __init__(self, sensor: Sensor, most_watts: float = MOST_WATTS):
        self.sensor = sensor
        self.ask: Callable[[Instant], None] | None = getattr(sensor, 'ask', None)
        self._most_watts = most_watts
        self.joules = 0.0
        self.gaps: list[Gap] = []
        self._last_value: float | None = None
        self._read_at = 0.0
        self._changed_at = 0.0

    @property
    def has_answered(self) -> bool:
        """Whether it ever told joules: until then there is no figure, which is not 0."""
        return self._last_value is not None

    def read(self, instant: Instant) -> float:
        """Cumulative joules since the first reading; the last good figure while there is a gap."""
        now = instant.monotonic
        try:
            value = float(self.sensor.read(instant))
        except SensorError as error:
            self._miss(str(error), now)
            return self.joules
        except Exception as error:  # a driver's own fault: its type is all that is safe to tell
            self._miss(f'It failed with {type(error).__name__}.', now)
            return self.joules
        reason = self._wrong(value, now)
        if reason is None:
            self.joules += value - (self._last_value if self._last_value is not None else value)
        if math.isfinite(value) and value >= 0:
            if self._last_value is None or value != self._last_value:
                self._changed_at = now
            self._last_value = value  # after a jump, count on from where it now stands
            self._read_at = now
        if reason is None and self.sensor.counts_always and now - self._changed_at >= _FROZEN_SECONDS:
            reason = f'Its counter has stood still for over {_FROZEN_SECONDS:.0f} s.'
        if reason is None:
            self._mend(now)
        else:
            self._miss(reason, now)
        return self.joules

    def _wrong(self, value: float, now: float) -> str | None:
        """Why a value cannot be believed; None when it can."""
        if not math.isfinite(value):
            return f'It read {value}, which is not a number of joules.'
        if value < 0:
            return f'It read {value:.6g} J: energy cannot be negative.'
        if self._last_value is None:
            return None
        rise = value - self._last_value
        if rise < 0:
            return 'Its counter went back; it counts on from there.'
        # What is told comes in lumps; what is drawn does not.
        told = self.sensor.component in ('network', 'storage')
        # A plug's total comes in steps of up to 10 Wh: what one shows was drawn since the step before.
        seconds = now - (self._read_at if self.sensor.counts_always else self._changed_at)
        if not told and rise > self._most_watts * (seconds + _SLACK_SECONDS):
            return f'It rose by {rise:.3g} J in {seconds:.2g} s, which is over {self._most_watts / 1000:.0f} kW.'
        return None

    def _miss(self, reason: str, now: float) -> None:
        if self.gaps and self.gaps[-1].end is None:
            return  # the first reason of a gap is the one that is kept
        # What is missing is missing since the last good reading.
        self.gaps.append(Gap(self.sensor.name, reason, self._read_at or now))
        if len(self.gaps) > _MOST_GAPS:  # a sensor that flickers for days must not eat the memory
            first, second = self.gaps[:2]
            self.gaps[:2] = [Gap(first.sensor, f'{first.reason} (and again)', first.start, second.end)]

    def _mend(self, now: float) -> None:
        if self.gaps and self.gaps[-1].end is None:
            last = self.gaps[-1]
            self.gaps[-1] = Gap(last.sensor, last.reason, last.start, now)


_MOST_GAPS = 100
