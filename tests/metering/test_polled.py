"""A slow meter is asked in the background; what it tells is held until the next answer, and nothing is made up."""

import threading
import time
from contextlib import suppress

import pytest

from hefted.metering.polled import Polled
from hefted.metering.sensor import Guard, Instant, SensorError
from hefted.quantities import Quantity


class Plug:
    def __init__(self, answer=100.0, **named):
        self.now = 0.0
        self.answer = answer
        self.asked = 0
        self.sensor = Polled('plug', self.ask, accuracy=Quantity(1.0, '1'), clock=lambda: self.now, **named)

    def ask(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def poll(self, now, answer):
        self.now, self.answer = now, answer
        self.sensor.poll()

    def read(self, now):
        return self.sensor.read(Instant(now))


def test_a_power_is_held_from_one_answer_to_the_next():
    plug = Plug(period=1e9)
    plug.poll(0.0, 100.0)
    assert plug.read(1.0) == 100.0
    plug.poll(2.0, 50.0)
    assert plug.read(2.0) == 200.0
    assert plug.read(4.0) == 300.0


def test_a_counter_is_told_ahead_by_its_last_rate_for_one_period_and_never_back():
    plug = Plug(counter=True)
    plug.poll(0.0, 5000.0)
    assert plug.read(0.5) == 5000.0
    plug.poll(2.0, 5100.0)
    assert plug.read(2.5) == 5125.0
    assert plug.read(4.0) == 5150.0
    plug.poll(4.0, 5120.0)  # it worked less than it was told
    assert plug.read(4.5) == 5150.0
    plug.poll(6.0, 5200.0)
    assert plug.read(6.0) == 5200.0


def test_a_counter_that_is_reset_is_seen_to_go_back():
    plug = Plug(counter=True)
    plug.poll(0.0, 5000.0)
    plug.poll(1.0, 5100.0)
    assert plug.read(1.0) == 5100.0
    plug.poll(2.0, 3.0)
    assert plug.read(2.0) == 3.0


def test_a_silence_is_a_gap_and_no_energy_is_made_up_for_it():
    plug = Plug(period=1e9)
    plug.poll(0.0, 100.0)
    before = plug.read(1.0)
    with pytest.raises(SensorError, match='not answered for 9 s'):
        plug.read(9.0)
    plug.poll(1000.0, 100.0)
    assert plug.read(1000.0) == before
    assert plug.read(1001.0) == before + 100.0


def test_a_failure_is_told_and_what_was_used_up_to_it_is_kept():
    plug = Plug(period=1e9)
    guard = Guard(plug.sensor)
    plug.poll(0.0, 100.0)
    guard.read(Instant(0.0))
    guard.read(Instant(1.0))
    plug.poll(1.5, SensorError('It is away.'))
    assert guard.read(Instant(2.0)) == 100.0
    plug.poll(3.0, 100.0)
    assert guard.read(Instant(4.0)) == pytest.approx(250.0)  # 1.5 s before it failed, 1 s after it came back
    assert [gap.reason for gap in guard.gaps] == ['It is away.']


@pytest.mark.parametrize('answer', [float('nan'), -1.0, float('inf')])
def test_what_cannot_be_a_power_is_a_gap(answer):
    plug = Plug()
    plug.poll(0.0, answer)
    with pytest.raises(SensorError, match='cannot be'):
        plug.read(0.0)


def test_it_is_asked_once_a_period_and_only_while_it_is_read():
    for _ in range(3):  # a busy machine may stand still for most of it
        plug = Plug(period=0.05)
        plug.sensor._clock = time.monotonic
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with suppress(SensorError):
                plug.read(time.monotonic())
            time.sleep(0.005)
        asked = plug.asked
        time.sleep(0.2)
        if 3 <= asked <= 11 and plug.asked <= asked + 1:
            break
    assert 3 <= asked <= 11
    assert plug.asked <= asked + 1


def test_a_reading_never_waits_for_an_answer():
    for _ in range(3):  # a busy machine may stand still meanwhile
        free = threading.Event()
        sensor = Polled('slow', lambda free=free: float(free.wait(10)), accuracy=Quantity(1.0, '1'))
        begun = time.perf_counter()
        for _ in range(10):
            with pytest.raises(SensorError, match='not answered yet'):
                sensor.read(Instant(time.monotonic()))
        seconds = time.perf_counter() - begun
        free.set()
        if seconds < 0.1:
            break
    assert seconds < 0.1


def test_the_first_answer_is_waited_for_only_so_long():
    for _ in range(3):  # a busy machine may stand still meanwhile
        free = threading.Event()
        sensor = Polled('slow', lambda free=free: float(free.wait(10)), accuracy=Quantity(1.0, '1'))
        begun = time.perf_counter()
        sensor.begin(0.05)
        seconds = time.perf_counter() - begun
        free.set()
        if seconds < 0.5:
            break
    assert seconds < 0.5
    quick = Polled('quick', lambda: 5.0, accuracy=Quantity(1.0, '1'))
    quick.begin(5.0)
    assert quick.read(Instant(time.monotonic())) >= 0
