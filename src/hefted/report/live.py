"""What a run takes while it goes on, in one short text: '11 W · 9.8 J · 1.0 mg CO2e'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hefted import units

if TYPE_CHECKING:
    from hefted.forecast.effort import Effort


class Weighed(Protocol):
    """What a tick knows of a run so far; None is what nothing reads or models."""

    @property
    def power(self) -> float | None:
        """Watts now."""
        ...

    @property
    def energy(self) -> float | None:
        """Joules so far."""
        ...

    @property
    def carbon(self) -> float | None:
        """Grams of CO2e so far."""
        ...


class Worked(Protocol):
    """What a tick knows of how well a training goes."""

    @property
    def effort(self) -> Effort | None:
        """None where nothing is known."""
        ...


def live(tick: Weighed) -> str:
    """Tell power, energy and carbon so far, each in the unit that suits it; what is unknown is left out.

    Args:
        tick: Watts, joules and grams of CO2e as floats.

    Returns:
        One text for a progress line; '' where nothing is known.

    Example:
        >>> from types import SimpleNamespace
        >>> live(SimpleNamespace(power=11.2, energy=9.8, carbon=0.00104))
        '11 W · 9.8 J · 1.0 mg CO2e'
    """
    told = ((tick.power, 'W'), (tick.energy, 'J'), (tick.carbon, 'g CO2e'))
    return ' · '.join(short(value, unit) for value, unit in told if value is not None)


def worked(tick: Worked) -> str:
    """Tell which part of the peak is used, and tokens for each joule: '41 % MFU · 1,200 tokens/J'; '' if not known."""
    if tick.effort is None:
        return ''
    from hefted.forecast.effort import short

    return short(tick.effort)


def short(value: float, unit: str) -> str:
    """Tell a bare float to two digits in the unit that suits it.

    Example:
        >>> short(4321.0, 'J'), short(0.0, 'W'), short(123.4, 'W')
        ('1.2 Wh', '0 W', '120 W')
    """
    shown_in = units.readable(value, unit)
    shown = float(f'{value * units.conversion(unit, shown_in):.1e}')  # none of these figures is surer than that
    return f'{shown:,.{1 if 0 < abs(shown) < 10 else 0}f} {shown_in}'
