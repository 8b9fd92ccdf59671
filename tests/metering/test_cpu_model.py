"""The CPU's model: microarchitectures, watts, and the load curve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.metering.cpu_model import CpuModel, load_curve, watts_for
from hefted.metering.dram_model import DramModel
from hefted.metering.sensor import Guard, Instant
from hefted.metering.tables import rows
from hefted.processor import CpuIdentity
from hefted.quantities import Quantity, total

TURIN = CpuIdentity('AuthenticAMD', 26, 2, 1)
EMERALD_RAPIDS = CpuIdentity('GenuineIntel', 6, 207, 2)
CLEAN = {'Apache-2.0', 'BSD-2-Clause', 'fact'}


def energy(model, seconds, cpu_seconds):
    used = model.between(seconds, cpu_seconds)
    parts = []
    for sensor in model.sensors:
        value = Quantity(used[sensor.name], 'J')
        parts.append((value * sensor.accuracy).to('J'))
    return total(parts)


def test_two_threads_of_turin_draw_about_0_7_w_idle_and_4_w_busy():
    model = CpuModel(watts_for(TURIN), threads=2)
    assert energy(model, 1.0, 0.0).value == pytest.approx(0.68)
    assert energy(model, 1.0, 2.0).value == pytest.approx(3.86)
    assert energy(model, 1.0, 2.0).basis == 'modelled'


def test_the_well_known_wrong_coefficient_is_not_in_the_table():
    for identity in (TURIN, CpuIdentity('AuthenticAMD', 26, 17, 0)):
        assert watts_for(identity).idle[0] < 0.5
        assert watts_for(identity).full[0] < 2.5


def test_vector_heavy_work_is_inside_the_interval():
    busy = energy(CpuModel(watts_for(TURIN), threads=2), 1.0, 2.0)
    assert busy.high > 1.5 * busy.value
    assert busy.low > 0.6 * busy.value


def test_full_load_owes_nothing_to_the_load_curve_and_half_load_does():
    model = CpuModel(watts_for(EMERALD_RAPIDS), threads=2)
    assert model.between(1.0, 2.0)['cpu-model:curve'] == pytest.approx(0.0)
    assert model.between(1.0, 1.0)['cpu-model:curve'] > 0


@pytest.mark.parametrize(('stepping', 'name'), [(4, 'Skylake (server)'), (7, 'Cascade Lake'), (11, 'Cooper Lake')])
def test_a_stepping_tells_skylake_from_its_successors(stepping, name):
    assert watts_for(CpuIdentity('GenuineIntel', 6, 85, stepping)).microarchitecture == name


def test_an_unknown_processor_has_the_spread_of_all_and_is_assumed():
    watts = watts_for(CpuIdentity('Somebody', 99, 1, 1))
    assert watts.basis == 'assumed'
    for known in (TURIN, EMERALD_RAPIDS):
        assert watts.full[1] <= watts_for(known).full[0] <= watts.full[2]


def test_every_row_is_ordered_and_every_processor_has_its_watts():
    groups = {row['microarchitecture'] for row in rows('cpu_watts')}
    for row in rows('cpu_watts'):
        for kind in ('idle', 'full'):
            value = row[f'{kind}_w_per_thread']
            assert float(row[f'{kind}_low']) <= float(value) <= float(row[f'{kind}_high']), row
        assert float(row['idle_w_per_thread']) < float(row['full_low'])
    assert {row['watts'] for row in rows('cpuid')} <= groups


@pytest.mark.parametrize('table', ['cpu_watts', 'cpuid', 'dram_watts'])
def test_every_row_names_its_source_year_and_a_clean_licence(table):
    for row in rows(table):
        assert row['source']
        assert 2000 < int(row['year']) < 2100
        assert row['licence'] in CLEAN


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_load_curve_rises_is_concave_and_lies_above_the_straight_line(one, two):
    low, high = sorted((one, two))
    assert load_curve(low) <= load_curve(high) + 1e-12
    assert load_curve((low + high) / 2) >= (load_curve(low) + load_curve(high)) / 2 - 1e-12
    assert load_curve(one) >= one - 1e-12


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e5)), min_size=1, max_size=20))
def test_joules_never_fall_whatever_the_clocks_say(steps):
    model = CpuModel(watts_for(TURIN), threads=2)
    guards = [Guard(sensor) for sensor in model.sensors]
    now = cpu = last = 0.0
    for seconds, busy in steps:
        now, cpu = now + seconds, cpu + busy
        joules = sum(guard.read(Instant(now, cpu)) for guard in guards)
        assert joules >= last
        last = joules


def test_ten_thousand_readings_say_the_same_as_one():
    often, once = (CpuModel(watts_for(TURIN), threads=2) for _ in range(2))
    for at in range(10_001):
        for sensor in often.sensors:
            sensor.read(Instant(at / 100, at / 100))
    for instant in (Instant(0.0, 0.0), Instant(100.0, 100.0)):
        for sensor in once.sensors:
            sensor.read(instant)
    assert sum(often.joules.values()) == pytest.approx(sum(once.joules.values()))


def test_memory_is_integrated_over_what_is_resident():
    model = DramModel()
    model.read(Instant(0.0, resident_bytes=0))
    assert model.read(Instant(10.0, resident_bytes=2 * 10**9)) == pytest.approx(3.92)
    assert model.accuracy.low < 0.5 < 2.5 < model.accuracy.high


def test_a_limit_that_is_raised_while_it_counts_moves_no_energy_to_what_comes_after():
    given = 1.0
    model = CpuModel(watts_for(CpuIdentity('AuthenticAMD', 26, 2, 1)), given, lambda: given)
    meter_reads = lambda now, worked: [sensor.read(Instant(now, worked)) for sensor in model.sensors]  # noqa: E731
    meter_reads(0.0, 0.0)
    given = 8.0
    model.look()
    _, load, _ = meter_reads(10.0, 80.0)
    assert load == pytest.approx(80.0 * (model.watts.full[0] - model.watts.idle[0]))
    assert meter_reads(80.0, 80.0)[1] == load
