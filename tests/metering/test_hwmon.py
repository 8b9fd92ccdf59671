"""Hardware monitors over constructed trees: only drivers that are known by name are taken."""

import pytest

from hefted.metering import hwmon
from hefted.metering.sensor import Instant, SensorError


def monitor(root, number, driver, **files):
    folder = root / f'hwmon{number}'
    folder.mkdir()
    for name, text in {'name': driver, **files}.items():
        (folder / name).write_text(f'{text}\n')
    return folder


def amd_energy(root, **more):
    files = {f'energy{at}_label': f'Ecore{at:03}' for at in (1, 2)} | {'energy1_input': 7, 'energy2_input': 8}
    sockets = {'energy3_label': 'Esocket0', 'energy3_input': 5_000_000}
    return monitor(root, 0, 'amd_energy', **files, **sockets, **more)


def test_sockets_are_counted_and_their_cores_are_not(tmp_path):
    folder = amd_energy(tmp_path, energy4_label='Esocket1', energy4_input=6_000_000)
    sensors, gaps = hwmon.find_sockets(str(tmp_path))
    assert [(s.name, s.component, s.read(Instant(0.0))) for s in sensors] == [
        ('amd-energy:0', 'cpu', 5.0),
        ('amd-energy:1', 'cpu', 6.0),
    ]
    assert gaps == []
    (folder / 'energy3_input').unlink()
    with pytest.raises(SensorError, match='gone'):
        sensors[0].read(Instant(1.0))


def test_an_unknown_drivers_energy_is_not_taken(tmp_path):
    monitor(tmp_path, 0, 'ina3221', energy1_label='Esocket0', energy1_input=5, power1_average=3)
    assert hwmon.find_sockets(str(tmp_path)) == ([], [])
    assert hwmon.find_machine(str(tmp_path)) == ([], [])


def test_the_machines_own_meter_is_read_in_watts_with_the_accuracy_that_it_states(tmp_path):
    monitor(tmp_path, 0, 'coretemp')
    monitor(tmp_path, 1, 'power_meter', power1_average=250_000_000, power1_accuracy='95.0%')
    (sensor,), gaps = hwmon.find_machine(str(tmp_path))
    sensor.poll()
    now = hwmon.Instant(sensor._clock())
    assert sensor.read(now) < sensor.read(now._replace(monotonic=now.monotonic + 1))
    assert sensor.accuracy.high == pytest.approx(1.05)
    assert gaps == []


@pytest.mark.parametrize(
    ('stated', 'high'), [('', 1.1), ('100.0%', 1.02), ('80.0%', 1.2), ('junk', 1.1), ('0.0%', 1.1)]
)
def test_a_meter_that_states_no_accuracy_is_worth_ten_percent_and_none_is_perfect(tmp_path, stated, high):
    monitor(tmp_path, 0, 'power_meter', power1_average=1, power1_accuracy=stated)
    assert hwmon.find_machine(str(tmp_path))[0][0].accuracy.high == pytest.approx(high)


@pytest.mark.parametrize('parts', [['LNXCPU:00'], ['battery']])
def test_a_meter_of_parts_or_of_a_battery_is_not_taken_for_the_machine(tmp_path, parts):
    folder = monitor(tmp_path, 0, 'power_meter', power1_average=1)
    if parts == ['battery']:
        (folder / 'power1_is_battery').write_text('1\n')
    else:
        (folder / 'measures').mkdir()
        (folder / 'measures' / parts[0]).symlink_to('/nowhere')
    sensors, (gap,) = hwmon.find_machine(str(tmp_path))
    assert sensors == []
    assert 'not the whole machine' in gap.reason


def test_a_meter_of_the_system_bus_is_of_the_whole_machine(tmp_path):
    folder = monitor(tmp_path, 0, 'power_meter', power1_average=1)
    (folder / 'measures').mkdir()
    (folder / 'measures' / 'LNXSYBUS:00').symlink_to('/nowhere')
    assert len(hwmon.find_machine(str(tmp_path))[0]) == 1


def test_a_meter_that_cannot_be_read_is_a_gap(tmp_path):
    monitor(tmp_path, 0, 'power_meter', power1_average='not a number')
    sensors, (gap,) = hwmon.find_machine(str(tmp_path))
    assert sensors == []
    assert 'could not be read' in gap.reason
