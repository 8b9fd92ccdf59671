"""A few real steps before the training, on copies of its state: how long one takes on this machine, now.

A chunk of n steps takes overhead + n x step seconds. The first call pays for pages and thread pools and counts for
nothing; then chunks of two lengths tell both. Nothing that the training will use changes: the state is copied where the
loop would give it away, no order of rows is drawn and no batch is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import mean, quantiles
from typing import Any, NamedTuple

import jax
import numpy as np

from hefted.data.source import Stretch
from hefted.train import led
from hefted.train.pace import steps_of_a_chunk
from hefted.train.program import Stretcher

ENOUGH = 5  # chunks of the longer kind, if the allowance lasts
_MOST_OVERHEAD = 2e-4  # seconds of a dispatch; what else a single step takes longer are caches and pages
_USUAL_STEPS = 4  # of a chunk of the training's, where steps are long: each has its memory given anew
_SLOW = 5  # how many times slower than guessed a step may be
_MOST_STEPS = 4096  # in one of them
_GROWTH = 8  # of their length at a time: what a step takes is known the better the longer they are


class Paced(NamedTuple):
    """What steps took.

    Attributes:
        step: Seconds of one, within a chunk.
        overhead: Seconds of a dispatch beside its steps.
        spread: How far chunks were from one another, relative to their mean.
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


_CLOCKS = Clocks(led.clock, time.process_time)


def try_out(
    loop: Stretcher,
    constants: Any,
    carry: Any,
    stretch: Stretch,
    chunk: int,
    guess: float,
    allowance: Callable[[float], float],
    clocks: Clocks = _CLOCKS,
    *,
    enough: int = ENOUGH,
) -> Paced:
    """Take a few steps and time them.

    Args:
        loop: The compiled loop.
        constants: What it reads and does not change.
        carry: What it carries, to be given away.
        stretch: The rows to step over.
        chunk: How many steps the training will dispatch together at most. If so many can be tried, a step has its part
            of what a dispatch takes.
        guess: How many seconds a step takes if the machine is fast; small programs are dispatched by it at first.
        allowance: How many seconds may be spent in all, by the seconds that a step seems to take.
        clocks: What it is timed by.
        enough: How many chunks that are as long as the training's.
    """
    trial = _Trial(loop, constants, carry, stretch, clocks.wall)
    first = trial.go(1)  # the training need not pay for pages and threads any more, so this is no cost
    begun, cpu_begun = clocks.wall(), clocks.cpu()
    one = min(trial.go(1), first)
    step, chunks = one, [one]
    whole, longer, most = True, 1, 1 if loop.single else min(stretch.steps, _MOST_STEPS, max(chunk, 1))
    while True:
        left = allowance(step) - (clocks.wall() - begun)
        # The second call of a small program is still no measure of its steps: it has some 0.1 ms of its own.
        likely = step if longer > 1 else min(step, _SLOW * guess)
        fitting = max(1, min(int(left / ENOUGH / likely), most))
        if fitting < _USUAL_STEPS <= left / likely:
            fitting = min(_USUAL_STEPS, most)
        if fitting > 2 * longer or fitting == most > longer:  # the last length was too short to tell
            longer, chunks = min(fitting, _GROWTH * longer), []
        elif len(chunks) >= (enough if longer == most and not loop.single else ENOUGH) or left < max(chunks):
            break
        chunks.append(trial.go(longer))
        one = min(one, chunks[-1]) if longer == 1 else one
        # Of long steps a chunk has few, in the training too: then each has its part of what a dispatch takes.
        whole = longer == most or (1 < longer <= _USUAL_STEPS and 2 * longer >= steps_of_a_chunk(step))
        step = usual(chunks) / longer if whole else _step(usual(chunks), longer, one)
    passed = clocks.wall() - begun
    overhead = 0.0 if whole else min(max(one - step, 0.0), _MOST_OVERHEAD)
    spread = spread_of(chunks)
    return Paced(step, overhead, spread, (clocks.cpu() - cpu_begun) / passed, trial.taken, passed)


def _step(seconds: float, steps: int, one: float) -> float:
    """Seconds of a step of a chunk that is shorter than the training's, its dispatch told apart by a chunk of one."""
    overhead = min(max(one - seconds / steps, 0.0), _MOST_OVERHEAD)
    return max(seconds - overhead, seconds / 2) / steps


def usual(chunks: list[float]) -> float:
    """The mean, of several without the slowest: what a neighbour takes now and then the training pays as well."""
    return mean(sorted(chunks)[:-1] if len(chunks) > 2 else chunks)


def spread_of(chunks: list[float]) -> float:
    """How far the mean of several may be off, by the middle half of them."""
    if len(chunks) < 3:
        return 0.25
    low, _, high = quantiles(chunks, n=4)
    return (high - low) / mean(chunks)


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
