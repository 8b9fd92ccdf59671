"""A training that stays within its budget: as many steps as can still be paid for, the run's end with them.

What counts is what the receipt's total will say. So before each chunk: what is spent (a reading, at most a tenth of a
second old, or a quarter of what is left, and read anew where it decides), what is dispatched and not done, the chunk
itself, and what follows the last step (the weights' copy, a checkpoint where one is kept, callbacks, the run's last
reading), each by an upper estimate. What a callback of the user's takes is known once it was called at an epoch's
beginning or end, or at a training's end, and is reserved from then on; what it takes the first time is seen after it.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from hefted.runs import Tick
from hefted.train.costs import Costs
from hefted.train.governor import Ahead, Governor, Work
from hefted.train.jitter import Jitter
from hefted.train.purse import Purse

if TYPE_CHECKING:
    from hefted.train.shared import Shared

_FRESH_SECONDS, _FRESH_PART = 0.1, 0.25  # reading takes half a millisecond; the part is of what is left
_DECIDING_SECONDS = 0.002
_CHUNK_SHARE = 0.005  # of what is left: two chunks are under a hundredth of it


class Spending(Governor):
    """Ends a training before it passes a limit.

    Args:
        purse: What is spent, and what is left.
        costs: What steps and other works take.
        keeps: Whether a checkpoint is kept when the training is stopped.
        jitter: How much longer than foreseen anything may take.
        shared: What all of several processes have spent; None for one alone.
    """

    def __init__(
        self,
        purse: Purse,
        costs: Costs,
        *,
        keeps: bool = False,
        jitter: Jitter | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.purse, self.costs, self._keeps = purse, costs, keeps
        self.jitter = jitter or Jitter()
        self._shared = shared
        self.stopped_by: str | None = None
        self.held_back: float = 0.0
        self._last = perf_counter()

    def begin(self, done: int, epoch: int) -> None:  # noqa: ARG002
        self._look()
        self._last = perf_counter()

    def tell(self) -> None:
        if self._shared is not None:
            self._shared.tell()

    def allow(self, ahead: Ahead) -> int:
        steps = self._affordable(ahead)
        if steps < 1 and not ahead.waiting:
            if self.purse.age > _DECIDING_SECONDS:
                self._look()
                steps = self._affordable(ahead)
            if steps < 1:
                self._stop()
        return max(steps, 0)

    def _affordable(self, ahead: Ahead) -> int:
        """How many steps fit into what is left, and are no more than a small part of it."""
        step, left = self.costs.step, self.purse.left() - self.reserve()
        if step is None or not self.purse.known:  # one, to see what it takes
            return 1 if left > (step or 0.0) and not ahead.waiting else 0
        step = max(step, 1e-7)
        fitting = int(max(left, 0.0) / step) - ahead.waiting
        return min(ahead.steps, fitting, max(1, int(_CHUNK_SHARE * left / step)))

    def reserve(self) -> float:
        """Seconds of what comes after the last step, and for what may take longer than foreseen."""
        kept = self.costs.of('checkpoint') if self._keeps else 0.0
        return self.costs.end + self.costs.of('end') + kept + self.jitter.of(self.purse.whole)

    def may(self, work: Work) -> bool:
        cost = self.costs.of(work) + (self.costs.of('epoch') if work == 'validate' else 0.0)
        if cost <= 0 or self._fits(cost):
            return True
        self._look()
        if self._fits(cost):
            return True
        if work != 'checkpoint':  # the last one of a training is paid for by what is reserved
            self.held_back = cost
            self._stop()
        return False

    def _fits(self, seconds: float) -> bool:
        return self.purse.left() - self.reserve() > seconds

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:  # noqa: ARG002
        step = self.costs.step
        self.jitter.hear(0.0 if step is None else max(seconds - steps * step, 0.0), seconds)
        self.costs.steps(steps, seconds)
        if self._is_old() or not self.purse.known:
            self._look()
        self._last = perf_counter()

    def did(self, work: Work, seconds: float) -> None:
        self.costs.did(work, seconds)
        if seconds > _DECIDING_SECONDS:
            self._look()
        self._last = perf_counter()

    def over(self) -> None:
        if self.stopped_by is not None:
            seconds = max(perf_counter() - self._last, 0.0)
            self.jitter.hear(max(seconds - self.costs.end, 0.0), seconds)
            self.costs.ended(seconds)

    def _is_old(self) -> bool:
        """Whether to read anew: sooner towards the end, where it is not the clock alone that tells what is spent."""
        age = self.purse.age
        return age >= _FRESH_SECONDS or (not self.purse.by_the_clock and age >= _FRESH_PART * self.purse.left())

    def _look(self) -> None:
        self.jitter.look()
        self.purse.look()

    def _stop(self) -> None:
        self.stopped_by = str(self.purse.tightest)
        self._last = perf_counter()
