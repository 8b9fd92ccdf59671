"""Which hours to run in: pure functions of a forecast, a deadline and the work that is left.

With g the grid's intensity, the work's power 1 and that of a process that waits w, a schedule that is done at F takes

    carbon = integral of g over the hours of work + w x integral of g over the waits before F

and each pause makes the work longer by what it costs (a checkpoint, and what must warm up again). Of a few hundred
schedules the one with the least is chosen, and to run at once is always among them, so none is worse by this
reckoning. They are:

- one stretch, from any instant at which it, or its end, meets an hour's edge (between two of these the sum is linear);
- the hours below a limit, for each of up to 24 limits, with pauses that are no shorter than some least.

'grid < X' has the limit X, or the lowest above it that leaves enough hours before the deadline.

None waits longer than leaves the high end of what the work may take: then it runs to its end, whatever the grid is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from hefted.when.hours import Hour

IDLE = 0.1  # watts of a process that waits over those at work, until it is measured (judgement: an idle H100 takes
# about 70 of its 700 W, and a process without work has little of its machine's CPU)
PAUSE_SECONDS = 5.0  # of work that a pause costs, until it is measured (judgement)
_LIMITS = 24
_LEAST_PAUSES = (0.0, 900.0, 3600.0, 7200.0)
_TRIFLE = 1e-6  # seconds; and a part of what two schedules take that is no difference

Why = Literal['best', 'late', 'dearer', 'unknown']
"""Why a schedule is what it is: the best; at once because no time is left to wait; because waiting would cost more;
because nothing is known of the hours."""


class Work(NamedTuple):
    """What is left to do.

    Attributes:
        seconds: How long it takes at work.
        longest: The high end of that.
        idle: Power while it waits over that at work.
        pause: Seconds of work that a pause costs.
    """

    seconds: float
    longest: float
    idle: float = IDLE
    pause: float = PAUSE_SECONDS


class Schedule(NamedTuple):
    """When to run.

    Attributes:
        spans: Starts and ends of work in seconds from now, in order.
        carbon: What it takes, in g/kWh times seconds of work.
        at_once: What it takes to run from now on without a pause.
        why: Why it is this one.
    """

    spans: tuple[tuple[float, float], ...]
    carbon: float
    at_once: float
    why: Why = 'best'


def choose(
    ahead: Sequence[Hour], work: Work, deadline: float, below: float | None = None, running: bool = False
) -> Schedule:
    """Choose when to run.

    Args:
        ahead: The hours from now (0) to the deadline at least, without a hole.
        work: What is left to do.
        deadline: Seconds from now.
        below: g CO2e/kWh; None for the cleanest hours.
        running: Whether it runs now, so that to wait costs a pause.

    Example:
        >>> night = [Hour(0, 3600, 240), Hour(3600, 7200, 96), Hour(7200, 14400, 300)]
        >>> choose(night, Work(1800, 2400), 14400).spans
        ((3600.0, 5400.0),)
        >>> choose(night, Work(1800, 2400), 5000).spans
        ((2600.0, 4400.0),)
    """
    now = ((0.0, work.seconds),)
    if not ahead:
        return Schedule(now, 0.0, 0.0, 'unknown')
    sums = _Sums(ahead)
    at_once = sums.carbon(now, work.idle)
    if work.longest >= deadline:
        return Schedule(now, at_once, at_once, 'late')
    found = (
        _cleanest(ahead, work, deadline, running) if below is None else [_below(ahead, work, deadline, below, running)]
    )
    best = min((sums.carbon(spans, work.idle), spans) for spans in found)
    if best[0] < at_once * (1 - _TRIFLE):
        return Schedule(best[1], best[0], at_once)
    if below is None:  # cleaner hours may come, and be too far away for so little work
        to_come = [hour for hour in ahead if 0 < hour.start <= deadline - work.longest]
        clean = not any(hour.grams * work.seconds < at_once * (1 - _TRIFLE) for hour in to_come)
    else:
        clean = found[0][0] == (0.0, work.seconds)
    return Schedule(now, at_once, at_once, 'best' if clean else 'dearer')


def carbon(ahead: Sequence[Hour], spans: Sequence[tuple[float, float]], work: Work) -> float:
    """What a schedule takes, in g/kWh times seconds of work: the sum at the top of this file."""
    return _Sums(ahead).carbon(spans, work.idle)


class _Sums:
    """Grams times seconds from now to each hour's edge: so any stretch is one subtraction."""

    def __init__(self, ahead: Sequence[Hour]) -> None:
        self._starts = [hour.start for hour in ahead]
        self._grams = [hour.grams for hour in ahead]
        self._sums = [0.0, *accumulate(hour.grams * (hour.end - hour.start) for hour in ahead)]

    def to(self, end: float) -> float:
        """From now to a moment; past the last hour, that one goes on."""
        index = max(bisect_right(self._starts, end) - 1, 0)
        return self._sums[index] + self._grams[index] * (end - self._starts[index])

    def carbon(self, spans: Sequence[tuple[float, float]], idle: float) -> float:
        ran = sum(self.to(end) - self.to(start) for start, end in spans)
        return ran + idle * (self.to(spans[-1][1]) - ran)


def _cleanest(
    ahead: Sequence[Hour], work: Work, deadline: float, running: bool
) -> list[tuple[tuple[float, float], ...]]:
    more = work.pause if running else 0.0
    latest = deadline - work.longest - more * work.longest / work.seconds
    edges = [hour.start for hour in ahead] + [hour.end for hour in ahead]
    starts = {start for edge in edges for start in (edge, edge - work.seconds - more) if 0 < start <= latest}
    found: list[tuple[tuple[float, float], ...]] = [((0.0, work.seconds),)]
    found += [((float(start), start + work.seconds + more),) for start in sorted({*starts, max(latest, 0.0)} - {0.0})]
    grams = sorted({hour.grams for hour in ahead})
    limits = grams[:: max(len(grams) // _LIMITS, 1)]
    found += [
        _walk(ahead, _wanted(ahead, limit, least), work, deadline, running)[0]
        for limit in limits
        for least in _LEAST_PAUSES
    ]
    return found


def _below(
    ahead: Sequence[Hour], work: Work, deadline: float, below: float, running: bool
) -> tuple[tuple[float, float], ...]:
    spans: tuple[tuple[float, float], ...] = ((0.0, work.seconds),)
    for limit in [below, *sorted({hour.grams for hour in ahead if hour.grams >= below})]:
        # The limit itself is not below it, but where it had to be raised, the hours of that limit are let in.
        wanted = [hour.grams < below or (limit > below and hour.grams <= limit) or not hour.known for hour in ahead]
        spans, forced = _walk(ahead, wanted, work, deadline, running)
        if not forced:
            break
    return spans


def _wanted(ahead: Sequence[Hour], limit: float, least: float) -> list[bool]:
    """Which hours to run in: those up to a limit, and what lies between two of them if it is shorter than the least."""
    wanted = [hour.grams <= limit or not hour.known for hour in ahead]
    last: int | None = None
    for index, want in enumerate(wanted):
        if want:
            if last is not None and ahead[index].start - ahead[last].end < least:
                wanted[last:index] = [True] * (index - last)
            last = index
    return wanted


def _walk(
    ahead: Sequence[Hour], wanted: Sequence[bool], work: Work, deadline: float, running: bool
) -> tuple[tuple[tuple[float, float], ...], bool]:
    """Run in the hours that are wanted, and from where no more time is left; whether it came to that."""
    ratio = work.longest / work.seconds
    spans: list[tuple[float, float]] = []
    left, on = work.seconds, running
    for hour, want in zip(ahead, wanted, strict=True):
        if want:
            end = min(hour.end, hour.start + left)
            if on and spans:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((hour.start, end))
            left, on = left - (end - hour.start), True
            if left <= _TRIFLE:
                return tuple(spans), False
            continue
        if on and spans and left <= work.pause * len(spans):  # what pauses have made it longer by is worth none itself
            return (*spans[:-1], (spans[-1][0], hour.start + left)), False
        paused = left + (work.pause if on else 0.0)
        latest = deadline - paused * ratio
        if latest > hour.start:
            left, on = paused, False
        if latest < hour.end:
            start = max(latest, hour.start)
            if on and spans:
                return (*spans[:-1], (spans[-1][0], hour.start + left)), True
            return (*spans, (start, start + left)), True
    last = ahead[-1].end
    if on and spans:
        return (*spans[:-1], (spans[-1][0], last + left)), True
    return (*spans, (last, last + left)), True
