"""Many runs of one process, of several, of threads, and inside one another: what they come to is counted once."""

import os
import re
import signal

import pytest

SWEEP = """
import hefted, contextlib
meter = hefted.meter('sweep') if 'METER' in os.environ else contextlib.nullcontext()
with meter as m:
    for number in range(20):
        history = small(f'fold-{number}').fit(x, y, epochs=1)
print('total', (m.footprint.energy if m else runs.process().energy).value)
"""


def energy(run):
    return run['energy']['value']


def test_twenty_small_models_in_a_loop_are_one_run_with_the_total_of_its_parts(house):
    told = house.run(SWEEP)
    (sweep,) = house.ledger()
    assert sweep['kind'] == 'sweep'
    assert len(sweep['children']) == 20
    assert energy(sweep) == pytest.approx(sum(map(energy, sweep['children'])), rel=1e-9)
    assert energy(sweep) == pytest.approx(float(told.split()[-1]), rel=1e-9)
    # The first is told whole, the others in a line.
    assert told.count('Feels like') == 1
    lines = [line for line in told.splitlines() if 'runs so far' in line]
    assert len(lines) == 19
    assert lines[-1].startswith('fold-19: ')
    assert '; 20 runs so far: ' in lines[-1]
    assert '20 runs' in house.hefted('ledger')


def test_twenty_small_models_in_a_meter_are_its_parts(house):
    told = house.run(SWEEP, METER='1')
    (sweep,) = house.ledger()
    assert (sweep['kind'], sweep['name']) == ('meter', 'sweep')
    assert len(sweep['children']) == 20
    assert energy(sweep) == pytest.approx(float(told.split()[-1]), rel=1e-9)
    assert sum(map(energy, sweep['children'])) < energy(sweep)  # start-up and building are the sweep's own
    assert 'start-up' in house.hefted('receipt', sweep['id'])
    assert told.count('Feels like') == 1
    assert '; 20 runs so far: ' in told


def test_phases_and_components_sum_to_the_whole_and_start_up_is_counted_once(house):
    house.run("""
begun = time.monotonic()
def whole(history):
    footprint = history.footprint
    energy = footprint.energy.value
    assert np.isclose(sum(part.energy.value for part in footprint.phases.values()), energy, rtol=1e-9)
    assert np.isclose(sum(part.value for part in footprint.components.values()), energy, rtol=1e-9)
    assert np.isclose(sum(part.seconds for part in footprint.phases.values()), footprint.duration.value, rtol=1e-9)
    return footprint
first = whole(small().fit(x, y, epochs=2, validation_split=0.25, verbose=0))
from hefted import host
lived = host.monotonic() - host.process_started()
assert list(first.phases) == ['start-up', 'input', 'compile', 'train', 'validate'], list(first.phases)
assert 0.7 * lived < first.duration.value < lived, (first.duration.value, lived)
begun = time.monotonic()
second = whole(small().fit(x, y, epochs=2, verbose=0))
assert 'start-up' not in second.phases
assert second.duration.value <= time.monotonic() - begun
""")


def test_a_notebook_that_waited_is_not_charged_for_its_wait(house):
    told = house.run("""
time.sleep(6)
history = small().fit(x, y, epochs=1, verbose=0)
from hefted import host
print(history.footprint.phases['start-up'].seconds, time.process_time(), history.footprint.duration.value)
""")
    start_up, cpu, duration = map(float, told.split())
    assert start_up < 2 * cpu + 1
    assert duration < start_up + 6


CHILD = """
import sys
import numpy as np
from hefted import runs
with runs.meter('child') as m:
    sum(range(10**6))
print(m.footprint.energy.value)
"""


def test_a_process_that_is_started_inside_a_run_is_a_part_of_it(house):
    house.run(f"""
import subprocess
child = {CHILD!r}
with runs.meter('parent') as m:
    subprocess.run([sys.executable, '-c', child], check=True, stdout=subprocess.DEVNULL)
assert m.footprint.energy.value > 0
subprocess.run([sys.executable, '-c', child], check=True, stdout=subprocess.DEVNULL)
""")
    alone, parent = house.ledger()
    assert (alone['name'], parent['name']) == ('child', 'parent')
    assert [run['name'] for run in parent['children']] == ['child']
    assert energy(parent) > energy(parent['children'][0])


@pytest.mark.parametrize('how', ['fork', 'spawn'])
def test_workers_of_multiprocessing_are_counted_in_the_run_that_started_them(house, how):
    (house.folder / 'program.py').write_text(f"""
import multiprocessing
from hefted import runs

def work(_):
    with runs.meter('worker') as m:
        sum(range(10**6))
    return m.footprint is None

if __name__ == '__main__':
    with runs.meter('parent'), multiprocessing.get_context({how!r}).Pool(2) as pool:
        print(pool.map(work, range(4)))
        pool.close()
        pool.join()  # else they are ended at once, and with them what they had still to write
""")
    house.run("import runpy; runpy.run_path('program.py', run_name='__main__')", prelude='')
    (parent,) = house.ledger()
    assert parent['name'] == 'parent'
    assert [run['name'] for run in parent['children']] == (['worker'] * 4 if how == 'spawn' else [])


def test_a_fit_inside_a_callback_of_another_is_a_part_of_it(house):
    told = house.run("""
from hefted.callbacks import Callback
class Nested(Callback):
    def on_epoch_end(self, epoch, logs=None):
        small('inner').fit(x, y, epochs=1, verbose=0)
history = small('outer').fit(x, y, epochs=2, verbose=0, callbacks=[Nested()])
print(len(history.history['loss']), runs.process().ended, runs.process().energy.value)
""")
    (outer,) = house.ledger()
    assert outer['name'] == 'outer'
    assert [run['name'] for run in outer['children']] == ['inner', 'inner']
    assert told.split()[:2] == ['2', '1']
    assert float(told.split()[2]) == pytest.approx(energy(outer), rel=1e-9)


def test_fits_of_two_threads_finish_and_are_parts_of_the_meter_around_them(house):
    told = house.run("""
from concurrent.futures import ThreadPoolExecutor
with runs.meter('both') as m, ThreadPoolExecutor(2) as pool:
    histories = list(pool.map(lambda name: small(name).fit(x, y, epochs=20, verbose=0), ['one', 'two']))
print(*[len(history.history['loss']) for history in histories])
""")
    assert told.split() == ['20', '20']
    (both,) = house.ledger()
    assert sorted(run['name'] for run in both['children']) == ['one', 'two']
    assert all(run['status'] == 'finished' for run in both['children'])
    assert energy(both) >= max(map(energy, both['children']))


def test_a_meter_needs_no_jax(house):
    told = house.run(
        """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('jax', 'jaxlib'):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import hefted
with hefted.meter('preprocessing') as m:
    sum(range(10**6))
print(m.footprint.energy)
""",
        prelude='',
    )
    assert 'modelled' in told or 'measured' in told
    assert [run['name'] for run in house.ledger()] == ['preprocessing']


def test_calls_that_are_no_runs_by_themselves_are_counted_and_what_passes_between_them_is_not(house):
    house.run('small().train_on_batch(x[:32], y[:32])', HEFTED_METER='off')  # its step is compiled by now
    told = house.run("""
from hefted import runs
model = small()
model.predict(x, verbose=0)
model.train_on_batch(x[:32], y[:32])
time.sleep(3)
for _ in range(3):
    model.predict(x, verbose=0)
model.fit(x, y, epochs=1, verbose=0)
model.fit(x, y, epochs=1, verbose=0)
print(runs.process().ended)
""")
    assert told.split() == ['2']  # the fits; the calls go on until the process ends
    (process,) = house.ledger()
    assert process['status'] == 'finished'
    by_kind = {part['kind']: part for part in process['children']}
    assert sorted(part['kind'] for part in process['children']) == ['fit', 'fit', 'predict', 'train_on_batch']
    assert all(energy(part) > 0 for part in by_kind.values())
    assert by_kind['train_on_batch']['duration']['value'] < 3
    assert 'idle' not in house.hefted('receipt', by_kind['predict']['id'])
    assert 'start-up' in house.hefted('receipt', by_kind['predict']['id'])


def test_a_process_killed_while_idle_has_used_what_its_calls_used(house):
    process = house.start("""
import signal
model = small()
model.predict(x, verbose=0)
model.predict(x, verbose=0)
time.sleep(3)
os.kill(os.getpid(), signal.SIGKILL)
""")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (run,) = house.ledger()
    assert (run['kind'], run['status']) == ('predict', 'interrupted')
    assert 'idle' not in house.hefted('receipt', run['id'])


def test_a_process_finds_its_own_run_in_the_ledger_as_soon_as_it_has_ended(house):
    for _ in range(3):  # a busy machine's disk may take longer than the ledger waits
        told = house.run("""
from hefted import errors, ledger
for _ in range(3):
    history = small().fit(x, y, verbose=0)
    try:
        print(ledger.open().get(history.run).status)
    except errors.LedgerError:
        print('missing')
""")
        if told.split() == ['finished'] * 3:
            break
    assert told.split() == ['finished'] * 3


def test_a_process_that_is_killed_is_not_running_though_a_fork_of_it_lives_on(house):
    process = house.start("""
import signal, warnings
warnings.simplefilter('ignore')
from hefted.callbacks import LambdaCallback
def forks(epoch, logs):
    child = os.fork()
    if not child:
        time.sleep(20)
        os._exit(0)
    print(child, flush=True)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
small().fit(x, y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=forks)])
""")
    child = int(process.stdout.readline())
    process.wait(timeout=60)
    try:
        (run,) = house.ledger()
        assert run['status'] == 'interrupted'
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_the_times_of_overlapping_epochs_are_those_of_the_training(house):
    units = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6}
    for _ in range(3):  # a busy machine may stand still where it is counted to one alone
        told = house.run("""
history = small().fit(x, y, epochs=200, batch_size=4, verbose=2)
print('train', history.footprint.phases['train'].seconds)
""")
        shown = re.findall(r'64/64 - \S+ (\d+(?:[.]\d+)?)(s|ms|us)/step', told)  # with more digits than an epoch's own
        whole = float(told.rpartition('train ')[2])
        assert len(shown) == 200
        share = sum(64 * float(value) * units[unit] for value, unit in shown) / whole
        if 0.8 < share < 1.2:
            break
    assert 0.8 < share < 1.2
