"""A sensor that may hang is asked from a thread of its own, and waited for only so long."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant, Sensor, SensorError
from hefted.quantities import Quantity


class Bounded:
    """Asks a sensor, and gives up after a limit; until it has answered, it is not asked again.

    Args:
        sensor: A sensor behind a driver, such as NVML.
        limit: Seconds to wait for one reading.
    """

    __slots__ = (
        '_answers',
        '_asked_at',
        '_limit',
        '_questions',
        '_quick',
        '_sensor',
        '_waiting',
        'accuracy',
        'component',
        'counts_always',
        'device',
        'name',
        'share',
    )

    def __init__(self, sensor: Sensor, limit: float = 0.05):
        self.name: str = sensor.name
        self.component: Component = sensor.component
        self.accuracy: Quantity = sensor.accuracy
        self.counts_always: bool = sensor.counts_always
        self.device: str = getattr(sensor, 'device', '')
        self.share: float = getattr(sensor, 'share', 1.0)
        self._sensor = sensor
        self._limit = limit
        self._waiting = False
        self._quick = True  # whether the last answer came in time
        self._asked_at = 0.0  # by perf_counter, until it is heard
        self._questions: SimpleQueue[Instant] = SimpleQueue()
        self._answers: SimpleQueue[tuple[float | Exception, float]] = SimpleQueue()
        threading.Thread(target=self._answer, name=f'hefted-{self.name}', daemon=True).start()

    def ask(self, instant: Instant) -> None:
        """Have it answer for the next `read`: eight GPUs that are asked first and heard then take the time of one."""
        self._quick = True
        if self._waiting:
            try:  # the late answer is to an old question: it only says that the sensor is back, and how quick it was
                self._quick = self._answers.get_nowait()[1] <= self._limit
            except Empty:
                return
        self._waiting, self._asked_at = True, time.perf_counter()
        self._questions.put(instant)

    def read(self, instant: Instant) -> float:
        if not self._asked_at:
            self.ask(instant)
        asked_at, self._asked_at = self._asked_at, 0.0
        if not asked_at:
            raise SensorError(self._late())
        left = self._limit - (time.perf_counter() - asked_at)
        try:
            # One that is always late would cost the training its limit at each reading: it is asked, not waited for.
            answer, _ = self._answers.get(timeout=max(left, 0.0) if self._quick else 0)
        except Empty:
            raise SensorError(self._late()) from None
        self._waiting = False
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)  # one that is raised again and again would grow by a frame each time
        return answer

    def _late(self) -> str:
        return f'It did not answer within {self._limit * 1000:.0f} ms.'

    def _answer(self) -> None:
        while True:
            instant = self._questions.get()
            begun = time.perf_counter()
            try:
                answer = self._sensor.read(instant)
            except Exception as error:
                answer = error
            self._answers.put((answer, time.perf_counter() - begun))
