"""Every so many batches: what `save_freq` and `update_freq` count."""

from __future__ import annotations


class Batches:
    """Counts batches over all trainings of a callback, and says where it stops next.

    Args:
        every: How many batches lie between two stops; 'epoch' or False for none.

    Example:
        >>> batches = Batches(4)
        >>> batches.next_stop(0), batches.reached(), batches.next_stop(4)
        (4, True, 8)
    """

    def __init__(self, every: str | int) -> None:
        self.every = max(0, every) if isinstance(every, int) else 0
        self.seen = 0  # in all trainings
        self._before = 0  # of them, before this training
        self._asked = False

    def begin(self) -> None:
        """A training begins."""
        self._before = self.seen

    def next_stop(self, step: int) -> int | None:
        """The step of this training at which `every` batches are full next."""
        self._asked = True
        self.seen = self._before + step
        return step + self.every - self.seen % self.every if self.every else None

    def reached(self) -> bool:
        """A batch ended, the one that was asked for if one was: whether `every` are full."""
        if not self.every:
            return False
        self.seen += self.every - self.seen % self.every if self._asked else 1
        self._asked = False
        return self.seen % self.every == 0

    def get_state(self) -> list[int]:
        return [self.seen, self._before]

    def set_state(self, state: list[int]) -> None:
        self.seen, self._before = state
