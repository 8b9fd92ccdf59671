"""RAPL over constructed trees: wraps, resets, zones that vanish or may not be read."""

import os
import shlex
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.metering import rapl
from hefted.metering.sensor import Guard, Instant, SensorError

RANGE = 262_143_328_850


def zone(root, folder, name, microjoules):
    path = root / folder
    path.mkdir(parents=True)
    (path / 'name').write_text(f'{name}\n')
    (path / 'max_energy_range_uj').write_text(f'{RANGE}\n')
    (path / 'energy_uj').write_text(f'{microjoules}\n')
    return path / 'energy_uj'


def test_every_socket_and_its_memory_is_found_once_and_the_platform_is_not_added(tmp_path):
    for socket in (0, 1):
        zone(tmp_path, f'intel-rapl:{socket}', f'package-{socket}', 1)
        zone(tmp_path, f'intel-rapl:{socket}/intel-rapl:{socket}:0', 'core', 1)
        zone(tmp_path, f'intel-rapl:{socket}/intel-rapl:{socket}:1', 'dram', 1)
        # the kernel also links each part beside its package
        (tmp_path / f'intel-rapl:{socket}:1').symlink_to(tmp_path / f'intel-rapl:{socket}/intel-rapl:{socket}:1')
    zone(tmp_path, 'intel-rapl:2', 'psys', 1)
    zone(tmp_path, 'intel-rapl-mmio:0', 'package-0', 1)
    sensors, gaps = rapl.find(str(tmp_path))
    found = [(sensor.name, sensor.component) for sensor in sensors]
    assert found == [
        ('rapl:package-0', 'cpu'),
        ('rapl:package-1', 'cpu'),
        ('rapl:dram-0', 'dram'),
        ('rapl:dram-1', 'dram'),
    ]
    assert gaps == []
    assert all(sensor.accuracy.basis == 'measured' for sensor in sensors)


def test_a_machine_without_counters_has_none(tmp_path):
    assert rapl.find(str(tmp_path / 'powercap')) == ([], [])


def test_wraps_are_added_up(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', RANGE - 2_000_000)
    ((sensor,), _) = rapl.find(str(tmp_path))
    guard = Guard(sensor)
    guard.read(Instant(0.0))
    counter.write_text('3000000\n')
    assert guard.read(Instant(1.0)) == pytest.approx(5.0)
    counter.write_text(str(RANGE - 1))
    guard.read(Instant(60.0))
    counter.write_text('0\n')
    assert guard.read(Instant(61.0)) == pytest.approx((RANGE + 2_000_000) / 1e6)
    assert guard.gaps == []


def test_a_reset_is_a_gap_and_no_negative_energy(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', 50_000_000)
    ((sensor,), _) = rapl.find(str(tmp_path))
    guard = Guard(sensor)
    guard.read(Instant(0.0))
    counter.write_text('0\n')
    assert guard.read(Instant(1.0)) == 0.0
    assert 'went back' in guard.gaps[0].reason
    counter.write_text('7000000\n')
    assert guard.read(Instant(2.0)) == 7.0


def test_a_zone_that_vanishes_says_so(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', 1)
    ((sensor,), _) = rapl.find(str(tmp_path))
    counter.unlink()
    with pytest.raises(SensorError, match='gone'):
        sensor.read(Instant(0.0))


def test_junk_in_a_counter_is_an_error_of_the_sensor(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', 1)
    ((sensor,), _) = rapl.find(str(tmp_path))
    counter.write_text('not a number\n')
    with pytest.raises(SensorError, match='could not be read'):
        sensor.read(Instant(0.0))


@pytest.mark.skipif(not hasattr(os, 'geteuid'), reason='counters are Linux files')
def test_a_counter_of_roots_alone_is_a_gap_with_the_exact_remedy():
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    counter = zone(root, 'intel-rapl:0', 'package-0', 1)
    counter.chmod(0)
    with as_nobody():
        sensors, (gap,) = rapl.find(str(root))
    shutil.rmtree(root)
    assert sensors == []
    assert f'sudo chmod a+r {counter}' in gap.reason


@contextmanager
def as_nobody():
    """Root may read everything, so the tests of root are somebody else's for a moment."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_the_remedy_names_the_file_that_must_be_opened():
    assert rapl.remedy('/sys/class/powercap/intel-rapl:0').endswith(
        'sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj'
    )


def test_the_lasting_remedy_is_a_rule_that_udev_accepts():
    command = rapl.lasting_remedy()
    rule = shlex.split(command.partition(' | ')[0])[1]
    keys = [part.split('=')[0].rstrip('=+') for part in rule.split(', ')]
    assert keys == ['SUBSYSTEM', 'KERNEL', 'RUN']
    assert '/sys%p/energy_uj' in rule  # udev's %p is the device's path without /sys
    assert f'sudo tee {rapl.RULES}' in command


def test_every_die_of_a_package_is_counted(tmp_path):
    for number, (package, die) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        zone(tmp_path, f'intel-rapl:{number}', f'package-{package}-die-{die}', 1)
        zone(tmp_path, f'intel-rapl:{number}/intel-rapl:{number}:0', 'dram', 1)
    sensors, gaps = rapl.find(str(tmp_path))
    names = [sensor.name for sensor in sensors if sensor.component == 'cpu']
    assert names == [f'rapl:package-{package}-die-{die}' for package in (0, 1) for die in (0, 1)]
    assert len({sensor.name for sensor in sensors}) == 8
    assert gaps == []


def test_the_platforms_counter_is_told_and_never_counted(tmp_path):
    zone(tmp_path, 'intel-rapl:0', 'psys', 1)
    assert rapl.find(str(tmp_path)) == ([], [])
    assert rapl.platform_zone(str(tmp_path)) == f'{tmp_path}/intel-rapl:0'
    assert rapl.platform_zone(str(tmp_path / 'elsewhere')) is None


def test_zones_that_a_container_hides_are_one_gap_with_its_remedy(tmp_path):
    for name in ('intel-rapl:0', 'intel-rapl:0:0', 'intel-rapl:1'):
        (tmp_path / name).symlink_to('/nowhere/at/all')
    sensors, (gap,) = rapl.find(str(tmp_path))
    assert sensors == []
    assert 'systempaths=unconfined' in gap.reason


def test_a_counter_that_may_have_gone_round_twice_unseen_is_a_gap(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', 1_000_000)
    ((sensor,), _) = rapl.find(str(tmp_path))
    assert sensor.read_within == pytest.approx(262.1, abs=0.1)
    guard = Guard(sensor)
    guard.read(Instant(0.0))
    counter.write_text('90000000\n')
    assert guard.read(Instant(300.0)) == 0.0
    assert 'wrapped more than once' in guard.gaps[0].reason
    counter.write_text('95000000\n')
    assert guard.read(Instant(301.0)) == pytest.approx(5.0)
    assert guard.gaps[0].end == 301.0


def test_a_zone_that_comes_back_under_another_number_is_found_by_its_label(tmp_path):
    first = zone(tmp_path, 'intel-rapl:0', 'package-0', 5_000_000)
    zone(tmp_path, 'intel-rapl:1', 'package-1', 7_000_000)
    (sensor, _), _ = rapl.find(str(tmp_path))
    guard = Guard(sensor)
    guard.read(Instant(0.0))
    shutil.rmtree(first.parent)
    shutil.rmtree(tmp_path / 'intel-rapl:1')
    assert guard.read(Instant(1.0)) == 0.0
    zone(tmp_path, 'intel-rapl:0', 'package-1', 9_000_000)
    zone(tmp_path, 'intel-rapl:1', 'package-0', 6_000_000)
    assert guard.read(Instant(2.0)) == pytest.approx(1.0)
    assert guard.gaps[0].end == 2.0


def test_another_zone_in_the_place_of_one_that_went_is_not_taken_for_it(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', 5_000_000)
    ((sensor,), _) = rapl.find(str(tmp_path))
    shutil.rmtree(counter.parent)
    with pytest.raises(SensorError):
        sensor.read(Instant(0.0))
    zone(tmp_path, 'intel-rapl:0', 'psys', 6_000_000)
    with pytest.raises(SensorError, match='gone'):
        sensor.read(Instant(1.0))


def test_a_reset_near_the_counters_end_is_not_taken_for_a_wrap(tmp_path):
    counter = zone(tmp_path, 'intel-rapl:0', 'package-0', RANGE - 100_000_000_000)
    ((sensor,), _) = rapl.find(str(tmp_path))
    guard = Guard(sensor)
    guard.read(Instant(0.0))
    counter.write_text('5000000\n')  # as a wrap it would be 100 kJ in one second
    assert guard.read(Instant(1.0)) == 0.0
    assert 'went back' in guard.gaps[0].reason


@settings(max_examples=50)
@given(
    start=st.integers(0, 65_000_000_000),
    steps=st.lists(st.tuples(st.integers(1, 60), st.floats(0, 999)), max_size=40),
)
def test_energy_adds_up_over_any_number_of_wraps(start, steps):
    narrow = 65_532_610_987  # 2^32 units of 15.3 microjoules: on a busy server once round in 5 minutes
    with tempfile.TemporaryDirectory() as folder:
        counter = zone(Path(folder), 'intel-rapl:0', 'package-0', start)
        (counter.parent / 'max_energy_range_uj').write_text(str(narrow))
        ((sensor,), _) = rapl.find(folder)
        guard, now, used = Guard(sensor), 0.0, 0
        guard.read(Instant(now))
        for seconds, watts in steps:
            now, used = now + seconds, used + int(watts * seconds * 1e6)
            counter.write_text(str((start + used) % narrow))
            assert guard.read(Instant(now)) == pytest.approx(used / 1e6)
        assert [gap for gap in guard.gaps if 'stood still' not in gap.reason] == []
