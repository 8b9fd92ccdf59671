"""What a training's parts take, learned as it goes: a step, a validation, a checkpoint, the run's end.

Upper estimates: what a budget may still do rests on them. They stay with the compiled program, so that a second `fit`
of it knows them from its start.
"""

from __future__ import annotations

from collections import deque

_CHUNKS = 16  # so many of the newest tell what a step takes
_MARGIN = 1.1
_ENDINGS = 5
_FIRST_END = 0.005  # a small model's end takes one to three milliseconds
_BYTES_A_SECOND = 1e9  # in memory; a quarter of what two CPU cores copy
_BYTES_TO_DISK = 5e7  # what is kept is synced


class Costs:
    """Seconds by kind of work.

    Args:
        state_bytes: Weights, statistics and optimizer: what a checkpoint holds and what is copied at the end.
        judge_steps: Steps of one validation.
        first_end: Seconds of a run's end, until one was seen, besides what copying takes.

    Example:
        >>> costs = Costs()
        >>> costs.steps(10, 0.1)
        >>> costs.steps(10, 0.13)
        >>> round(costs.step, 6)
        0.01265
    """

    def __init__(self, state_bytes: int = 0, judge_steps: int = 0, first_end: float = _FIRST_END) -> None:
        self._state_bytes, self._judge_steps, self._first_end = state_bytes, judge_steps, first_end
        self._chunks: deque[tuple[int, float]] = deque(maxlen=_CHUNKS)
        self._endings: deque[float] = deque(maxlen=_ENDINGS)
        self._works: dict[str, float] = {}
        self._foreseen: dict[str, float] = {}
        self._all = (0, 0.0)

    def steps(self, count: int, seconds: float) -> None:
        """Some steps were done, in so many seconds."""
        self._chunks.append((count, seconds))
        self._all = (self._all[0] + count, self._all[1] + seconds)

    def foresee(self, work: str, seconds: float) -> None:
        """What somebody says that a step, or another work, will take, until one was done."""
        self._foreseen[work] = seconds

    def did(self, work: str, seconds: float) -> None:
        """A work was done."""
        self._works[work] = max(seconds, 0.8 * self._works.get(work, 0.0))

    def ended(self, seconds: float) -> None:
        """The run's last reading came so long after its last step."""
        self._endings.append(seconds)

    def _usual(self) -> float | None:
        done = sum(count for count, _ in self._chunks)
        return sum(seconds for _, seconds in self._chunks) / done if done else None

    @property
    def step(self) -> float | None:
        """Of one step, with a margin; None where nothing is known."""
        usual = self._usual()
        return self._foreseen.get('step') if usual is None else _MARGIN * usual

    @property
    def average(self) -> float | None:
        """Of one step over all that were done; None where nothing is known."""
        steps, seconds = self._all
        return seconds / steps if steps else self._foreseen.get('step')

    def of(self, work: str) -> float:
        """Of a validation, a checkpoint, or what callbacks do at an epoch's end; 0 where nothing is known."""
        if work in self._works:
            return _MARGIN * self._works[work]
        if work == 'checkpoint':
            return 0.02 + self._state_bytes / _BYTES_TO_DISK
        if work == 'validate' and work not in self._foreseen:  # as if each of its steps were one of training
            return self._judge_steps * (self.step or 0.0) + 0.01
        return self._foreseen.get(work, 0.0)

    @property
    def end(self) -> float:
        """From the last step's end to the run's last reading."""
        if self._endings:
            return 1.5 * sorted(self._endings)[len(self._endings) // 2] + 0.001  # what is rare is jitter
        return self._first_end + 2 * self._state_bytes / _BYTES_A_SECOND
