"""Runs: phases, ticks, the journal, and what happens when things go wrong."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hefted import host, runs
from hefted.errors import ArgumentError
from hefted.ledger import journal
from hefted.ledger.lines import read
from hefted.metering import Meter
from hefted.quantities import Error, Quantity, Source

SRC = str(Path(runs.__file__).parents[1])


class Watts:
    """Ten watts by a clock that the test moves."""

    name = 'ten-watts'
    component = 'gpu'
    counts_always = False
    accuracy = Quantity(1.0, '1', 'measured', (Error('meter', -0.1, 0.1),), (Source('meter', 'A meter', 2020),))

    def read(self, instant):
        return 10.0 * instant.monotonic


class Faulty(Watts):
    name = 'faulty'

    def __init__(self):
        self.broken = False

    def read(self, instant):
        if self.broken:
            raise RuntimeError('bang')
        return super().read(instant)


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    for name in ('HEFTED_METER', 'HEFTED_PLACE'):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Clock:
    """A clock that stands still until it is moved; `host.monotonic`'s own time, so that ticks agree."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def metered(*sensors):
    clock = Clock()
    return clock, Meter(sensors or [Watts()], clock=clock, boot=lambda: None)


def lines_of(run, folder):
    run._journal.flush(5.0)
    return read(folder / 'runs' / f'{run.id}.jsonl')


@pytest.fixture(scope='module', autouse=True)
def start_up_is_taken(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # the session's folder is the next tests' again
        patch.setenv('HEFTED_DATA_DIR', str(tmp_path_factory.mktemp('first')))
        runs.start('fit', name='first').finish()


def test_phases_get_what_was_used_between_their_edges():
    clock, meter = metered()
    run = runs.start('fit', name='m', meter=meter)
    run.enter('compile')
    clock.now += 2
    run.enter('train')
    clock.now += 3
    run.enter('validate')
    clock.now += 1
    run.enter('train')
    clock.now += 4
    footprint = run.finish()
    assert {name: share.seconds for name, share in footprint.phases.items()} == {
        'compile': 2.0,
        'train': 7.0,
        'validate': 1.0,
    }
    assert footprint.phases['train'].energy.value == pytest.approx(70.0)
    assert footprint.energy.value == pytest.approx(100.0)
    assert (footprint.energy.low, footprint.energy.high) == pytest.approx((90.0, 110.0))
    assert footprint.duration.value == 10.0
    assert footprint.components.keys() == {'gpu'}
    assert footprint.carbon.unit == 'g CO2e'
    assert run.footprint is footprint
    assert run.finish('failed') is footprint


def test_a_footprint_is_the_same_when_rebuilt_from_its_journal(data_folder):
    clock, meter = metered()
    run = runs.start('fit', name='m', meter=meter, place='FR')
    run.enter('compile')
    clock.now += 2
    run.enter('train')
    clock.now += 3
    told = run.finish()
    again = runs.rebuild(lines_of(run, data_folder))
    assert again == told
    assert again.place.code == 'FR'


def test_phases_of_milliseconds_cost_no_reading_each_and_add_up_to_the_run(data_folder):
    clock, meter = metered()
    readings = []
    read, meter.read = meter.read, lambda: readings.append(clock.now) or read()
    run = runs.start('fit', name='m', meter=meter)
    run.enter('train')
    for _ in range(100):
        clock.now += 0.002
        run.enter('validate')
        clock.now += 0.001
        run.enter('train')
    told = run.finish()
    assert 25 < len(readings) < 35
    assert told.phases['train'].seconds == pytest.approx(0.2)
    assert told.phases['validate'].seconds == pytest.approx(0.1)
    assert told.phases['train'].energy.value == pytest.approx(2.0)
    assert told.energy.value == pytest.approx(3.0)
    assert runs.rebuild(lines_of(run, data_folder)) == told


def test_runs_at_once_in_threads_have_even_parts_and_journals_that_say_so(data_folder):
    clock, meter = metered()
    one = runs.start('fit', name='one', meter=meter)
    clock.now += 2  # alone: 20 J
    made = []
    thread = threading.Thread(target=lambda: made.append(runs.start('fit', name='two', meter=meter)))
    thread.start()
    thread.join()
    (two,) = made
    assert two.parent == one.parent
    clock.now += 4  # 40 J for both
    tick = one.tick(1)
    second = two.finish()
    clock.now += 1  # alone again: 10 J
    first = one.finish()
    assert first.energy.value == pytest.approx(20 + 20 + 10)
    assert second.energy.value == pytest.approx(20)
    assert first.duration.value == pytest.approx(7)
    assert second.duration.value == pytest.approx(4)
    assert tick.energy in (None, pytest.approx(40))
    for run, told in ((one, first), (two, second)):
        again = runs.rebuild(lines_of(run, data_folder))
        assert again.energy.value == pytest.approx(told.energy.value)
        assert again.duration == told.duration


def test_runs_inside_a_meter_divide_what_is_its_own():
    clock, meter = metered()
    outer = runs.start('meter', name='outer', meter=meter)
    made, begun = [], threading.Barrier(3)

    def fit():
        made.append(runs.start('fit', name='inner', meter=meter))
        begun.wait(10)  # a thread's number is given to another when it has ended

    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    clock.now += 6
    one, two = (run.finish().energy.value for run in made)
    assert one == two == pytest.approx(30)
    assert outer.finish().energy.value == pytest.approx(60)


def test_a_run_that_is_alone_or_inside_another_costs_no_reading_more():
    clock, meter = metered()
    readings = []
    read, meter.read = meter.read, lambda: readings.append(clock.now) or read()
    outer = runs.start('meter', name='outer', meter=meter)
    inner = runs.start('fit', name='inner', meter=meter)
    clock.now += 1
    assert inner.finish().energy.value == outer.finish().energy.value == pytest.approx(10)
    assert len(readings) == 4


def test_a_journal_that_breaks_off_tells_what_was_used_up_to_there(data_folder):
    clock, meter = metered()
    run = runs.start('fit', name='m', meter=meter)
    run.enter('train')
    clock.now += 5
    run.enter('validate')
    clock.now += 5
    run.finish()
    lines = lines_of(run, data_folder)
    assert runs.rebuild(lines[:-1]).energy.value == pytest.approx(50.0)
    assert runs.rebuild(lines[:1]).energy is None or runs.rebuild(lines[:1]).energy.value == 0
    with pytest.raises(ValueError, match='header'):
        runs.rebuild([])


def test_a_journal_names_no_host_user_argument_or_path(data_folder):
    with runs.meter('m') as run:
        pass
    text = json.dumps(lines_of(run, data_folder)[:1])
    # As whole strings: a short host's name, or the '-c' that a test's process may be called by, is a part of many ids.
    for secret in (os.uname().nodename, sys.argv[0]):
        assert f'"{secret}"' not in text
    for secret in (str(data_folder), str(Path.cwd()), 'argv'):
        assert secret not in text
    (header, *_) = lines_of(run, data_folder)
    assert header['schema'] == 1
    assert {'run', 'parent', 'attempt', 'kind', 'name', 'started', 'versions', 'place', 'sensors'} <= set(header)
    sensor = next(iter(header['sensors'].values()))
    assert sensor['accuracy']['sources'][0]['title']


def test_ticks_have_figures_and_read_the_sensors_at_most_ten_times_a_second():
    run = runs.start('fit', name='m')
    first = run.tick(1, 0, {'loss': 1.0})
    assert first[:3] == (1, 0, {'loss': 1.0})
    time.sleep(0.11)
    second = run.tick(2, 0)
    third = run.tick(3, 0)
    assert second.energy > 0
    assert second.power > 0
    assert second.carbon > run.so_far().operational.value * second.energy / run.so_far().energy.value  # hardware too
    assert second.carbon <= run.so_far().carbon.value
    assert second[3:6] == third[3:6]
    seconds = []
    for step in range(2000):
        begun = time.perf_counter()
        run.tick(step)
        seconds.append(time.perf_counter() - begun)
    run.finish()
    assert statistics.median(seconds) < 30e-6


def test_a_sensor_that_dies_is_a_gap_and_the_run_goes_on():
    faulty = Faulty()
    clock, meter = metered(faulty, Watts())
    run = runs.start('fit', name='m', meter=meter)
    run.enter('train')
    faulty.broken = True
    clock.now += 5
    footprint = run.finish()
    assert footprint.energy.value == pytest.approx(50.0)  # the other's
    (gap,) = footprint.gaps
    assert (gap.sensor, gap.end) == ('faulty', None)
    assert 'RuntimeError' in gap.reason


def test_without_any_sensor_energy_is_unknown_and_not_zero():
    clock, meter = metered()
    meter = Meter([], clock=clock, boot=lambda: None)
    run = runs.start('fit', name='m', meter=meter)
    clock.now += 1
    footprint = run.finish()
    assert footprint.energy is None
    assert footprint.operational is None
    assert footprint.carbon == footprint.embodied  # the machine was taken for a second, whatever it drew
    assert run.tick(1).energy is None


@pytest.mark.parametrize('how', ['argument', 'environment'])
def test_a_meter_that_is_off_does_nothing(how, monkeypatch, data_folder):
    if how == 'environment':
        monkeypatch.setenv('HEFTED_METER', 'off')
        run = runs.start('fit', name='m')
    else:
        run = runs.start('fit', name='m', meter=None)
    run.enter('train')
    assert isinstance(run, runs.NullRun)
    assert run.tick(3, 1, {'loss': 2.0}) == runs.Tick(3, 1, {'loss': 2.0})
    assert run.finish() is None
    assert (run.footprint, run.journal_failure) == (None, None)
    assert not (data_folder / 'runs').exists()


def test_the_environment_may_insist_on_metering(monkeypatch):
    monkeypatch.setenv('HEFTED_METER', 'on')
    run = runs.start('fit', name='m', meter=None)
    assert run.finish().energy is not None


def test_a_wrong_meter_or_place_is_said_before_anything_is_done():
    with pytest.raises(ArgumentError, match="meter: expected 'auto', None or a Meter, received 'always'"):
        runs.start('fit', name='m', meter='always')
    with pytest.raises(ArgumentError, match='place'):
        runs.start('fit', name='m', place='Atlantis')


def test_a_folder_that_cannot_be_written_is_told_and_harms_nothing(monkeypatch, data_folder):
    (data_folder / 'file').write_text('')
    monkeypatch.setenv('HEFTED_DATA_DIR', str(data_folder / 'file'))
    run = runs.start('fit', name='m')
    run._journal.flush(5.0)
    assert run.finish().energy is not None
    assert run.journal_failure


def test_runs_of_a_process_have_one_parent_and_a_total(data_folder):
    before = runs.process()
    clock, meter = metered()
    children = []
    for _ in range(3):
        run = runs.start('fit', name='m', meter=meter)
        clock.now += 1
        run.finish()
        children.append(run)
    after = runs.process()
    assert after.ended == before.ended + 3
    assert after.energy.value - before.energy.value == pytest.approx(30.0)
    assert {lines_of(run, data_folder)[0]['parent'] for run in children} == {after.run}


def test_runs_inside_a_meter_are_its_parts_and_counted_once(data_folder):
    before = runs.process().ended
    with runs.meter('sweep') as sweep, runs.meter('inner') as inner:
        fit = runs.start('fit', name='m')
        fit.finish()
    assert lines_of(fit, data_folder)[0]['parent'] == inner.id
    assert lines_of(inner, data_folder)[0]['parent'] == sweep.id
    assert runs.process().ended == before + 1
    assert sweep.footprint.phases.keys() == {'run'}


def test_what_is_raised_inside_a_meter_passes_through_and_is_kept(data_folder):
    with pytest.raises(ZeroDivisionError), runs.meter('m') as run:
        raise ZeroDivisionError('/home/somebody')
    end = lines_of(run, data_folder)[-1]
    assert (end['status'], end['error']) == ('failed', 'ZeroDivisionError')
    assert run.footprint.energy is not None
    with pytest.raises(KeyboardInterrupt), runs.meter('m') as run:
        raise KeyboardInterrupt
    assert lines_of(run, data_folder)[-1]['status'] == 'stopped'


def script(code, folder, **more):
    environ = {**os.environ, 'PYTHONPATH': SRC, 'HEFTED_DATA_DIR': str(folder), **more}
    return subprocess.Popen([sys.executable, '-c', code], env=environ, stdout=subprocess.PIPE, text=True)


def test_start_up_belongs_to_the_first_run_alone(data_folder):
    code = """
import time; time.sleep(0.3)
from hefted import runs
one = runs.start('fit', name='a'); one.enter('train'); one = one.finish()
two = runs.start('fit', name='b'); two.enter('train'); two = two.finish()
print(one.phases['start-up'].seconds, one.phases['start-up'].energy.value > 0, 'start-up' in two.phases)
print(abs(one.duration.value - sum(p.seconds for p in one.phases.values())) < 1e-9)
"""
    seconds, energy, again, whole = script(code, data_folder).communicate()[0].split()
    assert 0.3 < float(seconds) < 20
    assert (energy, again, whole) == ('True', 'False', 'True')


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='there is no SIGKILL here')
def test_a_killed_run_shows_what_it_used(data_folder):
    code = """
from hefted import runs
run = runs.start('fit', name='a'); run.enter('train'); print('go', flush=True)
while True: pass
"""
    for seconds in (2.5, 5.0, 10.0):  # a busy machine may stand still just as it is killed
        folder = data_folder / str(seconds)
        with script(code, folder) as process:
            process.stdout.readline()
            time.sleep(seconds)
            process.kill()
        phases = [runs.rebuild(read(path)).phases for path in folder.glob('runs/*.jsonl')]
        train = phases[0].get('train') if phases else None
        if train is not None and train.seconds > seconds - 1.5:
            break
    assert len(phases) == 1
    assert train is not None
    assert train.seconds > seconds - 1.5  # at most the last second and a bit is lost
    assert train.energy.value > 0


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
def test_a_forks_child_is_its_parents_to_count_while_a_run_is_open(data_folder):
    code = """
import os, warnings; warnings.simplefilter('ignore')
from hefted import runs
run = runs.start('fit', name='a')
child = os.fork()
if child == 0:
    ok = isinstance(runs.start('fit', name='b'), runs.NullRun)
    run.tick(1); run.enter('train')
    os._exit(0 if ok else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])); run.finish()
child = os.fork()
if child == 0:
    run = runs.start('fit', name='b'); ok = isinstance(run, runs.Run); run.finish(); run._journal.flush(5)
    os._exit(0 if ok else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert script(code, data_folder).communicate(timeout=60)[0].split() == ['0', '0']
    assert len(list((data_folder / 'runs').iterdir())) == 2


def test_neither_jax_nor_what_is_slow_is_imported(data_folder):
    code = """
import sys
from hefted import runs
runs.start('fit', name='a').finish()
print([name for name in ('jax', 'numpy', 'psutil', 'pynvml', 'platformdirs', 'sqlite3', 'rich') if name in sys.modules])
"""
    assert script(code, data_folder).communicate()[0].strip() == '[]'


def test_a_run_in_a_handler_of_a_signal_does_not_deadlock():
    run = runs.start('fit', name='m')
    with run.meter._lock:
        begun = time.perf_counter()
        assert run.finish().duration.value >= 0
    assert time.perf_counter() - begun < 1.0


def test_metering_costs_little_and_knows_it():
    runs.start('fit', name='m').finish()
    starts = []
    for _ in range(20):
        begun = time.perf_counter()
        run = runs.start('fit', name='m')
        run.finish()
        starts.append(time.perf_counter() - begun)
    assert statistics.median(starts) < 5e-3  # 0.3 ms on an idle machine
    assert 0 < run.meter_cost < 0.1


def test_threads_end_when_no_run_is_open():
    run = runs.start('fit', name='m')
    assert any(thread.name == 'hefted-meter' for thread in threading.enumerate())
    run.finish()
    for _ in range(300):
        if not any(thread.name == 'hefted-meter' for thread in threading.enumerate()):
            break
        time.sleep(0.01)
    assert not any(thread.name == 'hefted-meter' for thread in threading.enumerate())


def test_ids_sort_by_time_and_are_of_version_seven():
    from hefted.identifiers import uuid7

    ids = []
    for _ in range(5):
        ids.append(uuid7())
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert len(set(ids)) == 5
    assert all(len(made) == 36 and made[14] == '7' and made[19] in '89ab' for made in ids)


@pytest.mark.skipif(not host.LINUX, reason='the figure is for Linux')
def test_thirty_ticks_a_second_cost_under_half_a_percent():
    # What journals of other tests still have to write is no cost of this one, nor is what a busy machine does once.
    shares = []
    for _ in range(4):
        journal.settle(5.0)
        run = runs.start('fit', name='m')
        before, begun = run.meter_cost, time.perf_counter()
        for step in range(30):
            run.tick(step, 0, {'loss': 1.0})
            time.sleep(1 / 30)
        shares.append((run.meter_cost - before) / (time.perf_counter() - begun))
        run.finish()
        if shares[-1] < 0.02:
            break
    assert min(shares) < 0.02  # 0.2 % on an idle machine


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(ArgumentError, match='name: expected a text, received 3'), runs.meter(3):
        pass


def test_ticks_tell_what_training_makes_of_energy_and_devices(data_folder):
    from hefted.forecast.effort import Effort
    from hefted.forecast.plan import Plan

    clock, meter = metered()
    run = runs.start('fit', name='fit', meter=meter)
    run.tell(plan=Plan(batch_size=8, tokens_per_row=100, products_per_step=1e12, peak_flops=4e13))
    run.enter('train')
    for step in (10, 30):
        time.sleep(0.11)  # a tick reads at most so often
        clock.now += 1.0
        tick = run.tick(step)
    run.finish()
    assert tick.effort is not None
    assert tick.effort.utilisation == pytest.approx(20 * 1e12 / 4e13)
    assert tick.effort.per_joule == pytest.approx(20 * 800 / 10.0)
    assert tick.effort == Effort(tick.effort.utilisation, tick.effort.per_joule, 'tokens', 'MFU')


@pytest.mark.parametrize('plan', ['a plan of my own', {'steps': 5}, None])
def test_what_a_program_calls_a_plan_disturbs_no_tick(data_folder, plan):
    clock, meter = metered()
    run = runs.start('fit', name='fit', meter=meter)
    run.tell(plan=plan)
    run.enter('train')
    for step in (10, 30):
        time.sleep(0.11)
        clock.now += 1.0
        assert run.tick(step).effort is None
    assert run.finish().energy is not None
