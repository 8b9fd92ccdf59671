"""A few real steps before the training, on copies of its state: how long one takes on this machine, now.

A chunk of n steps takes overhead + n x step seconds. The first call pays for pages and thread pools and counts for
nothing; then chunks of two lengths tell both. Nothing that the training will use changes: the state is copied where the
loop would give it away, no order of rows is drawn and no batch is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import jax
import numpy as np

from hefted.data.source import Stretch
from hefted.train.program import Stretcher

_CHUNKS = 5  # of the longer kind, if the allowance lasts
_MOST_STEPS = 4096  # in one of them
_GROWTH = 8  # of their length at a time: what a step takes is known the better the longer they are


class Paced(NamedTuple):
    """What steps took.

    Attributes:
        step: Seconds of one, within a chunk.
        overhead: Seconds of a dispatch beside its steps.
        spread: How far chunks were from one another: (slowest - fastest) / (2 x median).
        cpu_share: CPU seconds of the process over seconds that passed.
        steps: How many were taken.
        seconds: What it took in all.
    """

    step: float
    overhead: float
    spread: float
    cpu_share: float
    steps: int
    seconds: float


class Clocks(NamedTuple):
    """The clocks that it reads: seconds that pass, and CPU seconds of the process."""

    wall: Callable[[], float]
    cpu: Callable[[], float]


_CLOCKS = Clocks(time.perf_counter, time.process_time)


def try_out(
    loop: Stretcher,
    constants: Any,
    carry: Any,
    stretch: Stretch,
    allowance: Callable[[float], float],
    clocks: Clocks = _CLOCKS,
) -> Paced:
    """Take a few steps and time them.

    Args:
        loop: The compiled loop.
        constants: What it reads and does not change.
        carry: What it carries, to be given away.
        stretch: The rows to step over.
        allowance: How many seconds may be spent in all, by the seconds that a step seems to take.
        clocks: What it is timed by.
    """
    begun, cpu_begun = clocks.wall(), clocks.cpu()
    trial = _Trial(loop, constants, carry, stretch, clocks.wall)
    first = trial.go(1)
    one = first if first > allowance(first) else min(trial.go(1), first)
    step, chunks = one, [one]
    longer, most = 1, 1 if loop.single else min(stretch.steps, _MOST_STEPS)
    while True:
        left = allowance(step) - (clocks.wall() - begun)
        fitting = max(1, min(int(left / _CHUNKS / step), most))
        if fitting > 2 * longer:  # the last length was too short to tell
            longer, chunks = min(fitting, _GROWTH * longer), []
        elif len(chunks) >= _CHUNKS or left < max(chunks):
            break
        chunks.append(trial.go(longer))
        middle = median(chunks)
        step = middle if longer == 1 else max((middle - one) / (longer - 1), middle / longer / 2)
    passed = clocks.wall() - begun
    spread = (max(chunks) - min(chunks)) / 2 / median(chunks) if len(chunks) > 1 else 0.5
    overhead = max(one - step, 0.0) if longer > 1 else 0.0
    return Paced(step, overhead, spread, (clocks.cpu() - cpu_begun) / passed, trial.taken, passed)


class _Trial:
    """Chunks over one stretch, each from where the last one ended."""

    def __init__(
        self, loop: Stretcher, constants: Any, carry: Any, stretch: Stretch, clock: Callable[[], float]
    ) -> None:
        self._loop, self._constants, self._carry, self._stretch = loop, constants, carry, stretch
        self._clock = clock
        self._key = np.zeros(2, np.uint32)
        self.taken = 0

    def go(self, steps: int) -> float:
        """Take so many steps from the stretch's first on; the seconds that it took."""
        at = self._stretch
        numbers = np.array([0, at.rows, self.taken], np.int32)
        begun = self._clock()
        carry, logs = self._loop.run(
            self._constants, self._carry, at.data, at.order, np.int32(steps), np.bool_(True), numbers, self._key
        )
        self._carry = carry
        jax.block_until_ready((carry, logs))
        self.taken += steps
        return self._clock() - begun
