"""How much longer than foreseen the last stretch of a training may take, as others on the machine have made it take.

Who runs a step, and the run's end, may be put aside for others at any moment: for a time slice of theirs where one
program wants the same thread, for many where many do. That is learned from the training itself, chunk by chunk, and
from how many want the machine now. One long wait may have been an accident, such as memory that was given anew; a
second one in the same few seconds is how the machine is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from hefted.metering.busy import contention

_FADES = 3.0  # seconds: a wait that comes less often strikes the last few milliseconds once in a thousand trainings
_SLICE = 0.004  # seconds: Linux's longest slice at 250 ticks a second
_CROWDED = 1.5  # a training that has the machine to itself makes it 1.25
_NEWEST = 0.3  # of the mean, the newest answer's part: it is asked ten times a second
_CROWDED_SLICE = 0.01  # where several wait in turn, for each that wants a thread
# Of a limit, and of it no more than so many seconds: what is left of a twentieth that may stay unused.
_USUAL_SHARE, _USUAL_SECONDS = 0.025, 0.12
_CROWDED_SHARE, _ACCIDENT_SHARE = 0.038, 0.038
_MOST_SHARE = 0.4


class Jitter:
    """Seconds that are held back for what takes longer than was to be expected.

    Args:
        crowd: How many threads want each of the machine's, now.

    Attributes:
        longest: The longest wait of late, in seconds; it fades.
        second: The second longest.

    Example:
        >>> jitter = Jitter(crowd=lambda: 1.0)
        >>> round(jitter.of(10.0), 3), round(jitter.of(0.1), 3)
        (0.12, 0.004)
        >>> jitter.hear(0.2, 0.01)
        >>> jitter.hear(0.2, 0.01)
        >>> round(jitter.of(1.0), 2)
        0.2
    """

    def __init__(self, crowd: Callable[[], float] = contention) -> None:
        self._asked = crowd
        self.crowd: float | None = None
        self.longest = self.second = 0.0

    def look(self) -> None:
        """Ask how many want the machine; who wants it for a moment only is no crowd."""
        now = self._asked()
        self.crowd = now if self.crowd is None else self.crowd + _NEWEST * (now - self.crowd)

    def hear(self, over: float, seconds: float) -> None:
        """Something took so much longer than was to be expected, and so long in all."""
        fade = math.exp(-seconds / _FADES)
        self.second, self.longest = sorted((fade * self.second, fade * self.longest, over))[1:]

    def of(self, whole: float) -> float:
        """Seconds to hold back.

        Args:
            whole: How many seconds the tightest limit lasts from its beginning on.
        """
        crowd = self.crowd or 1.0
        if crowd > _CROWDED:
            usual, most = min(_USUAL_SECONDS * crowd, _CROWDED_SHARE * whole), self.longest
            least = max(usual, _CROWDED_SLICE * crowd)
        else:
            least = max(min(_USUAL_SECONDS, _USUAL_SHARE * whole), _SLICE)
            most = min(self.longest, max(_ACCIDENT_SHARE * whole, least))
        return min(max(least, most, self.second), max(_MOST_SHARE * whole, _SLICE))
