"""A sensor that may hang is waited for only so long, and many of them no longer than one."""

import sys
import time

import pytest

from hefted.metering import Meter
from hefted.metering.bounded import Bounded
from hefted.metering.sensor import Guard, Instant, SensorError
from hefted.quantities import Quantity


class Slow:
    """A sensor that takes its time."""

    component, counts_always = 'gpu', False
    accuracy = Quantity(1.0, '1')

    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds

    def read(self, instant):
        time.sleep(self.seconds)
        return instant.monotonic


def took(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def test_sixteen_gpus_that_hang_at_once_are_waited_for_as_long_as_one():
    for _ in range(3):  # a busy machine may stand still meanwhile
        meter = Meter([])
        meter._counted.add([Bounded(Slow(f'gpu-{index}', 30.0), limit=0.5) for index in range(16)], {})
        first, again = took(meter.read), took(meter.read)
        if first < 2 and again < 0.2:
            break
    assert first < 2  # 0.5 s each would be 8 s
    assert again < 0.2
    assert meter.read().joules == {}  # missing, and not 0
    assert len([gap for gap in meter.gaps(0.0) if 'did not answer' in gap.reason]) == 16


def test_sixteen_gpus_that_take_100_ms_are_read_in_the_time_of_few():
    for _ in range(3):  # a busy machine may stand still meanwhile
        meter = Meter([Bounded(Slow(f'gpu-{index}', 0.1), limit=5.0) for index in range(16)])
        seconds = took(meter.read)
        if seconds < 0.8:
            break
    assert seconds < 0.8  # one after the other would be 1.6 s
    assert meter.gaps(0.0) == ()
    assert len(meter.read().joules) == 16


def test_one_that_is_back_is_waited_for_again():
    slow = Slow('gpu', 0.1)
    guard = Guard(Bounded(slow, limit=0.05))
    guard.read(Instant(1.0))
    slow.seconds = 0.0
    time.sleep(0.5)
    for now in (2.0, 3.0, 4.0):
        time.sleep(0.01)
        joules = guard.read(Instant(now))
    assert joules > 0
    assert guard.gaps[-1].end is not None


def test_an_error_that_is_raised_again_and_again_does_not_grow():
    class Lost(Slow):
        error = SensorError('It is lost.')

        def read(self, instant):
            raise self.error

    bounded = Bounded(Lost('gpu', 0.0), limit=2.0)
    for _ in range(50):
        with pytest.raises(SensorError):
            bounded.read(Instant(1.0))
    depth, frame = 0, Lost.error.__traceback__
    while frame is not None:
        depth, frame = depth + 1, frame.tb_next
    assert depth < 10
    assert sys.exc_info() == (None, None, None)
