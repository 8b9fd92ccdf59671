"""What a run keeps of a grid whose intensity changes while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hefted.footprint.factors import Factors
from hefted.footprint.intensities import Accuracies, Intensities
from hefted.metering.reading import Gap, RawReading
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.account import Shares

REACHES_BACK_SECONDS = 300.0
"""An answer also stands for what a run used before it, if that was no longer ago than this: grids are told by the hour,
so it is as true of the minutes before it as of those after."""


class Tells(Protocol):
    """What tells an intensity: a `Watch`, whose version rises when its intensity changes."""

    version: int
    intensity: Quantity | None

    def gaps(self, since: float) -> tuple[Gap, ...]: ...


class Looks(Tells, Protocol):
    """What is told each second to look again, and costs some CPU time."""

    cost_seconds: float

    def look(self) -> None: ...


class _Pending(NamedTuple):
    intensity: Quantity
    reading: RawReading  # at which it was learned
    back: bool


class Repricing:
    """The intensities of one run: the meter's thread takes note of a change, the run's own gives each its part.

    Args:
        watch: What tells them; None where the table's stands throughout.
    """

    __slots__ = ('_intensities', '_live', '_pending', '_table', '_version', '_watch')

    def __init__(self, watch: Tells | None) -> None:
        self._watch = watch
        self._version = 0
        self._live = False  # whether the service has told any yet
        self._table: Quantity | None = None
        self._pending: list[_Pending] = []
        self._intensities = Intensities()

    def first(self, factors: Factors) -> Factors:
        """What a run begins with: a set of factors with what the service tells now, if it does."""
        if self._watch is None:
            return factors
        self._table = factors.intensity
        self._version, told = self._watch.version, self._watch.intensity
        self._live = told is not None
        return factors if told is None else replace(factors, intensity=told)

    @property
    def changed(self) -> bool:
        """Whether another intensity holds since this was asked for last."""
        return self._watch is not None and self._watch.version != self._version

    def gaps(self, since: float) -> tuple[Gap, ...]:
        """Where the table's intensity had to stand for the service's, after an instant of CLOCK_MONOTONIC."""
        return () if self._watch is None else self._watch.gaps(since)

    def look(self, reading: RawReading, began: float) -> dict[str, Any]:
        """Take note of a change at a reading.

        Args:
            reading: Up to which what held before is used.
            began: When the run began, in seconds of CLOCK_MONOTONIC.

        Returns:
            What the journal's line at this reading says of it; nothing where nothing changed.
        """
        if self._watch is None or not self.changed:
            return {}
        self._version, told = self._watch.version, self._watch.intensity
        another = self._table if told is None else told
        if another is None:
            return {}
        back = told is not None and not self._live and reading.monotonic - began <= REACHES_BACK_SECONDS
        self._live = self._live or told is not None
        self._pending.append(_Pending(another, reading, back))
        return {'intensity': another, 'from_start': back}

    def split(self, reading: RawReading, give: Callable[[RawReading], None], shares: Shares) -> None:
        """Give what was used up to each change before a reading, so that it counts under what held then.

        Args:
            reading: Up to which the run is accounted for now.
            give: Gives the present phase its part up to a reading.
            shares: What the run has used.
        """
        while self._pending:
            try:
                change = self._pending.pop(0)
            except IndexError:  # another thread has given it meanwhile
                return
            if change.reading.monotonic > reading.monotonic:
                self._pending.insert(0, change)
                return
            give(change.reading)
            self._intensities.change(change.intensity, shares.by_sensor(), from_start=change.back)

    def priced(self, factors: Factors, shares: Shares, accuracies: Accuracies) -> Factors:
        """A run's factors with the mean of its intensities, each weighted by the electricity used while it held."""
        return factors if self._intensities.none else self._intensities.priced(factors, shares.by_sensor(), accuracies)
