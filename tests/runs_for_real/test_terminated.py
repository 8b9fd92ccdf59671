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
    code, _, err = struck(house, program(KEEPERS['resume'], 60.0), 0.5, 0.5)
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
