"""The thread that reads a meter once a second, so that no counter wraps unseen and no run goes silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hefted.metering.meter import Meter
from hefted.metering.reading import Gap, RawReading

_PERIOD_SECONDS = 1.0
_MOMENT_SECONDS = 0.005  # who starts the thread is still starting a run, and would wait for it that long
_MOST_SHARE = 1 / 500  # looking at children may take this share of the time


class Sampler:
    """Reads a meter in the background while it is wanted; a second later its thread has ended.

    Args:
        meter: What is read.
        listener: Called with each reading, from the thread.
        wanted: Whether anybody still needs it.
        prepare: Called once, first, from the thread: what takes too long for a start.
        period: Seconds between readings.

    Whatever these raise is a gap of the meter, once, and the thread goes on: who reads counters may not end in silence.

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
        self._failures: set[str] = set()
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
            time.sleep(_MOMENT_SECONDS)
            prepare, self._prepare = self._prepare, None
            self._guarded(prepare)
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
            reading = self._meter.read()
            self._guarded(lambda reading=reading: self._listener(reading))

    def _guarded(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception as error:
            reason = f'Its thread failed with {type(error).__name__}, and goes on.'
            if reason not in self._failures:
                self._failures.add(reason)
                self._meter.add([], [Gap('meter', reason, self._meter.now())])

    def _look(self) -> float:
        """Have the meter look around; from when on it may again, in seconds of CLOCK_MONOTONIC."""
        begun = time.monotonic()
        self._guarded(self._meter.look)
        return time.monotonic() + (time.monotonic() - begun) / _MOST_SHARE
