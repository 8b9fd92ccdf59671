"""How fast a training went, of late and so far: a record that stays small however long it lasts."""

from __future__ import annotations

_BLOCKS = 96  # at most; then neighbours are joined
_BEGINNING = 1 / 3  # of the time so far: caches, threads and clocks were not yet as they are now


class Course:
    """Steps and seconds, in the order in which they came.

    Example:
        >>> course = Course()
        >>> course.add(10, 3.0)
        >>> for _ in range(1000):
        ...     course.add(10, 1.0)
        >>> round(course.rate, 3), len(course) < 100
        (0.1, True)
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[int, float]] = []
        self._steps, self._seconds = 0, 0.0  # of a block that is not full yet
        self._size = 1  # how many were joined to one block
        self._held = 0
        self._total = 0.0

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, steps: int, seconds: float) -> None:
        """Some steps took so many seconds."""
        self._total += seconds
        self._steps, self._seconds, self._held = self._steps + steps, self._seconds + seconds, self._held + 1
        if self._held < self._size:
            return
        self._blocks.append((self._steps, self._seconds))
        self._steps, self._seconds, self._held = 0, 0.0, 0
        if len(self._blocks) >= _BLOCKS:
            pairs = zip(self._blocks[::2], self._blocks[1::2], strict=True)
            self._blocks = [(one[0] + two[0], one[1] + two[1]) for one, two in pairs]
            self._size *= 2

    @property
    def rate(self) -> float | None:
        """Seconds of a step, without those of the beginning; None before the first.

        The mean, not a median: a burst of a neighbour's comes again as often as before.
        """
        steps, seconds = self._steps, self._seconds
        for count, lasting in reversed(self._blocks):
            if steps and seconds + lasting > (1 - _BEGINNING) * self._total:
                break
            steps, seconds = steps + count, seconds + lasting
        return seconds / steps if steps else None
