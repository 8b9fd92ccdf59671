"""What reads a component comes before the model of it; what a user registers is counted, bounded and checked."""

import time
from pathlib import Path

import pytest

from hefted.errors import ArgumentError
from hefted.metering import Meter, discover, measured, register, unregister
from hefted.metering.discover import add_late
from hefted.quantities import Quantity, Source


class Lamp:
    counts_always = False
    accuracy = measured(Source('lamp', 'Its label'), 0.1)

    def __init__(self, name='lamp', component='other'):
        self.name, self.component = name, component
        self.joules = 0.0

    def read(self, instant):
        return self.joules


@pytest.fixture
def registered():
    """Registers a sensor, and takes it back after the test."""
    names = []

    def add(sensor, **named):
        register(sensor, **named)
        names.append(sensor.name)
        return sensor

    yield add
    for name in names:
        unregister(name)


@pytest.fixture
def nothing(tmp_path):
    """Folders without any counter."""
    return {'powercap': str(tmp_path / 'powercap'), 'sensors_folder': str(tmp_path / 'hwmon')}


def components(meter: Meter):
    """The components that are counted now, by sensor."""
    return {name: meter.accuracies[name][0] for name in meter.names}


def package(root: Path, microjoules=1):
    folder = root / 'intel-rapl:0'
    folder.mkdir(parents=True)
    for name, text in {'name': 'package-0', 'max_energy_range_uj': 2**38, 'energy_uj': microjoules}.items():
        (folder / name).write_text(f'{text}\n')


def driver(root: Path, name, **files):
    (root / 'hwmon0').mkdir(parents=True)
    for file, text in {'name': name, **files}.items():
        (root / 'hwmon0' / file).write_text(f'{text}\n')


def test_without_any_counter_cpu_and_memory_are_modelled(nothing):
    assert set(components(discover(**nothing)).values()) == {'cpu', 'dram'}


def test_packages_come_before_amds_sockets_and_those_before_the_model(tmp_path):
    driver(tmp_path / 'hwmon', 'amd_energy', energy1_label='Esocket0', energy1_input=1)
    folders = {'powercap': str(tmp_path / 'powercap'), 'sensors_folder': str(tmp_path / 'hwmon')}
    assert set(components(discover(**folders))) == {'amd-energy:0', 'dram-model'}
    package(tmp_path / 'powercap')
    assert set(components(discover(**folders))) == {'rapl:package-0', 'dram-model'}


def test_a_sensor_that_is_registered_is_counted_in_meters_that_are_and_that_will_be(nothing, registered):
    before = discover(**nothing)
    lamp = registered(Lamp())
    after = discover(**nothing)
    for meter in (before, after):
        meter.read()
    lamp.joules = 5.0
    assert [meter.read().joules['lamp'] for meter in (before, after)] == [5.0, 5.0]


def test_a_registered_sensor_of_the_cpu_stands_in_for_its_model(nothing, registered):
    meter = discover(**nothing)
    registered(Lamp('mine', 'cpu'))
    assert components(meter) == {'dram-model': 'dram', 'mine': 'cpu'}


def test_what_a_sensor_counted_stays_when_it_is_replaced_or_taken_back(nothing):
    meter = discover(**nothing)
    time.sleep(0.01)
    modelled = meter.read().joules['cpu-model:idle']
    assert modelled > 0
    lamp = Lamp('mine', 'cpu')
    register(lamp)
    meter.read()
    lamp.joules = 5.0
    assert meter.read().joules['mine'] == 5.0
    unregister('mine')
    lamp.joules = 50.0
    reading = meter.read()
    assert reading.joules['mine'] == 5.0
    assert modelled <= reading.joules['cpu-model:idle'] < 2 * modelled + 0.5  # not what passed while it was replaced
    assert set(reading.joules) <= set(meter.accuracies)
    assert set(components(meter).values()) == {'cpu', 'dram'}
    register(lamp)
    unregister('mine')
    assert meter.read().joules['mine'] == 5.0


def test_a_registered_sensor_of_the_cpu_stands_in_for_a_counter_too_until_it_is_taken_back(tmp_path):
    package(tmp_path / 'powercap')
    meter = discover(str(tmp_path / 'powercap'), str(tmp_path / 'hwmon'))
    one, two = Lamp('socket-0', 'cpu'), Lamp('socket-1', 'cpu')
    register(one)
    register(two)
    assert components(meter) == {'dram-model': 'dram', 'socket-0': 'cpu', 'socket-1': 'cpu'}
    assert set(components(discover(str(tmp_path / 'powercap'), str(tmp_path / 'hwmon')))) == set(meter.names)
    unregister('socket-0')
    assert set(components(meter)) == {'dram-model', 'socket-1'}
    unregister('socket-1')
    assert set(components(meter)) == {'dram-model', 'rapl:package-0'}


def supplied(root, meter):
    """What the model of the supply counts, when the processor takes 10 J."""
    before = meter.read().joules.get('unseen:supply', 0.0)
    counter = root / 'powercap' / 'intel-rapl:0' / 'energy_uj'
    counter.write_text(str(int(counter.read_text()) + 10_000_000))
    return meter.read().joules.get('unseen:supply', 0.0) - before


def test_what_reads_the_unseen_stands_in_for_its_model(tmp_path, registered):
    package(tmp_path / 'powercap')
    meter = discover(str(tmp_path / 'powercap'), str(tmp_path / 'hwmon'))
    assert supplied(tmp_path, meter) > 0
    registered(Lamp('fans', 'unseen'))
    assert supplied(tmp_path, meter) == 0


def test_when_the_meter_of_the_whole_machine_is_taken_back_the_model_counts_again(tmp_path):
    package(tmp_path / 'powercap')
    meter = discover(str(tmp_path / 'powercap'), str(tmp_path / 'hwmon'))
    register(Lamp('plug'), whole_machine=True)
    assert supplied(tmp_path, meter) == 0
    unregister('plug')
    assert supplied(tmp_path, meter) > 0


def test_counters_of_the_machine_are_divided_and_a_device_of_ones_own_is_not(tmp_path, registered):
    package(tmp_path / 'powercap')
    registered(Lamp('memory', 'dram'))
    registered(Lamp('lamp'))
    meter = discover(str(tmp_path / 'powercap'), str(tmp_path / 'hwmon'))
    assert meter.names == ['lamp', 'rapl:package-0', 'memory']
    shares = {name for name in meter.read().joules if name.endswith(':share')}
    assert shares == {'rapl:package-0:share', 'memory:share'}


def test_a_registered_meter_of_the_whole_machine_is_the_unseen(nothing, registered):
    registered(Lamp('plug'), whole_machine=True)
    assert components(discover(**nothing))['plug'] == 'unseen'


def test_a_registered_sensor_that_hangs_is_a_gap(nothing, registered):
    lamp = Lamp()
    lamp.read = lambda instant: time.sleep(0.3) or 1.0
    registered(lamp)
    for _ in range(3):  # a busy machine may stand still meanwhile
        meter = discover(**nothing)
        begun = time.perf_counter()
        meter.read()
        seconds = time.perf_counter() - begun
        if seconds < 0.25:
            break
    assert seconds < 0.25
    assert any(gap.sensor == 'lamp' and 'did not answer' in gap.reason for gap in meter.gaps(0.0))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'component': 'gpus'}, "Did you mean 'gpu'"),
        ({'accuracy': 0.95}, 'measured'),
        ({'accuracy': Quantity(1.0, 'J')}, "unit '1'"),
        ({'counts_always': None}, 'counts_always'),
        ({'read': None}, 'read'),
        ({'name': ''}, 'sensor.name'),
    ],
)
def test_what_is_no_sensor_is_refused_with_what_it_lacks(change, words):
    lamp = Lamp()
    for name, value in change.items():
        setattr(lamp, name, value)
    with pytest.raises(ArgumentError, match=words):
        register(lamp)


def test_two_sensors_have_two_names(registered):
    registered(Lamp())
    with pytest.raises(ArgumentError, match='no other sensor has'):
        register(Lamp())


def test_a_name_that_is_not_registered_cannot_be_taken_back(registered):
    registered(Lamp())
    with pytest.raises(ArgumentError, match="Did you mean 'lamp'"):
        unregister('lamb')


def test_the_setting_gives_a_meter_of_the_whole_machine(nothing, tmp_path, monkeypatch):
    (tmp_path / 'watts').write_text('60')
    monkeypatch.setenv('HEFTED_WATTMETER', str(tmp_path / 'watts'))
    meter = discover(**nothing)
    add_late(meter, nothing['sensors_folder'])
    assert components(meter)['wattmeter'] == 'unseen'
    assert not [gap for gap in meter.gaps(0.0) if gap.sensor == 'wattmeter']


def test_a_setting_that_is_wrong_is_a_gap_and_stops_nothing(nothing, monkeypatch):
    monkeypatch.setenv('HEFTED_WATTMETER', 'somewhere')
    meter = discover(**nothing)
    add_late(meter, nothing['sensors_folder'])
    (gap,) = [gap for gap in meter.gaps(0.0) if gap.sensor == 'wattmeter']
    assert gap.reason.startswith('HEFTED_WATTMETER: expected')
    assert meter.read().joules


def test_the_machines_own_meter_counts_where_the_processor_is_measured(tmp_path):
    driver(tmp_path / 'hwmon', 'power_meter', power1_average=90_000_000)
    folders = {'powercap': str(tmp_path / 'powercap'), 'sensors_folder': str(tmp_path / 'hwmon')}
    modelled = discover(**folders)
    add_late(modelled, folders['sensors_folder'])
    assert 'acpi-power-meter' not in components(modelled)
    package(tmp_path / 'powercap')
    read = discover(**folders)
    add_late(read, folders['sensors_folder'])
    assert components(read)['acpi-power-meter'] == 'unseen'
