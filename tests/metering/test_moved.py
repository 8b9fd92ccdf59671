"""What was moved elsewhere: bytes that were told, and nothing where nothing was."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError
from hefted.metering.meter import Meter
from hefted.metering.moved import Moved, MovedSensor
from hefted.metering.sensor import Instant

NOW = Instant(0.0)


def test_bytes_are_joules_by_the_published_factor_within_two_orders_of_magnitude() -> None:
    moved = Moved()
    moved.tell(network=10**9, storage=10**9)
    network, storage = moved.sensors
    assert (network.component, storage.component) == ('network', 'storage')
    assert network.read(NOW) == pytest.approx(0.004 * 3.6e6)
    assert storage.read(NOW) == pytest.approx(6.5 / 0.2 * 3, rel=0.01)
    assert (network.accuracy.low, network.accuracy.high) == pytest.approx((0.25, 15))
    for sensor in moved.sensors:
        assert sensor.accuracy.basis == 'assumed'
        assert sensor.accuracy.sources[0].year
        assert sensor.accuracy.high / sensor.accuracy.low >= 60


def test_where_nothing_was_told_there_is_no_sensor() -> None:
    moved = Moved()
    moved.tell()
    moved.tell(network=0)
    assert moved.sensors == ()
    moved.tell(storage=1)
    assert [sensor.name for sensor in moved.sensors] == ['moved:storage']


@given(st.lists(st.integers(0, 10**12), max_size=20))
def test_what_was_told_adds_up(counts: list[int]) -> None:
    moved = Moved()
    for count in counts:
        moved.tell(network=count)
    assert sum(sensor.moved_bytes for sensor in moved.sensors) == sum(counts)


def test_many_threads_lose_no_byte() -> None:
    moved = Moved()

    def tell() -> None:
        for _ in range(2_000):
            moved.tell(network=1, storage=2)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sensor.moved_bytes for sensor in moved.sensors] == [8_000, 16_000]


@pytest.mark.parametrize('wrong', [-1, float('nan'), float('inf')])
def test_bytes_that_cannot_be_are_refused_and_nothing_is_counted(wrong: float) -> None:
    moved = Moved()
    with pytest.raises(ArgumentError, match='storage: expected a number of bytes of 0 or more'):
        moved.tell(network=5, storage=wrong)  # type: ignore[arg-type]
    assert moved.sensors == ()


def test_a_meter_counts_from_the_first_byte_on_and_believes_a_lump() -> None:
    meter = Meter([])

    def add(sensor: MovedSensor) -> None:
        meter.add([sensor])
        meter.read()

    moved = Moved(add)
    moved.tell(network=10**12)  # a terabyte at once is 14 MJ, which no machine draws in an instant
    assert meter.read().joules == {'moved:network': pytest.approx(1000 * 14_400.0)}
    assert meter.gaps(0.0) == ()
    assert meter.accuracies['moved:network'][0] == 'network'
