"""The forecast of a training on this machine: what it will take by its pace, priced by what meters it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from hefted.footprint.account import Shares
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import find
from hefted.forecast.forecast import Forecast
from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan
from hefted.metering.meter import Meter
from hefted.metering.reading import RawReading
from hefted.quantities import Error, Quantity, Source

POWER = Source('power to come', 'Power while training, foreseen from what was read so far', None, None, 'fact')
_POWER_ERROR = Error(POWER.key, -0.1, 0.1)
_BRIEF_SECONDS = 0.05  # counters step by milliseconds, and the kernel's CPU times by 10: no shorter reading is used

_WORTH_SECONDS = 10.0  # the record is brought up to date in 0.2 s when the process ends

Watts = Mapping[str, float]
"""Watts by sensor, central figures."""


class Priced(Protocol):
    """What of a run a forecast is priced by."""

    def foresee(self, shares: Shares) -> Footprint:
        """Account for seconds and joules to come, as if the run had taken them."""
        ...


class LocalForecast(Forecast):
    """A forecast whose footprint is accounted for when it is first asked for: a fit of milliseconds may never do so.

    Args:
        plan: What the training is going to do.
        pace: How fast.
        price: Accounts for seconds by phase.
        utilisation: As of `Forecast`.
        fits: The same.
        notes: The same.
    """

    __slots__ = ('_footprint', '_price', 'pace')
    pace: Pace
    _price: Callable[[Mapping[str, float]], Footprint]
    _footprint: Footprint | None

    def __init__(
        self,
        plan: Plan,
        pace: Pace,
        price: Callable[[Mapping[str, float]], Footprint],
        utilisation: Quantity | None = None,
        fits: bool | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        given: dict[str, Any] = {
            'plan': plan, 'on': 'this machine', 'how': pace.how, 'utilisation': utilisation, 'fits': fits,
            'notes': notes, 'pace': pace, '_price': price, '_footprint': None,
        }  # fmt: skip
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def footprint(self) -> Footprint:  # pyright: ignore[reportIncompatibleVariableOverride]
        told: Footprint | None = self._footprint
        if told is None:
            told = scaled(self._price(self.pace.seconds(self.plan)), self._doubt())
            object.__setattr__(self, '_footprint', told)
        return told

    def _doubt(self) -> Quantity:
        """How far it may be off: as this machine's record of forecasts says."""
        from hefted.forecast.learned import correction

        learned = correction(self.how, self.seconds, renew=self.seconds >= _WORTH_SECONDS)
        return self.pace.doubt if learned is None else learned.applied(self.pace.doubt)

    @property
    def seconds(self) -> float:
        """The duration's central figure, before any record sets it right."""
        return sum(self.pace.seconds(self.plan).values())

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def price_of(run: Any, watts: Watts) -> Callable[[Mapping[str, float]], Footprint]:
    """How seconds by phase are priced: at so many watts, by a run's own factors; without a meter by the clock alone.

    Args:
        run: The open run; one that does not meter prices nothing.
        watts: By sensor, while it trains.
    """
    if not watts or not hasattr(run, 'foresee'):
        return _by_the_clock

    def price(seconds: Mapping[str, float]) -> Footprint:
        shares = Shares()
        for phase, lasting in seconds.items():
            shares.add(phase, lasting, {sensor: lasting * power for sensor, power in watts.items()})
        known = Quantity(1.0, '1', 'modelled', (_POWER_ERROR,), (POWER,))
        return scaled(run.foresee(shares), known, duration=False)

    return price


def _by_the_clock(seconds: Mapping[str, float]) -> Footprint:
    phases = {phase: PhaseShare(None, lasting) for phase, lasting in seconds.items()}
    return Footprint(None, None, Quantity(sum(seconds.values()), 's'), find(), phases=phases)


_FIGURES = (
    'energy', 'facility', 'carbon', 'operational', 'embodied', 'water', 'water_on_site', 'water_off_site', 'minerals',
    'cost',
)  # fmt: skip


def scaled(told: Footprint, factor: Quantity, duration: bool = True) -> Footprint:
    """A footprint each of whose figures is multiplied by a factor around 1, errors and all.

    Args:
        told: The footprint.
        factor: Of unit '1'.
        duration: Whether its duration is one of them.
    """
    figures: dict[str, Any] = {
        name: figure * factor for name in _FIGURES if (figure := getattr(told, name)) is not None
    }
    return replace(
        told,
        **figures,
        duration=told.duration * factor if duration else told.duration,
        components={name: energy * factor for name, energy in told.components.items()},
        phases={
            name: PhaseShare(share.energy and share.energy * factor, share.seconds * factor.value)
            for name, share in told.phases.items()
        },
    )


def watts_between(before: RawReading, after: RawReading) -> Watts:
    """Watts by sensor between two readings; none where they are too near for counters to tell.

    Example:
        >>> watts_between(RawReading(1.0, 1.0, {'a': 5.0}), RawReading(1.5, 1.5, {'a': 12.0}))
        {'a': 14.0}
    """
    passed = after.monotonic - before.monotonic
    if passed < _BRIEF_SECONDS:
        return {}
    return {
        sensor: max(joules - before.joules.get(sensor, 0.0), 0.0) / passed for sensor, joules in after.joules.items()
    }


def watts_at(meter: Meter, reading: RawReading, cpu_share: float) -> Watts:
    """Watts by sensor of the models of CPU and memory, where no reading tells them.

    Args:
        meter: Whose models they are; one without models tells nothing.
        reading: The last one, for the memory in use.
        cpu_share: CPU seconds a second.
    """
    if meter.models is None:
        return {}
    cpu, memory = meter.models
    return cpu.between(1.0, cpu_share, 0.0, reading.meters) | {memory.name: memory.between(1.0, reading.resident_bytes)}
