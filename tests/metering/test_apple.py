"""Apple's counters through a monitor that answers as zeus-apple-silicon 1.1 does; not tried on hardware here."""

from types import SimpleNamespace

import pytest

from hefted.metering import apple
from hefted.metering.sensor import Instant, SensorError


class Monitor:
    """An M2; fields that a chip does not tell are None."""

    def __init__(self, **told):
        fields = {'cpu_total_mj': 1000, 'gpu_mj': 2000, 'gpu_sram_mj': 500, 'dram_mj': 300, 'ane_mj': 0}
        self.told = SimpleNamespace(**(fields | told))

    def get_cumulative_energy(self):
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def test_every_part_of_the_chip_is_read_in_joules_and_labelled_modelled():
    parts = apple.find(Monitor(), device='Apple M2')
    read = {part.component: part.read(Instant(0.0)) for part in parts}
    assert read == {'cpu': 1.0, 'gpu': 2.5, 'dram': 0.3, 'other': 0.0}
    assert {part.accuracy.basis for part in parts} == {'modelled'}
    assert {part.device for part in parts} == {'Apple M2'}


def test_what_an_older_chip_does_not_tell_is_absent():
    parts = apple.find(Monitor(dram_mj=None, gpu_sram_mj=None))
    assert [part.component for part in parts] == ['cpu', 'gpu', 'other']
    assert parts[1].read(Instant(0.0)) == 2.0


def test_what_the_system_refuses_later_is_an_error_of_the_sensor():
    monitor = Monitor()
    part = apple.find(monitor)[0]
    monitor.told = RuntimeError('channel was lost')
    with pytest.raises(SensorError, match='channel was lost'):
        part.read(Instant(0.0))


def test_the_remedy_is_told_where_the_package_is_missing():
    with pytest.raises(SensorError, match='pip install zeus-apple-silicon'):
        apple.load()
