"""A sensor that misbehaves is survived, and its gap says why."""

import math

import pytest

from hefted.metering.sensor import Guard, Instant, SensorError
from hefted.quantities import Quantity


class Scripted:
    """A sensor that answers as it is told: a number, or something to raise."""

    name = 'scripted'
    component = 'other'
    accuracy = Quantity(1.0, '1')

    def __init__(self, answers, counts_always=False):
        self.answers = list(answers)
        self.counts_always = counts_always

    def read(self, instant):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def read_all(guard, count, step=1.0):
    return [guard.read(Instant(10.0 + at * step)) for at in range(count)]


def test_joules_start_at_zero_whatever_the_counter_starts_from():
    assert read_all(Guard(Scripted([5000.0, 5010.0, 5030.0])), 3) == [0.0, 10.0, 30.0]


@pytest.mark.parametrize(
    ('bad', 'word'),
    [
        (SensorError('Its file has gone.'), 'gone'),
        (ZeroDivisionError('/secret/path'), 'ZeroDivisionError'),
        (math.nan, 'nan'),
        (math.inf, 'inf'),
        (-1.0, 'negative'),
    ],
)
def test_a_bad_reading_becomes_a_gap_with_its_reason_and_the_counter_catches_up(bad, word):
    guard = Guard(Scripted([100.0, 110.0, bad, 130.0]))
    assert read_all(guard, 4) == [0.0, 10.0, 10.0, 30.0]
    (gap,) = guard.gaps
    assert word in gap.reason
    assert '/secret' not in gap.reason
    assert (gap.start, gap.end) == (11.0, 13.0)


def test_a_counter_that_jumps_back_counts_on_and_never_falls():
    guard = Guard(Scripted([100.0, 150.0, 3.0, 13.0]))
    assert read_all(guard, 4) == [0.0, 50.0, 50.0, 60.0]
    assert 'went back' in guard.gaps[0].reason


def test_more_than_ten_kilowatts_is_not_believed():
    guard = Guard(Scripted([0.0, 50_000.0, 50_100.0]))
    assert read_all(guard, 3) == [0.0, 0.0, 100.0]
    assert '10 kW' in guard.gaps[0].reason


def test_a_counter_that_freezes_is_a_gap_until_it_moves():
    guard = Guard(Scripted([100.0] * 12 + [101.0], counts_always=True))
    read_all(guard, 12)
    assert 'stood still' in guard.gaps[0].reason
    assert guard.gaps[0].end is None
    guard.read(Instant(22.0))
    assert guard.gaps[0].end == 22.0


def test_an_idle_model_may_stand_still():
    guard = Guard(Scripted([0.0] * 60))
    read_all(guard, 60)
    assert guard.gaps == []


def test_a_sensor_that_flickers_for_days_does_not_fill_the_memory():
    guard = Guard(Scripted([1.0, SensorError('Away.')] * 5000))
    read_all(guard, 10_000)
    assert len(guard.gaps) <= 100
    assert guard.gaps[0].start == 10.0


def test_ctrl_c_passes_through():
    with pytest.raises(KeyboardInterrupt):
        Guard(Scripted([KeyboardInterrupt()])).read(Instant(0.0))
