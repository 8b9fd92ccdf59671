"""NVML through a library that answers as it does; not tried on hardware here."""

import pytest

from hefted.metering import nvml
from hefted.metering.sensor import Instant, SensorError


class NVMLError(Exception):
    pass


class Library:
    """Two GPUs: the first has an energy counter, the second power only."""

    NVMLError = NVMLError

    def __init__(self):
        self.millijoules = 5_000
        self.milliwatts = 100_000
        self.broken = False

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetUUID(self, handle):
        return ('GPU-aaaa-1', b'GPU-bbbb-2')[handle]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if handle == 1:
            raise NVMLError('Not Supported')
        return self.millijoules

    def nvmlDeviceGetPowerUsage(self, handle):
        if self.broken:
            raise NVMLError('GPU is lost')
        return self.milliwatts


def test_a_counter_is_read_in_joules_and_devices_are_named_by_uuid():
    library = Library()
    (first, second), gaps = nvml.find(library)
    assert (first.name, second.name, gaps) == ('nvml:GPU-aaaa-1', 'nvml:GPU-bbbb-2', [])
    library.millijoules = 7_500
    assert first.read(Instant(1.0)) == 7.5


def test_power_is_integrated_by_trapezoids_where_there_is_no_counter():
    library = Library()
    _, second = nvml.find(library, now=0.0)[0]
    library.milliwatts = 300_000
    assert second.read(Instant(2.0)) == pytest.approx((100 + 300) / 2 * 2)


def test_nothing_is_made_up_for_the_time_in_which_a_device_was_lost():
    library = Library()
    _, second = nvml.find(library, now=0.0)[0]
    library.broken = True
    with pytest.raises(SensorError, match='GPU is lost'):
        second.read(Instant(1.0))
    library.broken = False
    second.read(Instant(100.0))
    assert second.read(Instant(101.0)) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ('visible', 'names'),
    [
        (None, ['nvml:GPU-aaaa-1', 'nvml:GPU-bbbb-2']),
        ('1', ['nvml:GPU-bbbb-2']),
        ('GPU-aaaa', ['nvml:GPU-aaaa-1']),
        ('1,0', ['nvml:GPU-bbbb-2', 'nvml:GPU-aaaa-1']),
        ('', []),
        ('-1', []),
        ('0,7,1', ['nvml:GPU-aaaa-1']),
    ],
)
def test_only_the_devices_that_cuda_would_see_are_read(visible, names):
    sensors, _ = nvml.find(Library(), visible=visible)
    assert [sensor.name for sensor in sensors] == names


def test_a_device_that_says_nothing_is_a_gap():
    library = Library()
    library.broken = True
    sensors, (gap,) = nvml.find(library)
    assert len(sensors) == 1
    assert gap.sensor == 'nvml:GPU-bbbb-2'
    assert 'GPU is lost' in gap.reason
