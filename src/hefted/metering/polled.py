"""A meter that is slow to answer: asked about once a second by a thread of its own, while somebody reads it.

A plug on the wireless network takes 20 to 300 ms, a management controller as long. A reading never waits for them: it
tells what the last answer makes of the time since. Between two runs nobody reads, and nothing is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from hefted import host
from hefted.metering.reading import Component
from hefted.metering.sensor import Instant, SensorError
from hefted.quantities import Quantity

_PERIOD_SECONDS = 1.0
_OLD_SECONDS = 5.0


class Polled:
    """A power, or a counter, that is asked in the background.

    A power is held from one answer to the next, so that what a reading tells never has to be taken back. A counter is
    told ahead by its last rate, for one period at most: else a run would lose what passed since the last answer.

    Args:
        name: The sensor's name.
        ask: Gives W now, or the counter's J; whatever it raises becomes a gap, a `SensorError` with its own words.
        accuracy: What it is worth.
        component: What its energy is of.
        counter: Whether `ask` gives J, and not W.
        device: What it is called, for people.
        period: Seconds between two questions.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], float],
        *,
        accuracy: Quantity,
        component: Component = 'other',
        counter: bool = False,
        device: str = '',
        period: float = _PERIOD_SECONDS,
        clock: Callable[[], float] = host.monotonic,
    ):
        self.name = name
        self.component: Component = component
        self.accuracy = accuracy
        self.counts_always = False
        self.device = device
        self._ask = ask
        self._counter = counter
        self._period = period
        self._clock = clock
        self._asked_at = float('-inf')
        self._busy = False
        self._state: tuple[float, float, float] | None = None  # when it answered last, J up to then, W since
        self._kept = 0.0  # J of a power up to where it failed
        self._told = 0.0
        self._reason = 'It has not answered yet.'
        self._questions: SimpleQueue[None] = SimpleQueue()
        self._answered = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, limit: float = 0.5) -> None:
        """Ask for the first time, and wait for the answer a little; one that takes longer comes later."""
        with suppress(SensorError):
            self.read(Instant(self._clock()))
        self._answered.wait(limit)

    def read(self, instant: Instant) -> float:
        now = instant.monotonic
        if not self._busy and now - self._asked_at >= self._period:
            self._busy, self._asked_at = True, now
            self._start()
            self._questions.put(None)
        if self._state is None:
            raise SensorError(self._reason)
        answered, joules, watts = self._state
        if now - answered > _OLD_SECONDS:
            raise SensorError(f'It has not answered for {now - answered:.0f} s.')
        if self._counter:
            now = min(now, answered + self._period)
        self._told = max(self._told, joules + watts * max(now - answered, 0.0))
        return self._told

    def poll(self) -> None:
        """Ask once, from this thread, and remember what it said."""
        self._asked_at = self._clock()
        try:
            value = float(self._ask())
            if not 0 <= value < float('inf'):
                raise SensorError(f'It read {value:.6g}, which cannot be.')
        except SensorError as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(f'It failed with {type(error).__name__}.')
        else:
            now = self._clock()
            self._state = (now, value, self._rate(now, value)) if self._counter else (now, self._until(now), value)

    def _rate(self, now: float, value: float) -> float:
        """W of a counter since the answer before; 0 where there was none, or where the counter was reset."""
        if self._state is None:
            self._told = value
            return 0.0
        answered, joules, _ = self._state
        if value < joules:
            self._told = value  # which its guard sees go back
        return (value - joules) / (now - answered) if value >= joules and now > answered else 0.0

    def _fail(self, reason: str) -> None:
        self._kept, self._state, self._reason = self._until(self._clock()), None, reason

    def _until(self, now: float) -> float:
        """J of a power up to an instant; for a long silence nothing is made up."""
        if self._state is None:
            return max(self._kept, self._told)
        answered, joules, watts = self._state
        return joules + watts * (now - answered) if now - answered <= _OLD_SECONDS else max(joules, self._told)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f'hefted-{self.name}', daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            self._questions.get()
            self.poll()
            self._busy = False
            self._answered.set()
