"""SIGTERM, as a scheduler sends it, to a training that keeps checkpoints: it keeps one more, and is gone on with."""

from __future__ import annotations

import signal
import time

import pytest

TRAIN = """
import json, hashlib
from hefted import callbacks
from hefted.train.resuming import Resume
model = small()
slow = callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: epoch == 3 and print('ready', flush=True),
    on_epoch_end=lambda epoch, logs: time.sleep(SLEEP if epoch > 2 else 0),
)
history = model.fit(x, y, epochs=8, batch_size=16, verbose=0, KEPT)
bits = hashlib.sha256(b''.join(v.numpy().tobytes() for v in [*model.variables, *model.optimizer.variables]))
print(json.dumps([history.epoch, history.history, bits.hexdigest()]))
"""
# Of neither would there be a checkpoint without the signal.
KEEPERS = {
    'resume': "callbacks=[slow], resume=Resume('kept', seconds=1000.0)",
    'backup': "callbacks=[slow, callbacks.BackupAndRestore('kept', save_freq=1000)]",
}


def program(keeper: str, sleep: float = 0.0) -> str:
    return TRAIN.replace('KEPT', keeper).replace('SLEEP', repr(sleep))


def struck(house, code: str, *signals: float):
    """A program that gets SIGTERM so many seconds after it is ready, and again; its code and last words."""
    process = house.start(code)
    assert process.stdout.readline() == b'ready\n'
    for seconds in signals:
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize('keeper', KEEPERS)
def test_a_training_that_is_told_to_end_keeps_a_checkpoint_and_goes_on_to_the_same_bits(house, keeper):
    wanted = house.run(program(KEEPERS[keeper]))
    code, out, err = struck(house, program(KEEPERS[keeper], 1.0), 0.3)
    assert code == 128 + signal.SIGTERM, err
    assert not out
    assert err.splitlines()[1:] == [
        'hefted: told to end by SIGTERM. It keeps a checkpoint first; a second SIGTERM ends it at once.'
    ]
    assert (house.folder / 'kept' / 'latest.state').exists()
    assert house.ledger()[0]['status'] == 'stopped'
    on = house.start(program(KEEPERS[keeper]))
    out, err = on.communicate(timeout=60)
    assert (on.returncode, out.decode().removeprefix('ready\n')) == (0, wanted.removeprefix('ready\n')), err
    assert not (house.folder / 'kept').exists()


def test_a_second_one_ends_it_at_once(house):
    begun = time.monotonic()
    code, _, err = struck(house, program(KEEPERS['resume'], 60.0), 0.5, 1.5)
    assert time.monotonic() - begun < 30
    assert code == -signal.SIGTERM, err


def test_a_handler_of_the_programs_own_is_left_alone(house):
    own = """
import signal
signal.signal(signal.SIGTERM, lambda number, frame: print('own', flush=True))
"""
    code, out, err = struck(house, own + program(KEEPERS['resume'], 0.5), 0.1)
    assert (code, err) == (0, '')
    assert out.startswith('own\n')


def test_after_the_training_it_ends_the_program_as_ever(house):
    after = "\nprint('trained', flush=True)\ntime.sleep(60)"
    process = house.start(program(KEEPERS['resume']) + after)
    while process.stdout.readline() != b'trained\n':
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    process.communicate()


def test_what_is_sent_twice_at_once_is_one_signal(house):
    code, _, err = struck(house, program(KEEPERS['resume'], 0.5), 0.1, 0.0)  # as timeout(1) does
    assert code == 128 + signal.SIGTERM, err
    assert (house.folder / 'kept' / 'latest.state').exists()


def test_it_is_kept_where_nobody_reads_what_is_said_any_more(house):
    process = house.start(program(KEEPERS['resume'], 0.5))
    assert process.stdout.readline() == b'ready\n'
    process.stderr.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert (house.folder / 'kept' / 'latest.state').exists()
    process.stdout.close()


def test_what_is_forked_meanwhile_ends_by_it_at_once(house):
    forks = """
import signal
def fork(epoch, logs):
    if not epoch:
        child = os.fork()
        if not child:
            print('ready', flush=True)
            time.sleep(30)
            os._exit(0)
        time.sleep(0.5)
        os.kill(child, signal.SIGTERM)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
import warnings
warnings.simplefilter('ignore')  # of forks
from hefted import callbacks
small().fit(x, y, epochs=2, verbose=0, resume='kept', callbacks=[callbacks.LambdaCallback(on_epoch_begin=fork)])
"""
    begun = time.monotonic()
    assert house.run(forks) == 'ready\n15\n'
    assert time.monotonic() - begun < 25


LOADED = """
from hefted.train.resuming import Resume
def batches():
    for step in range(64):
        if step == 40 and os.environ.get('LOST'):
            time.sleep(1)  # all that came before is trained on
            os.kill(os.getpid(), 15)
            raise RuntimeError('a worker that loads data was ended')
        yield x[:32], y[:32]
model = small()
model.fit(batches(), epochs=1, steps_per_epoch=64, verbose=0, resume=Resume('kept', seconds=1000.0))
"""


def test_where_it_ends_who_loads_the_data_as_well_the_state_is_kept_and_the_reason_said(house):
    process = house.start(LOADED, LOST='1')
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err.decode()
    assert b'RuntimeError: a worker that loads data was ended' in err
    assert house.ledger()[0]['status'] == 'stopped'
    assert (house.folder / 'kept' / 'latest.state').exists()


STOPS = """
import json
from hefted import callbacks
from hefted.train.resuming import Resume
class Stops(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            self.model.stop_training = True
            if os.environ.get('TOLD') == 'stops':
                os.kill(os.getpid(), 15)
    def on_train_end(self, logs=None):
        if os.environ.get('TOLD') == 'ends':
            os.kill(os.getpid(), 15)
model = small()
history = model.fit(x, y, epochs=8, verbose=0, callbacks=[Stops(), callbacks.BackupAndRestore('kept')])
print(json.dumps([history.epoch, history.history]))
"""


@pytest.mark.parametrize('told', ['stops', 'ends'])
def test_a_training_that_is_stopped_or_ends_at_that_moment_comes_to_the_same_another_time(house, told):
    wanted = house.run(STOPS)
    process = house.start(STOPS, TOLD=told)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + signal.SIGTERM, b''), err.decode()
    assert (house.folder / 'kept' / 'latest.state').exists()
    assert house.run(STOPS) == wanted
    assert not (house.folder / 'kept').exists()


STALLS = """
from hefted.train.resuming import Resume
def batches():
    draw = np.random.default_rng(2)
    for step in range(64):
        if step == 40 and os.environ.get('STALLS'):
            print('ready', flush=True)
            time.sleep(60)
        rows = draw.integers(0, 256, 16)
        yield x[rows], y[rows]
model = small()
model.fit(batches(), epochs=1, steps_per_epoch=64, verbose=0, resume=Resume('kept', seconds=1000.0))
print([float(np.abs(each).sum()) for each in model.get_weights()])
"""


def test_who_waits_for_data_that_do_not_come_ends_as_well(house):
    wanted = house.run(STALLS)
    process = house.start(STALLS, STALLS='1')
    assert process.stdout.readline() == b'ready\n'
    time.sleep(1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - begun < 30) == (128 + signal.SIGTERM, True), err.decode()
    assert (house.folder / 'kept' / 'latest.state').exists()
    assert house.run(STALLS) == wanted


def test_a_training_beside_it_in_a_thread_does_not_take_the_signal_for_itself(house):
    code = """
import threading
from hefted import callbacks
from hefted.train.resuming import Resume
beside = threading.Thread(target=lambda: small('beside').fit(x, y, epochs=10**6, verbose=0, resume='beside'))
def told(epoch, logs):
    if epoch == 3:
        os.kill(os.getpid(), 15)
        beside.join(20)
beside.start()
told = callbacks.LambdaCallback(on_epoch_end=told)
small().fit(x, y, epochs=6, verbose=0, callbacks=[told], resume=Resume('kept', seconds=1000.0))
"""
    process = house.start(code)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err.decode()
    assert all((house.folder / each / 'latest.state').exists() for each in ('kept', 'beside'))


def test_what_was_trained_before_it_by_the_same_program_stays_as_well(house):
    code = """
from hefted import callbacks
from hefted.train.resuming import Resume
small().fit(x, y, epochs=40, verbose=0, resume=Resume('first', seconds=0.0, share=0.9))
told = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: os.kill(os.getpid(), 15))
small().fit(x, y, epochs=6, verbose=0, callbacks=[told, callbacks.BackupAndRestore('kept')])
"""
    process = house.start(code)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err.decode()
    assert all((house.folder / each / 'latest.state').exists() for each in ('kept', 'first'))
