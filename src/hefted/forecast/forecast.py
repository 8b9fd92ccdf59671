"""A forecast: what a plan takes on a machine at a place, before the fact, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hefted.footprint.footprint import Footprint
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity

How = Literal['pilot', 'known', 'roofline', 'catalogue']
"""What a duration rests on: steps that were tried just now, earlier ones of the same program here, this machine's
calibration alone, or a catalogue's figures of another machine."""


@dataclass(frozen=True, slots=True, repr=False)
class Forecast:
    """What a training is going to take.

    Attributes:
        plan: What it is going to do.
        footprint: What that takes, from where it was asked for to the end: each figure a 90 % interval; `.phases` are
            'compile', 'input', 'train', 'validate' and 'checkpoint'.
        on: The machine, such as 'this machine' or '64 x Tesla V100'.
        how: What the duration rests on.
        utilisation: Operations a second over the devices' peak, '1'; None where no peak is known.
        fits: Whether the plan fits the devices' memory; None where nobody knows.
        notes: What a reader should know, one sentence each, such as why it does not fit.
    """

    plan: Plan
    footprint: Footprint
    on: str = 'this machine'
    how: How = 'pilot'
    utilisation: Quantity | None = None
    fits: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> Quantity:
        """S."""
        return self.footprint.duration

    @property
    def energy(self) -> Quantity | None:
        """J of the machine; None where nothing is known of its power."""
        return self.footprint.energy

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data."""
        return {
            'on': self.on,
            'how': self.how,
            'plan': self.plan.to_json(),
            'footprint': self.footprint.to_json(),
            'utilisation': self.utilisation and self.utilisation.to_json(),
            'fits': self.fits,
            'notes': list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Forecast:
        """Read what `to_json` wrote; unknown keys are passed over."""
        told = data.get('utilisation')
        return cls(
            Plan.from_json(data['plan']),
            Footprint.from_json(data['footprint']),
            data['on'],
            data['how'],
            told and Quantity.from_json(told),
            data.get('fits'),
            tuple(data.get('notes', ())),
        )

    def __str__(self) -> str:
        from hefted.forecast.words import block

        return block(self)

    def _repr_html_(self) -> str:
        from hefted.forecast.words import html

        return html(self)

    def __repr__(self) -> str:
        return f'<Forecast on {self.on}: {self.duration}, {self.energy or "energy not known"}>'
