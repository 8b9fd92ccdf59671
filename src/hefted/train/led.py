"""A training of several processes: rank 0's governor, clock and callbacks decide for all of them.

Alone, all of this does nothing and costs nothing: `led` gives the job back as it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hefted.distribution import lead
from hefted.train.governor import Ahead, Governor, Work

if TYPE_CHECKING:
    from hefted.runs import Tick
    from hefted.train.loop import Job


def led(job: Job) -> Job:
    """The same training, with what decides about its chunks asked of rank 0."""
    if lead.watch() is None:
        return job
    stopped = job.stopped
    job.governor = Led(job.governor)
    job.stopped = lambda: lead.decide(stopped(), 'whether to stop')
    return job


def stops(job: Job) -> tuple[bool, bool]:
    """Whether hooks are called at every batch, and whether somebody may read the model between two epochs.

    As rank 0's callbacks want it: those that it alone calls may be given to it alone (`Callback.once`).
    """
    by_batch = lead.decide(job.callbacks.stops_at_batches(), 'whether to stop at batches')
    by_epoch = (
        by_batch
        or (job.train.donates and not job.train.large)
        or job.validate is not None
        or any(keeper.at_hooks for keeper in job.keepers)
        or any(job.callbacks.hook_reads_state(hook) for hook in ('on_epoch_begin', 'on_epoch_end'))
    )
    return by_batch, lead.decide(by_epoch, 'whether to stop at epochs')


def next_stop(job: Job) -> Callable[[], float]:
    """What tells the step after which a hook must be called next, for hooks that are called now and then."""
    if lead.watch() is None:
        return lambda: job.callbacks.next_stop
    if not lead.decide(job.callbacks.stops_now_and_then, 'whether to stop now and then'):
        return lambda: math.inf
    return lambda: lead.decide(job.callbacks.next_stop, 'where to stop next')


def ended() -> None:
    """What rank 0 alone does at the end, such as writing the best weights, is done when `fit` returns anywhere."""
    lead.decide(True, 'whether it has ended')


def clock() -> float:
    """Seconds, of rank 0's clock: what is made of them is the same in all processes."""
    return lead.decide(time.perf_counter(), 'the time')


class Led(Governor):
    """Answers as rank 0's governor does; what this process hears, its own does.

    Args:
        own: This process's.
    """

    def __init__(self, own: Governor) -> None:
        self._own = own
        self._stopped_by = ''

    @property
    def stopped_by(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stopped_by or self._own.stopped_by

    @property
    def held_back(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._own.held_back

    def begin(self, done: int, epoch: int) -> None:
        self._own.begin(done, epoch)

    def tell(self) -> None:
        self._own.tell()

    def allow(self, ahead: Ahead) -> int:
        self.tell()
        left = 'the' if ahead.to_end is None else ahead.to_end
        steps = lead.decide(self._own.allow(ahead), f'how many of {left} steps of epoch {ahead.epoch} to take')
        if steps < 1 and not ahead.waiting:
            self._stopped_by = lead.decide(self._own.stopped_by or '', 'what ends it')
        return steps

    def may(self, work: Work) -> bool:
        self.tell()
        may = lead.decide(self._own.may(work), f'whether to {work}')
        if not may:
            self._stopped_by = lead.decide(self._own.stopped_by or '', 'what ends it')
        return may

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:
        self._own.hear(steps, seconds, tick)

    def did(self, work: Work, seconds: float) -> None:
        self._own.did(work, seconds)

    def holds(self) -> bool:
        return lead.decide(self._own.holds(), 'whether to wait')

    def wait(self) -> None:
        """Rank 0 waits; the others do at their next question."""
        if lead.first():
            self._own.wait()

    def end(self) -> None:
        self._own.end()

    def over(self) -> None:
        self._own.over()
