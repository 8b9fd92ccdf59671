"""The thread that reads a meter once a second, so that no counter wraps unseen and no run goes silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hefted.metering.meter import Meter

_PERIOD_SECONDS = 1.0
_MOST_SHARE = 1 / 500  # looking at children may take this share of the time


class Sampler:
    """Reads a meter in the background while it is open. It is a daemon: it cannot outlive the process.

    Args:
        meter: What is read.
        listener: Called after each reading, from the thread.
        prepare: Called once, first, from the thread: what takes too long for a start.
        period: Seconds between readings.

    Attributes:
        cost_seconds: CPU time of the thread so far, the meter's readings in it included.
    """

    def __init__(
        self,
        meter: Meter,
        listener: Callable[[], None],
        *,
        prepare: Callable[[], None] | None = None,
        period: float = _PERIOD_SECONDS,
    ):
        self.cost_seconds = 0.0
        self._meter = meter
        self._listener = listener
        self._prepare = prepare
        self._period = period
        # An acquired lock, rather than an Event: one release wakes the thread, and nothing waits for it to end.
        self._stopped = threading.Lock()
        self._stopped.acquire()

    def start(self) -> bool:
        """Start the thread; False when the interpreter gives no more of them."""
        try:
            threading.Thread(target=self._work, name='hefted-meter', daemon=True).start()
        except RuntimeError:
            return False
        return True

    def stop(self) -> None:
        """Tell the thread to end, without waiting for it."""
        if self._stopped.locked():
            self._stopped.release()

    def _work(self) -> None:
        if self._prepare is not None:
            self._prepare()
        look_at = 0.0
        while not self._stopped.acquire(timeout=self._period):
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + self._meter.look() / _MOST_SHARE
            before = self._meter.cost_seconds
            self._meter.read()
            self._listener()
            # The reading's own time is in the thread's: counted once.
            self._meter.cost_seconds = before
            self.cost_seconds = time.thread_time()
