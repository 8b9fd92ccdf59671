"""How many steps are dispatched at a time."""

from __future__ import annotations

from dataclasses import dataclass

_CHUNK_SECONDS = 0.2  # long enough that Python's part is nothing, short enough to stop, show and meter
# Each dispatch has its memory given anew, page by page: two transformer blocks lose a tenth of each step to it if every
# step is a dispatch. So a chunk has a few steps, unless that takes so long that nobody would wait for it to stop.
_CHUNK_STEPS, _CHUNK_SECONDS_MOST = 4, 2.5
_FIRST_STEPS = 64  # of a program whose speed is not known yet
_GROWTH = 16  # a chunk is at most so many times longer than the one before


def steps_of_a_chunk(step: float) -> float:
    """About how many steps the training dispatches together, where one takes so many seconds.

    Example:
        >>> steps_of_a_chunk(1e-3), steps_of_a_chunk(0.1), steps_of_a_chunk(5.0)
        (200.0, 4, 0.5)
    """
    return max(_CHUNK_SECONDS / step, min(_CHUNK_STEPS, _CHUNK_SECONDS_MOST / step))


@dataclass
class Pace:
    """How many steps a chunk takes: about 0.2 s, or a few steps where they are long; kept with the program."""

    steps: int = _FIRST_STEPS
    step_seconds: float | None = None  # of the last chunk

    def learn(self, steps: int, seconds: float) -> None:
        """Take a chunk's duration into account."""
        rate = steps / max(seconds, 1e-6)
        self.step_seconds = 1 / rate
        self.steps = max(1, min(int(steps_of_a_chunk(self.step_seconds)), self.steps * _GROWTH))

    def begin(self, step_seconds: float) -> None:
        """Take what a step took when it was tried, unless steps were done already."""
        if self.step_seconds is None:
            self.steps = max(1, int(steps_of_a_chunk(step_seconds)))
