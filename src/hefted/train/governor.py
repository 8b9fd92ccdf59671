"""Who may end a training between its chunks, hold it for a while, or only listen: budgets, grids, forecasts.

The loop asks before each chunk, and tells of each that was read. A governor knows no model: it hears ticks and seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from hefted.runs import Tick

Work = Literal['train', 'validate', 'checkpoint', 'wait', 'begin', 'epoch', 'end']
"""'begin' is what callbacks do when an epoch begins, 'epoch' at its end, 'end' at the training's."""


class Ahead(NamedTuple):
    """What the loop would dispatch next.

    Attributes:
        steps: How many steps it would take in one chunk, as far as others let it.
        waiting: Steps that are dispatched and not read yet; what they cost is not known before they are.
        epoch: The epoch's number.
        to_end: Steps of the epoch that are not dispatched yet; None where nobody knows.
        done: Steps done since the training began, read ones only.
    """

    steps: int
    waiting: int
    epoch: int
    to_end: int | None
    done: int


class Governor:
    """Lets everything pass: override what you need.

    Attributes:
        stopped_by: What ended the training, for `History.stopped_by`, such as 'budget 5 Wh'; None while nothing has.
        held_back: Seconds that were reserved for a validation, or an epoch's end, which then could not be paid for.
    """

    stopped_by: str | None = None
    held_back: float = 0.0

    def begin(self, done: int, epoch: int) -> None:
        """The training begins, or goes on after a resume, at a step and an epoch; compiled already."""

    def tell(self) -> None:
        """Of several processes, before each question that rank 0 answers for all: all do it in the same order."""

    def allow(self, ahead: Ahead) -> int:
        """How many of the steps may be dispatched now: none asks the loop to read what is waiting and ask again.

        None with nothing waiting ends the training, within the epoch: without validation and `on_epoch_end`.
        """
        return ahead.steps

    def may(self, work: Work) -> bool:  # noqa: ARG002
        """Whether a validation, a checkpoint, an epoch's beginning or its end can still be paid for.

        A validation or an epoch's end that cannot ends the training before it: a resume takes it up there.
        """
        return True

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:
        """Some steps were read: how many, since when in seconds, and what was spent up to now."""

    def did(self, work: Work, seconds: float) -> None:
        """A validation, a checkpoint or an epoch's end is done, and took so many seconds."""

    def holds(self) -> bool:
        """Whether to pause now: the loop drains, keeps a checkpoint where one is kept, and calls `wait`."""
        return False

    def wait(self) -> None:
        """Return when the training may go on (Ctrl-C is raised while it waits)."""

    def end(self) -> None:
        """The training is over, however."""

    def over(self) -> None:
        """The run has ended, and made its last reading."""


class Governors(Governor):
    """Several, of whom the strictest counts.

    Args:
        several: In the order in which they are asked.
    """

    def __init__(self, several: Sequence[Governor]) -> None:
        self._several = tuple(several)

    @property
    def stopped_by(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return next((each.stopped_by for each in self._several if each.stopped_by), None)

    @property
    def held_back(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return sum(each.held_back for each in self._several)

    def begin(self, done: int, epoch: int) -> None:
        for each in self._several:
            each.begin(done, epoch)

    def tell(self) -> None:
        for each in self._several:
            each.tell()

    def allow(self, ahead: Ahead) -> int:
        for each in self._several:
            ahead = ahead._replace(steps=min(ahead.steps, each.allow(ahead)))
            if ahead.steps < 1:
                return 0
        return ahead.steps

    def may(self, work: Work) -> bool:
        return all(each.may(work) for each in self._several)

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:
        for each in self._several:
            each.hear(steps, seconds, tick)

    def did(self, work: Work, seconds: float) -> None:
        for each in self._several:
            each.did(work, seconds)

    def holds(self) -> bool:
        return any(each.holds() for each in self._several)

    def wait(self) -> None:
        for each in self._several:
            if each.holds():
                each.wait()

    def end(self) -> None:
        for each in self._several:
            each.end()

    def over(self) -> None:
        for each in self._several:
            each.over()
