"""A training that is killed, interrupted or terminated at any instant has told what it used."""

import json
import os
import random
import signal
import time

import pytest

FIT = """
model = small()
model.fit(x, y, epochs=int(os.environ.get('EPOCHS', '100000')), validation_split=0.25, verbose=0)
"""

# Says when training is about to begin, and afterwards what a person who pressed Ctrl-C still has.
INTERRUPTED = """
model = small(width=16)
weights = model.get_weights()
print('ready', flush=True)
try:
    model.fit(x, y, epochs=100000, validation_split=0.25)
    print('ended by itself')
except KeyboardInterrupt:
    history = model.history
    print('\\n== interrupted')
    print('finite', all(np.isfinite(w).all() for w in model.get_weights()))
    lengths = {len(values) for values in history.history.values()} if history else {0}
    print('history', max(lengths, default=0), len(lengths) <= 1)
    steps = int(model.optimizer.iterations)
    # Every weight is of one step: the same number of steps from the start gives the same weights.
    print('whole', steps % 6 == 0 or steps)
    trained = model.get_weights()
    print('moved together', len({bool(np.array_equal(a, b)) for a, b in zip(weights, trained)}) == 1 or steps)
    again = model.fit(x, y, epochs=1, verbose=0)
    print('goes on', np.isfinite(again.history['loss'][0]))
"""


def end_at(process, seconds, number):
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return out.decode(), err.decode()


def test_a_fit_that_is_killed_at_any_instant_is_listed_with_what_it_used(house):
    drawn = random.Random(int(os.environ.get('SEED', '7')))
    killed = int(os.environ.get('DRAWS', '20'))
    begun = time.monotonic()
    house.run(FIT, EPOCHS='2', HEFTED_METER='off')  # so that compiling is not most of the time
    most = max(2.0, 1.5 * (time.monotonic() - begun))
    for _ in range(killed):
        assert end_at(house.start(FIT), drawn.uniform(0.0, most), signal.SIGKILL) == ('', '')

    found = house.ledger()
    assert 1 <= len(found) <= killed
    for run in found:
        assert run['status'] == 'interrupted', run
        assert run['energy']['value'] > 0, run
        assert run['duration']['value'] > 0.1, run  # start-up is counted
    assert house.hefted('ledger').count('interrupted') == len(found)
    assert 'start-up' in house.hefted('receipt', found[0]['id'])
    assert json.loads(house.hefted('receipt', found[-1]['id'], '--json'))['status'] == 'interrupted'


@pytest.mark.parametrize('whole', [b'', b'{"schema":1,"run"'])
def test_a_journal_without_a_whole_first_line_is_listed_and_told(house, whole):
    folder = house.data / 'runs'
    folder.mkdir(parents=True)
    name = '01932b3e-7c00-7000-8000-000000000000'
    (folder / f'{name}.jsonl').write_bytes(whole)
    (run,) = house.ledger()
    assert run['status'] == 'damaged'
    assert 'not known' in house.hefted('receipt', name)
    assert name[:13] in house.hefted('ledger')


def test_ctrl_c_at_any_instant_of_a_fit_leaves_a_whole_model_a_history_and_a_receipt(house):
    drawn = random.Random(int(os.environ.get('SEED', '7')))
    house.run(FIT, EPOCHS='2', HEFTED_METER='off')
    for _ in range(int(os.environ.get('DRAWS', '6'))):
        process = house.start(INTERRUPTED)
        assert process.stdout.readline() == b'ready\n'
        out, err = end_at(process, drawn.uniform(0.0, 1.2), signal.SIGINT)
        assert process.returncode == 0, err
        assert not err
        told = out[out.index('== interrupted') :]
        assert 'finite True' in told
        assert 'whole True' in told, told
        assert 'moved together True' in told, told
        assert 'goes on True' in told
    statuses = {part['status'] for run in house.ledger() for part in run['children'] or [run]}
    assert 'stopped' in statuses  # but where Ctrl-C came before the run began
    assert statuses <= {'stopped', 'finished'}


def test_ctrl_c_that_nobody_catches_shows_the_receipt_and_ends_as_python_does(house):
    process = house.start("print('ready', flush=True)\nsmall().fit(x, y, epochs=100000)")
    process.stdout.readline()
    out, err = end_at(process, 6.0, signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    assert 'Hefted · fit · small · stopped' in out
    assert err.rstrip().endswith('KeyboardInterrupt')
    assert [run['status'] for run in house.ledger()] == ['stopped']


def test_ctrl_c_while_a_generator_is_waited_for_ends_at_once_and_leaves_no_thread(house):
    process = house.start("""
import threading
from hefted.data import ahead

def batches(seconds):
    for _ in range(3):
        yield x[:32], y[:32]
    print('waiting', flush=True)
    time.sleep(seconds)

for seconds, patience in ((3, 10.0), (600, 1.0)):
    ahead._PATIENCE = patience
    try:
        small().fit(batches(seconds), steps_per_epoch=10, epochs=2, verbose=0)
    except KeyboardInterrupt:
        print('left', sum(thread.name == 'hefted-data' for thread in threading.enumerate()), flush=True)
""")
    for left in (b'left 0\n', b'left 1\n'):  # nobody can end a thread within the user's own call; the process does
        assert process.stdout.readline() == b'waiting\n'
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.stdout.readline() == left
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - begun < 9  # nobody waits for the 600 s
    assert process.returncode == 0, err
    assert [run['status'] for run in house.ledger()[0]['children']] == ['stopped', 'stopped']


def test_a_program_that_is_terminated_is_listed_as_interrupted(house):
    process = house.start("""
from hefted.callbacks import LambdaCallback
told = LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch or print('ready', flush=True))
small().fit(x, y, epochs=100000, verbose=0, callbacks=[told])
""")
    process.stdout.readline()
    assert end_at(process, 1.0, signal.SIGTERM) == ('', '')
    assert process.returncode == -signal.SIGTERM
    (run,) = house.ledger()
    assert run['status'] == 'interrupted'
    assert run['energy']['value'] > 0


def test_ctrl_c_in_a_long_evaluation_ends_at_the_next_chunk(house):
    process = house.start("""
many = np.tile(x, (12000, 1)), np.tile(y, 12000)
model = small(width=1024)
model.evaluate(x, y, batch_size=1, verbose=0)
print('ready', flush=True)
try:
    model.evaluate(*many, batch_size=1, verbose=0)
    print('ended by itself')
except KeyboardInterrupt:
    print('stopped', flush=True)
""")
    assert process.stdout.readline() == b'ready\n'
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert process.stdout.readline() == b'stopped\n'
    assert time.monotonic() - begun < 10  # of the minutes that it would take
    assert process.communicate(timeout=30) == (b'', b'')


def test_ctrl_c_is_kept_for_the_main_thread_while_another_is_in_a_callback(house):
    told = house.run("""
import signal, threading
from hefted.train import interrupts
entered, leave = threading.Event(), threading.Event()
def other():
    with interrupts.deferred(), interrupts.at_once():
        entered.set()
        leave.wait()
thread = threading.Thread(target=other)
try:
    with interrupts.deferred():
        thread.start()
        entered.wait()
        signal.raise_signal(signal.SIGINT)
        print('whole')
        interrupts.safe_point()
        print('not reached')
except KeyboardInterrupt:
    print('stopped')
leave.set()
thread.join()
""")
    assert told.split() == ['whole', 'stopped']
