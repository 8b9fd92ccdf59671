"""The grid's intensity over a stretch of time, as plain numbers: what decides, and what is told afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hefted.footprint.live.forecasts import Slot
from hefted.quantities import Quantity, total


class Hour(NamedTuple):
    """A stretch of time with one intensity.

    Attributes:
        start: Seconds, from any origin.
        end: Seconds.
        grams: g CO2e/kWh.
        known: Whether it is foreseen; else it is the mean of what is.
    """

    start: float
    end: float
    grams: float
    known: bool = True


def hours(slots: Sequence[Slot], start: float, end: float) -> list[Hour]:
    """Tell the hours of a stretch, without a hole: what no slot holds has the mean of those that do.

    Args:
        slots: In order; at least one of them in the stretch, else nothing is told.
        start: Seconds since 1970.
        end: Seconds since 1970.

    Returns:
        Hours from 0 on, the stretch's start.

    Example:
        >>> point = Quantity(100, 'g CO2e/kWh')
        >>> hours([Slot(10, 20, point)], 0, 15)
        [Hour(start=0.0, end=10.0, grams=100.0, known=False), Hour(start=10.0, end=15.0, grams=100.0, known=True)]
    """
    known = [
        Hour(float(max(slot.start, start) - start), float(min(slot.end, end) - start), slot.intensity.value)
        for slot in slots
        if slot.end > start and slot.start < end
    ]
    if not known:
        return []
    mean = sum(hour.grams * (hour.end - hour.start) for hour in known) / sum(hour.end - hour.start for hour in known)
    found: list[Hour] = []
    at = 0.0
    for hour in known:
        if hour.start > at:
            found.append(Hour(at, hour.start, mean, False))
        found.append(hour)
        at = hour.end
    if at < end - start:
        found.append(Hour(at, end - start, mean, False))
    return found


def mean(slots: Sequence[Slot], start: float, end: float) -> Quantity | None:
    """Tell the mean intensity of a stretch, weighted by time; None where no slot holds a part of it.

    Args:
        slots: In order.
        start: Seconds since 1970.
        end: Seconds since 1970; the moment of the start alone where it is no later.

    Example:
        >>> low, high = (Quantity(grams, 'g CO2e/kWh') for grams in (100, 200))
        >>> str(mean([Slot(0, 10, low), Slot(10, 30, high)], 5, 20))
        '167 g CO2e/kWh'
    """
    end = max(end, start + 1e-3)
    parts = [
        (slot.intensity, min(slot.end, end) - max(slot.start, start))
        for slot in slots
        if slot.end > start and slot.start < end
    ]
    whole = sum(seconds for _, seconds in parts)
    return total(intensity * (seconds / whole) for intensity, seconds in parts) if whole > 0 else None
