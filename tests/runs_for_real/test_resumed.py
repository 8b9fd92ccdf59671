"""A training whose process is killed at any instant, and is run again, ends with the bits of one that was not."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

# Dropout, BatchNormalization, Adam, an order of its own each epoch, validation, a short last batch.
TRAIN = """
import json, hashlib
from hefted import callbacks, layers
utils.set_random_seed(4)
model = Sequential([
    Input((8,)), Dense(16, activation='relu'), layers.BatchNormalization(), layers.Dropout(0.3),
    Dense(1, activation='sigmoid'),
])
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
backup = callbacks.BackupAndRestore('backup', save_freq=FREQ, double_checkpoint=True)
slow = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(SLEEP))
plateau = callbacks.ReduceLROnPlateau('val_loss', factor=0.5, patience=1, min_delta=0.02)
stopping = callbacks.EarlyStopping('val_loss', patience=30, restore_best_weights=True)
print('ready', flush=True)
history = model.fit(
    x[:250], y[:250], batch_size=16, epochs=20, validation_split=0.2, verbose=0,
    callbacks=[backup, slow, plateau, stopping, callbacks.CSVLogger('table.csv')],
)
bits = hashlib.sha256(b''.join(v.numpy().tobytes() for v in [*model.variables, *model.optimizer.variables]))
print(json.dumps([history.epoch, history.history, bits.hexdigest(), open('table.csv').read()]))
"""


def program(freq: object, sleep: float = 0.0) -> str:
    return TRAIN.replace('FREQ', repr(freq)).replace('SLEEP', str(sleep))


@pytest.mark.parametrize('freq', ['epoch', 7])
def test_a_training_that_is_killed_again_and_again_ends_with_the_same_bits(house, freq):
    wanted = house.run(program(freq), HEFTED_METER='off')
    drawn = random.Random(int(os.environ.get('SEED', '7')))
    backup = house.folder / 'backup' / 'latest.state'
    for _ in range(int(os.environ.get('DRAWS', '3'))):
        process = house.start(program(freq, 0.15), HEFTED_METER='off')
        assert process.stdout.readline() == b'ready\n'
        until = time.monotonic() + 30
        while not backup.exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(drawn.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert backup.exists()
    assert house.run(program(freq), HEFTED_METER='off') == wanted
    assert not (house.folder / 'backup').exists()


def test_a_disk_that_is_full_costs_the_backup_and_not_the_training(house):
    limited = """
import resource, warnings, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
warnings.simplefilter('always')
from hefted import callbacks
model = small()
def fill(epoch, logs):
    if epoch == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))  # a file may be no longer
    if epoch == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print('kept', os.path.getsize('backup/latest.state') > 1000, sorted(os.listdir('backup')))
with warnings.catch_warnings(record=True) as caught:
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[
        callbacks.LambdaCallback(on_epoch_begin=fill),
        callbacks.BackupAndRestore('backup'),
    ])
print(len(history.epoch), [str(w.message) for w in caught if 'backup' in str(w.message)])
"""
    out = house.run(limited, HEFTED_METER='off')
    assert "kept True ['latest.state']" in out
    assert 'The backup after step 16 could not be written' in out
    assert out.splitlines()[-1].startswith('3 [')
