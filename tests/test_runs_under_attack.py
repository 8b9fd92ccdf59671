"""Runs when threads, calls and kills come at the worst moment: nothing is lost, counted twice, or told wrongly."""

import itertools
import sys
import threading
import time
from pathlib import Path

import pytest

from hefted import runs
from hefted.footprint.account import rebuild
from hefted.ledger.lines import read
from hefted.metering import Meter
from hefted.metering.reading import RawReading
from hefted.quantities import Error, Quantity, Source
from hefted.run import Run
from hefted.run_process import Process


class Watts:
    """Ten watts by a clock that the test moves, and two while nobody works."""

    name, component, counts_always = 'watts', 'gpu', False
    accuracy = Quantity(1.0, '1', 'measured', (Error('meter', -0.1, 0.1),), (Source('meter', 'A meter', 2020),))
    joules = 0.0

    def read(self, instant):
        return self.joules


class Bench:
    def __init__(self):
        self.now, self.watts = 1000.0, Watts()
        self.lock = threading.Lock()
        ticks = itertools.count()  # no two readings are at the same instant
        self.meter = Meter([self.watts], clock=lambda: self.now + 1e-9 * next(ticks), boot=lambda: None)

    def passes(self, seconds, watts):
        with self.lock:
            self.now += seconds
            self.watts.joules += watts * seconds


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    return tmp_path


@pytest.fixture
def process(monkeypatch):
    """A process that has metered nothing yet."""
    fresh = Process()
    fresh._started = True
    monkeypatch.setattr(runs, '_process', fresh)
    return fresh


def lines_of(run, folder):
    run._journal.flush(5.0)
    return list(read(Path(folder) / 'runs' / f'{run.id}.jsonl'))


@pytest.mark.parametrize('pause', [0.001, 0.013, 0.3])
def test_calls_and_the_pauses_between_them_are_told_apart_in_the_journal_wherever_it_breaks_off(
    process, data_folder, pause
):
    bench = Bench()
    process._meter = bench.meter
    live = {}
    for _ in range(300):
        with runs.joined('predict', 'model'):
            bench.passes(0.004, 100.0)
        bench.passes(pause, 2.0)
        run = process.own['predict', 'model']
        live[round(run.last.monotonic, 6)] = run.shares.by_sensor()['watts'], run.shares.seconds['predict']
    told = run.finish()
    lines = lines_of(run, data_folder)
    assert told.energy.value == pytest.approx(300 * 0.4)
    assert rebuild(lines).energy.value == pytest.approx(told.energy.value)
    assert rebuild(lines).duration.value == pytest.approx(told.duration.value)
    for cut in range(2, len(lines)):
        again = rebuild(lines[:cut])
        if (then := live.get(round(lines[cut - 1]['monotonic'], 6))) is not None:
            assert (again.energy.value, again.duration.value) == pytest.approx(then)
        assert again.energy.value <= told.energy.value + 1e-9


def test_threads_that_call_for_the_first_time_together_have_one_run(process):
    process._meter = Bench().meter
    ready, failed = threading.Barrier(8), []

    def call():
        ready.wait()
        try:
            for _ in range(50):
                with runs.joined('predict', 'model'):
                    pass
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(process._open) == len(process.own) == 1
    process.own['predict', 'model'].finish()


def test_threads_that_open_and_close_runs_divide_the_process_and_no_more(process):
    bench = Bench()
    ended, before = [], sys.getswitchinterval()

    def work(index):
        for step in range(40):
            run = runs.start('fit', name=f'{index}', meter=bench.meter)
            bench.passes(0.25, 8.0)
            run.tick(step)
            run.enter('validate' if step % 2 else 'train')
            run.finish()
            ended.append(run)

    sys.setswitchinterval(1e-5)
    try:
        with runs.meter('around') as around:
            del around
            threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    counted = sum(run.shares.by_sensor()['watts'] for run in ended)
    assert counted <= bench.meter.read().joules['watts'] + 1e-6
    for run in ended:
        by_phase = [share.energy.value for share in run.footprint.phases.values() if share.energy]
        assert sum(by_phase) == pytest.approx(run.footprint.energy.value)


def test_what_a_dropped_line_would_have_told_the_next_one_tells(data_folder):
    bench = Bench()
    run = Run('fit', 'model', runs.places.find(None), bench.meter, 'parent')
    late = Watts()
    late.name = 'late'
    bench.meter.add([late])

    class Crossing(RawReading):
        """A reading of the meter's thread in which the run enters a phase."""

        def _asdict(self):
            run._edges += 1
            return super()._asdict()

    bench.passes(5.0, 10.0)
    late.joules += 7.0
    reading = bench.meter.read()
    run.beat(Crossing(*reading))
    told = run.finish()
    lines = lines_of(run, data_folder)
    assert 'late' in [name for line in lines for name in line.get('sensors', {})]
    assert rebuild(lines).energy.value == pytest.approx(told.energy.value) == pytest.approx(57.0)


def test_a_listener_that_raises_is_a_gap_and_the_meter_is_read_on():
    from hefted.metering import Sampler

    meter, heard, wanted = Bench().meter, [], threading.Event()
    wanted.set()

    def listen(reading):
        heard.append(reading)
        raise KeyError('a fault')

    def prepare():
        raise OSError('a fault')

    sampler = Sampler(meter, listen, wanted.is_set, prepare=prepare, period=0.01)
    sampler.ensure()
    until = time.monotonic() + 5.0
    while len(heard) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    wanted.clear()
    assert len(heard) >= 4
    assert sorted(gap.reason.split()[4] for gap in meter.gaps(0.0)) == ['KeyError,', 'OSError,']
