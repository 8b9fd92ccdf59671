"""A run's carbon intensity where it changed while the run went on: each part of the energy is priced by its own.

With E the electricity used while each intensity I held, the carbon is the sum of E x I, which is E x the mean of the
intensities weighted by E. So one mean stands for them in a run's factors, and its carbon is exact. Each intensity keeps
its own errors and sources, in proportion to its part of the energy; an error that two of them share adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from hefted.footprint.factors import Factors
from hefted.metering.reading import ELSEWHERE, Component
from hefted.quantities import Quantity, total

Joules = Mapping[str, float]
Accuracies = Mapping[str, tuple[Component, Quantity]]


class _Change(NamedTuple):
    intensity: Quantity | None
    joules: Joules  # what the run had used, by sensor, when it began to hold


class Intensities:
    """The intensities that held after a run's first, in order."""

    __slots__ = ('_changes', '_first')

    def __init__(self) -> None:
        self._changes: list[_Change] = []
        self._first: Quantity | None = None  # what replaced the run's own first

    @property
    def none(self) -> bool:
        """Whether a run's first holds to its end."""
        return self._first is None and not self._changes

    def change(self, intensity: Quantity, joules: Joules, *, from_start: bool = False) -> None:
        """Tell that another intensity holds.

        Args:
            intensity: In 'g CO2e/kWh'.
            joules: What the run has used up to now, by sensor.
            from_start: Whether it stands for all that was used before as well.
        """
        if from_start:
            self._first, self._changes = intensity, []
        else:
            self._changes.append(_Change(intensity, dict(joules)))

    def priced(self, factors: Factors, joules: Joules, accuracies: Accuracies) -> Factors:
        """A run's factors with the mean of its intensities.

        Args:
            factors: With the run's first intensity.
            joules: What the run has used in all, by sensor.
            accuracies: Of the sensors.

        Returns:
            The same factors where nothing changed.

        Example:
            >>> changed = Intensities()
            >>> changed.change(Quantity(100, 'g CO2e/kWh'), {'counter': 1.0})
            >>> first = Factors(Quantity(400, 'g CO2e/kWh'))
            >>> changed.priced(first, {'counter': 4.0}, {'counter': ('cpu', Quantity(1, '1'))}).intensity.value
            175.0
        """
        if self.none:
            return factors
        first = self._first or factors.intensity
        starts = [_Change(first, {}), *self._changes]
        reached = [_electricity(used, accuracies, factors) for used in (*(each.joules for each in starts), joules)]
        parts = [(each.intensity, reached[at + 1] - reached[at]) for at, each in enumerate(starts)]
        counted = [part for part in parts if part[1] > 0]
        return replace(factors, intensity=_mean(counted) if counted else parts[-1][0])


def _mean(parts: list[tuple[Quantity | None, float]]) -> Quantity | None:
    if len(parts) == 1:
        return parts[0][0]
    whole = sum(part for _, part in parts)
    known = [intensity * (part / whole) for intensity, part in parts if intensity is not None]
    return total(known) if known and len(known) == len(parts) else None


def _electricity(joules: Joules, accuracies: Accuracies, factors: Factors) -> float:
    """What is priced by intensity: the machine's energy with the facility's overhead, and what was used elsewhere."""
    pue = factors.pue.value if factors.pue else 1.0
    known = ((used, *accuracies[sensor]) for sensor, used in joules.items() if sensor in accuracies)
    return sum(used * accuracy.value * (1.0 if of in ELSEWHERE else pue) for used, of, accuracy in known)
