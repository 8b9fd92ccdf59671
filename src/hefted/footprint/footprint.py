"""The footprint of a run: what it took, each figure a quantity that says what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hefted.metering.reading import Gap
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.place import Place


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """A phase's part: energy (None where nothing read or modelled it) and duration in seconds."""

    energy: Quantity | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a run took. What is not accounted for is None, never 0.

    Attributes:
        energy: J at the machine (IT energy; facility overhead is never folded in).
        carbon: g CO2e, location-based and life-cycle, of the energy.
        water: L.
        minerals: kg Sb eq.
        cost: money.
        duration: s, by CLOCK_MONOTONIC, from process start (first run) or run start.
        components: Energy by component ('cpu', 'dram', 'gpu', 'other').
        phases: Share by phase ('start-up', 'compile', 'input', 'train', 'validate', 'checkpoint').
        place: Where it ran.
        gaps: What the sensors missed, with reasons.
        covers: One line naming what the total covers, such as 'CPU and memory, modelled; no board, fans or supply'.
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
