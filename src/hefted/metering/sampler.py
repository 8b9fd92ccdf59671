"""The thread that reads a meter once a second, so that no counter wraps unseen and no run goes silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hefted.metering.meter import Meter
from hefted.metering.reading import RawReading

_PERIOD_SECONDS = 1.0
_MOST_SHARE = 1 / 500  # looking at children may take this share of the time


class Sampler:
    """Reads a meter in the background while it is wanted; a second later its thread has ended.

    Args:
        meter: What is read.
        listener: Called with each reading, from the thread; it must not raise.
        wanted: Whether anybody still needs it.
        prepare: Called once, first, from the thread: what takes too long for a start.
        period: Seconds between readings.

    Attributes:
        cost_seconds: CPU time of its threads so far (the readings it makes are in the meter's cost as well).
    """

    def __init__(
        self,
        meter: Meter,
        listener: Callable[[RawReading], None],
        wanted: Callable[[], bool],
        *,
        prepare: Callable[[], None] | None = None,
        period: float = _PERIOD_SECONDS,
    ):
        self.cost_seconds = 0.0
        self._meter = meter
        self._listener = listener
        self._wanted = wanted
        self._prepare = prepare
        self._period = period
        self._running = threading.Lock()  # held by the one thread there is; nobody ever waits for it

    def ensure(self) -> bool:
        """Start the thread unless it runs; False when the interpreter gives no more of them."""
        if not self._running.acquire(blocking=False):
            return True
        try:
            threading.Thread(target=self._work, name='hefted-meter', daemon=True).start()
        except RuntimeError:
            self._running.release()
            return False
        return True

    def _work(self) -> None:
        earlier = self.cost_seconds
        if self._prepare is not None:
            self._prepare()
            self._prepare = None
        look_at = self._look()  # who else is metered here matters from the start
        while True:
            self.cost_seconds = earlier + time.thread_time()
            time.sleep(self._period)
            if not self._wanted():
                self._meter.rest()
                self._running.release()
                # Somebody may have come between the question and the release, and found it held.
                if not (self._wanted() and self._running.acquire(blocking=False)):
                    return
            if time.monotonic() >= look_at:
                look_at = self._look()
            self._listener(self._meter.read())

    def _look(self) -> float:
        """Have the meter look around; from when on it may again, in seconds of CLOCK_MONOTONIC."""
        return time.monotonic() + self._meter.look() / _MOST_SHARE
