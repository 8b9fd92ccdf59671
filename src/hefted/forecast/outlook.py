"""What is left of a training, told anew with each chunk that was read: the forecast narrows as it goes."""

from __future__ import annotations

from typing import NamedTuple

from hefted.forecast.course import Course
from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan

_FEW = 0.08, 0.1  # how much faster, or slower, the rest may be at best, relative: clocks and neighbours change
_SOON = 10  # how fast the interval becomes that narrow
_HEARD_VARIANCE = 0.0025  # relative, of what a second of a training tells: on two cores of a server that has others
_NINETY = 1.645  # standard deviations on either side of what lies in a 90 % interval
_MANY = 8  # epochs, after which all of a training goes by its steps: edges and validations are in their time


class Rest(NamedTuple):
    """What is left, foreseen.

    Attributes:
        seconds: Until the training ends.
        low: The low end of the 90 % interval.
        high: Its high end.
        joules: Until then; None where nothing is metered.
    """

    seconds: float
    low: float
    high: float
    joules: float | None


class Outlook:
    """What is left, by what was measured so far and, where nothing was, by the pace that the forecast had.

    Args:
        plan: Of the whole training; its steps are known.
        pace: As foreseen.

    Example:
        >>> outlook = Outlook(Plan(steps=100, epochs=1), Pace('pilot', step=0.1))
        >>> outlook.rest().seconds
        10.0
        >>> for _ in range(10):
        ...     outlook.hear(5, 1.0, None)
        >>> round(outlook.rest().seconds, 1)  # twice as slow as foreseen, which hardly counts any more
        9.9
        >>> outlook.share
        0.5
    """

    def __init__(self, plan: Plan, pace: Pace) -> None:
        self.plan, self._pace = plan, pace
        self._steps, self._all = Course(), Course()  # the second with what lies between the steps
        self.done = self.validated = self.edges = 0
        self.judged = self.at_edges = 0.0
        self._energy: tuple[float, float] | None = None  # J at the first tick, and since
        self._elapsed = self._first = self._heard = 0.0

    def hear(self, steps: int, seconds: float, joules: float | None) -> None:
        """Some steps were read: how many, in how many seconds, and J of the whole run so far."""
        self.done += steps
        self._elapsed += seconds
        self._steps.add(steps, seconds)
        self._all.add(steps, self._elapsed - self._heard)
        self._heard = self._elapsed
        if joules is not None:
            if self._energy is None:
                self._energy, self._first = (joules, 0.0), self._elapsed
            else:
                self._energy = self._energy[0], joules - self._energy[0]

    def judge(self, seconds: float) -> None:
        """A validation is done, and took so many seconds."""
        self.validated += 1
        self.judged += seconds
        self._elapsed += seconds

    def edge(self, seconds: float) -> None:
        """An epoch's edge took so many seconds beside its steps and its validation."""
        self.edges += 1
        self.at_edges += seconds
        self._elapsed += seconds

    @property
    def share(self) -> float:
        """Which part of the steps is done, from 0 to 1."""
        return min(1.0, self.done / self.plan.steps) if self.plan.steps else 0.0

    @property
    def step(self) -> float | None:
        """Seconds of a step; None before the first was read."""
        return self._steps.rate

    @property
    def validation(self) -> float | None:
        """Seconds of a validation; None before the first."""
        return self.judged / self.validated if self.validated else None

    def rest(self) -> Rest:
        """What is left."""
        left = max((self.plan.steps or 0) - self.done, 0)
        rate = self._all.rate
        seconds = left * rate if rate is not None and self.edges >= _MANY else self._by_parts(left)
        seconds += (1 - self.share) * self._pace.seconds(self.plan).get('checkpoint', 0.0)
        if self._elapsed:
            foreseen = (1 - self.share) * sum(self._pace.seconds(self.plan).values())
            seconds += self._trust() * (foreseen - seconds)
        down, up = self._doubt()
        return Rest(seconds, seconds * (1 - down), seconds * (1 + up), self._joules(seconds))

    def _trust(self) -> float:
        """How much of the forecast still counts, beside what was heard since: each by how exact it is."""
        foreseen = ((self._pace.down + self._pace.up) / 2 / _NINETY) ** 2
        heard = _HEARD_VARIANCE / self._elapsed
        return heard / (heard + foreseen)

    def _by_parts(self, left: int) -> float:
        """Seconds of so many steps, and of the edges and validations that are left."""
        plan, parts = self.plan, self._pace.seconds(self.plan)
        step, judged = self.step, self.validation
        if step is None:
            step = parts['train'] / max(plan.steps or 0, 1)
        if judged is None:
            judged = parts.get('validate', 0.0) / max(plan.validations or 1, 1)
        seconds = left * step + max((plan.validations or 0) - self.validated, 0) * judged
        if self.edges:
            seconds += max((plan.epochs or 1) - self.edges, 0) * self.at_edges / self.edges
        return seconds

    def _joules(self, seconds: float) -> float | None:
        if self._energy is None or self._elapsed <= self._first:
            return None
        return seconds * self._energy[1] / (self._elapsed - self._first)

    def _doubt(self) -> tuple[float, float]:
        """As wide as the forecast at first, and soon as narrow as what passes on a machine allows."""
        fading = 1 / (1 + _SOON * self.share)
        return max(_FEW[0], self._pace.down * fading), max(_FEW[1], self._pace.up * fading)
