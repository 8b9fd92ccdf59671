"""What is left of a training, told anew with each chunk that was read: the forecast narrows as it goes."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan

_CHUNKS = 32  # the last ones count: a machine that became slower stays so, for all one knows
_FEW = 0.05  # how far the rest may be off at best, relative: clocks and neighbours change


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
        >>> outlook.rest().seconds
        10.0
        >>> outlook.share
        0.5
    """

    def __init__(self, plan: Plan, pace: Pace) -> None:
        self.plan, self._pace = plan, pace
        self._chunks: deque[tuple[int, float]] = deque(maxlen=_CHUNKS)
        self.done = self.validated = self.edges = 0
        self.judged = self.at_edges = 0.0
        self._judged: deque[float] = deque(maxlen=_CHUNKS)
        self._energy: tuple[float, float] | None = None  # J at the first tick, and since
        self._elapsed = 0.0
        self._first = 0.0

    def hear(self, steps: int, seconds: float, joules: float | None) -> None:
        """Some steps were read: how many, in how many seconds, and J of the whole run so far."""
        self._chunks.append((steps, seconds))
        self.done += steps
        self._elapsed += seconds
        if joules is not None:
            if self._energy is None:
                self._energy, self._first = (joules, 0.0), self._elapsed
            else:
                self._energy = self._energy[0], joules - self._energy[0]

    def judge(self, seconds: float) -> None:
        """A validation is done, and took so many seconds."""
        self._judged.append(seconds)
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
        """Seconds of a step, by the chunks that were read last; None before the first.

        Of many chunks the median counts, each by its steps, as one that met a stranger's burst tells nothing of the
        next; of few all that they took. What a chunk took beside its steps is in it.
        """
        if not self._chunks:
            return None
        mean = sum(seconds for _, seconds in self._chunks) / sum(steps for steps, _ in self._chunks)
        if len(self._chunks) < 5:
            return mean
        middle = median(seconds / steps for steps, seconds in self._chunks)
        return (mean + middle) / 2

    @property
    def validation(self) -> float | None:
        """Seconds of a validation; None before the first."""
        return median(self._judged) if self._judged else None

    def rest(self) -> Rest:
        """What is left."""
        plan, pace = self.plan, self._pace
        total = plan.steps or 0
        left = max(total - self.done, 0)
        parts = pace.seconds(plan)
        step = self.step if self.step is not None else parts['train'] / max(total, 1)
        judged = self.validation
        if judged is None:
            judged = parts.get('validate', 0.0) / max(plan.validations or 1, 1)
        seconds = left * step + max((plan.validations or 0) - self.validated, 0) * judged
        if self.edges:
            seconds += max((plan.epochs or 1) - self.edges, 0) * self.at_edges / self.edges
        down, up = self._doubt()
        return Rest(seconds, seconds * (1 - down), seconds * (1 + up), self._joules(seconds))

    def _joules(self, seconds: float) -> float | None:
        if self._energy is None or self._elapsed <= self._first:
            return None
        return seconds * self._energy[1] / (self._elapsed - self._first)

    def _doubt(self) -> tuple[float, float]:
        """As wide as the forecast at first, then as its chunks differ from one another."""
        if not self._chunks:
            return self._pace.down, self._pace.up
        fading = 1 / (1 + 40 * self.share)
        return max(_FEW, self._pace.down * fading), max(1.5 * _FEW, self._pace.up * fading)
