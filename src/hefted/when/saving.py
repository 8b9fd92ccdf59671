"""What waiting for a cleaner grid has saved: the carbon of the hours that were used, against having run at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hefted.errors import ArgumentError
from hefted.footprint.footprint import Footprint
from hefted.footprint.live.forecasts import Slot
from hefted.quantities import Quantity
from hefted.when.hours import mean


@dataclass(frozen=True, slots=True)
class Saving:
    """What came of waiting.

    Attributes:
        waited: Seconds.
        used: g CO2e of the electricity, each hour's by its own intensity, waiting counted.
        at_once: What the same work would have come to in the hours that began with the training.
    """

    waited: float
    used: Quantity
    at_once: Quantity

    @property
    def saved(self) -> Quantity:
        """G CO2e; negative where waiting cost more. What the two share, such as the errors of the energy, cancels."""
        return (self.at_once - self.used).to('g CO2e')

    @property
    def part(self) -> Quantity | None:
        """What was saved over what it would have come to, '1'; None where that may be nothing."""
        try:
            return Quantity(1.0, '1') - self.used / self.at_once
        except ArgumentError:
            return None

    def __str__(self) -> str:
        """Such as '3 h 10 min: 41 g CO2e rather than 96 g CO2e at once, 57 % less (50 to 63)'."""
        told = f'{spelt(self.waited)}: {self.used.rounded} rather than {self.at_once.rounded} at once'
        part = self.part
        return told if part is None else f'{told}, {_percent(part)}'

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data."""
        told = {'used': self.used, 'at_once': self.at_once, 'saved': self.saved}
        return {'waited': self.waited} | {name: quantity.to_json() for name, quantity in told.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Saving:
        """Read what `to_json` wrote; unknown keys are passed over."""
        used, at_once = Quantity.from_json(data['used']), Quantity.from_json(data['at_once'])
        return cls(float(data['waited']), used, at_once)


def saving(
    told: Footprint | None, slots: Sequence[Slot], began: float, waited: float, before: Footprint | None = None
) -> Saving | None:
    """Reckon what waiting has saved.

    Args:
        told: The run's footprint, with a phase 'wait'.
        slots: The grid's intensity, from the training's beginning on.
        began: When it could have begun, in seconds since 1970.
        waited: Seconds.
        before: The run's footprint when it could have begun: compiling and the like are the same either way.

    Returns:
        The saving; None where no energy, or no intensity, is known.

    With C the carbon before the beginning, E the energy since then without that of waiting, e the electricity for each
    joule of it (PUE), and I the mean intensity of as many seconds of work from the beginning on:

        at once = C + E x e x I
    """
    if told is None or told.energy is None or told.operational is None or told.energy.value <= 0:
        return None
    phase = told.phases.get('wait')
    parts = [None if phase is None else phase.energy, before and before.energy]
    work = told.energy
    for part in parts:
        work = work if part is None else work - part
    seconds = told.duration.to('s').value - waited - (before.duration.to('s').value if before else 0.0)
    intensity = mean(slots, began, began + seconds)
    if intensity is None or work.value <= 0:
        return None
    if told.facility is not None:
        try:
            work = work * ((told.energy + told.facility) / told.energy)
        except ArgumentError:  # the energy may be nothing: no ratio follows
            return None
    at_once = (work * intensity).to('g CO2e')
    if before is not None and before.operational is not None:
        at_once = before.operational.to('g CO2e') + at_once
    return Saving(waited, told.operational.to('g CO2e'), at_once)


def spelt(seconds: float) -> str:
    """A stretch of time in two units at most.

    Example:
        >>> spelt(11400), spelt(42), spelt(7200), spelt(0.4)
        ('3 h 10 min', '42 s', '2 h', '0.4 s')
    """
    if seconds < 60:
        return f'{seconds:.2g} s' if seconds < 9.95 else f'{seconds:.0f} s'
    if seconds < 3570:
        return f'{seconds / 60:.0f} min'
    minutes = round(seconds / 60)
    return f'{minutes // 60} h' + (f' {minutes % 60} min' if minutes % 60 else '')


def _percent(part: Quantity) -> str:
    """Such as '57 % less (50 to 63)', or '4 % more'."""
    word, sign = ('less', 1.0) if part.value >= 0 else ('more', -1.0)
    value, *ends = (round(100 * sign * figure) for figure in (part.value, part.low, part.high))
    low, high = sorted(ends)
    return f'{value} % {word}' + (f' ({low} to {high})' if low < high else '')
