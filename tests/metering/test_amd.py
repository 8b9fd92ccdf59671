"""AMD SMI through a library that answers as the Python package amdsmi 7.0 does; not tried on hardware here."""

import pytest

from hefted.metering import amd
from hefted.metering.sensor import Instant, SensorError


class AmdSmiException(Exception):
    pass


class AmdSmiLibraryException(AmdSmiException):
    err_info = 'AMDSMI_STATUS_NOT_SUPPORTED - Feature not supported'


class Library:
    """An MI300X with a counter, and a card that tells its power alone."""

    AmdSmiException = AmdSmiException

    def __init__(self):
        self.counter = 1_000_000
        self.watts = {'socket_power': 'N/A', 'current_socket_power': 'N/A', 'average_socket_power': 90}
        self.broken = False

    def fail(self):
        if self.broken:
            raise AmdSmiLibraryException

    def amdsmi_get_processor_handles(self):
        return [0, 1]

    def amdsmi_get_gpu_device_uuid(self, handle):
        return ('9cff74a1-0000-1000-80ff-a8f4d2b31c70', '1eff73bf-0000-1000-8067-2a9d2c1b5d11')[handle]

    def amdsmi_get_gpu_asic_info(self, handle):
        return {'market_name': ('AMD Instinct MI300X', 'N/A')[handle]}

    def amdsmi_get_energy_count(self, handle):
        self.fail()
        if handle == 1:
            raise AmdSmiLibraryException
        return {'energy_accumulator': self.counter, 'counter_resolution': 15.259, 'timestamp': 1}

    def amdsmi_get_power_info(self, handle):
        self.fail()
        return self.watts


def test_the_counter_is_told_in_microjoules_by_its_resolution():
    library = Library()
    (first, second), gaps = amd.find(library)
    assert first.read(Instant(0.0)) == pytest.approx(15.259)
    assert (first.device, second.device) == ('AMD Instinct MI300X', '')
    assert first.name == 'amd:9cff74a1-0000-1000-80ff-a8f4d2b31c70'
    assert gaps == []


def test_the_counters_older_name_is_known():
    library = Library()
    library.amdsmi_get_energy_count = lambda handle: {'power': 2_000_000, 'counter_resolution': 15.3}
    assert amd.find(library)[0][0].read(Instant(0.0)) == pytest.approx(30.6)


def test_power_is_integrated_where_there_is_no_counter():
    library = Library()
    _, second = amd.find(library, now=0.0)[0]
    library.watts = {'current_socket_power': 110, 'average_socket_power': 'N/A'}
    assert second.read(Instant(2.0)) == pytest.approx(200.0)


def test_nothing_is_made_up_while_a_card_says_nothing():
    library = Library()
    _, second = amd.find(library, now=0.0)[0]
    library.broken = True
    with pytest.raises(SensorError, match='Feature not supported'):
        second.read(Instant(1.0))
    library.broken = False
    assert second.read(Instant(2.0)) == 0.0
    assert second.read(Instant(3.0)) == pytest.approx(90.0)


def test_a_card_without_either_is_a_gap():
    library = Library()
    library.watts = dict.fromkeys(library.watts, 'N/A')
    sensors, (gap,) = amd.find(library)
    assert len(sensors) == 1
    assert 'not available' in gap.reason


def test_a_counter_that_stands_at_zero_is_none():
    library = Library()
    library.counter = 0
    assert [type(sensor) for sensor in amd.find(library)[0]] == [amd.AmdPower, amd.AmdPower]


@pytest.mark.parametrize(
    ('visible', 'count'), [(None, 2), ('', 0), ('1', 1), ('0,1', 2), ('GPU-80ffa8f4d2b31c70', 1), ('5', 0)]
)
def test_only_the_devices_that_rocm_would_see_are_read(visible, count):
    assert len(amd.find(Library(), visible=visible)[0]) == count


def test_where_its_library_is_missing_the_remedy_is_told(monkeypatch, capsys):
    monkeypatch.setenv('ROCM_HOME', '/nowhere')
    with pytest.raises(SensorError, match='amd-smi-lib'):
        amd.load()
    assert capsys.readouterr().out == ''
