"""`fit(resume=…)` in processes that are killed at any instant from their start on, and run again until they finish."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

TRAIN = """
import json, hashlib
from hefted import callbacks, layers
from hefted.train.resuming import Resume
utils.set_random_seed(4)
model = Sequential([
    Input((8,)), Dense(1024, activation='relu'), layers.BatchNormalization(), layers.Dropout(0.3),
    Dense(1, activation='sigmoid'),
])
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
hooked = [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if HOOKED else []
history = model.fit(
    x[:250], y[:250], batch_size=16, epochs=EPOCHS, validation_split=0.2, verbose=0, callbacks=hooked,
    resume=Resume('kept', seconds=0.0, share=1.0),
)
bits = hashlib.sha256(b''.join(v.numpy().tobytes() for v in [*model.variables, *model.optimizer.variables]))
print(json.dumps([history.epoch, history.history, bits.hexdigest()]))
"""


def program(hooked: bool = True, epochs: int = 25) -> str:
    return TRAIN.replace('HOOKED', str(hooked)).replace('EPOCHS', str(epochs))


def attempts_of(house) -> list[list[dict]]:
    """The runs of each training."""
    return [training['children'] or [training] for training in house.ledger()]


@pytest.mark.parametrize('hooked', [True, False])
def test_a_training_that_is_killed_at_any_instant_ends_with_the_same_bits_and_all_attempts_in_the_ledger(house, hooked):
    wanted = house.run(program(hooked))
    (whole,) = house.ledger()
    drawn = random.Random(int(os.environ.get('SEED', '7')))
    begun = time.monotonic()
    house.run(program(hooked))
    seconds = time.monotonic() - begun
    for _ in range(int(os.environ.get('DRAWS', '4'))):
        process = house.start(program(hooked))
        time.sleep(drawn.uniform(0, 0.95 * seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert house.run(program(hooked)) == wanted
    assert not (house.folder / 'kept').exists()
    journals = {path.stem for path in (house.data / 'runs').glob('*.jsonl')}
    runs = [run for training in attempts_of(house) for run in training]
    assert {run['id'] for run in runs} == journals
    assert all(run['energy']['value'] > 0 for run in runs)
    assert whole['id'] in journals


TWO = """
import signal
from hefted import callbacks
from hefted.train.resuming import Resume

def begins(epoch, logs):
    print(name, epoch, flush=True)
    time.sleep(0.1)
    if (name, epoch) == ('long', 3) and 'ON' not in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)

for name in ('short', 'long'):
    shown = callbacks.LambdaCallback(on_epoch_begin=begins)
    small(name).fit(x, y, epochs=5, verbose=0, callbacks=[shown], resume=Resume(seconds=0.0, share=1e9))
"""


def test_a_program_that_is_killed_in_its_second_training_begins_neither_again(house):
    killed = house.start(TWO)
    out, _ = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert out.decode().split('\n')[-2] == 'long 3'
    on = house.run(TWO, ON='1').splitlines()
    assert not {'short 0', 'short 1', 'long 0', 'long 1'} & set(on), on
    assert on[-1] == 'long 4'
    assert house.hefted('resume').startswith('Nothing can go on')


def test_a_program_of_many_trainings_does_not_hold_a_file_open_for_each(house):
    told = house.run("""
for number in range(4):
    small(f'fold{number}').fit(x, y, epochs=1, verbose=0, resume=True)
import psutil
print(sum(file.path.endswith('.lock') for file in psutil.Process().open_files()))
""")
    assert int(told) == 1  # the last one's: nobody takes up what was not saved yet
    assert house.hefted('resume').startswith('Nothing can go on')


def cut(house, arguments: str = '', resume: str = 'True') -> dict:
    """A training that its program kills in epoch 3."""
    (house.folder / 'train.py').write_text(f"""
import os, signal
exec(os.environ['PRELUDE'])
from hefted import callbacks
struck = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 3 and 'ON' not in os.environ and (
    __import__('time').sleep(1), os.kill(os.getpid(), signal.SIGKILL)))
from hefted.train.resuming import Resume
history = small().fit(x, y, epochs=6, verbose=2, callbacks=[struck], resume={resume})
print('epochs', history.epoch, 'attempt', history.attempt)
""")
    process = subprocess.run(
        [sys.executable, 'train.py', *arguments.split()],
        cwd=house.folder,
        env=house.environment | {'PRELUDE': house.prelude},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    time.sleep(0.1)
    return house.ledger()[0]


def resume(house, *arguments: str, said: str = '') -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'hefted', 'resume', *arguments],
        env=house.environment | {'PRELUDE': house.prelude, 'ON': '1'},
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_hefted_resume_shows_the_command_and_runs_it_and_the_receipt_tells_all_attempts(house):
    run = cut(house, '--fold 2', resume='Resume(seconds=0.0, share=1e9)')
    listed = resume(house).stdout
    assert run['id'][:18] in listed
    shown = resume(house, run['id'][:18], said='n\n')
    assert re.search(r'step \d+ of 48; .* J .* spent so far, attempts: 1', shown.stdout)
    assert f'cd {house.folder}' in shown.stdout
    assert 'train.py --fold 2' in shown.stdout
    assert len(attempts_of(house)[0]) == 1  # it was not run
    done = resume(house, run['id'][:18], '--yes')
    assert done.returncode == 0, done.stderr
    assert 'epochs [0, 1, 2, 3, 4, 5] attempt 2' in done.stdout
    assert re.search(r'Resumed after step \d+ of 48, attempt 2: it goes on to the bit.', done.stdout)
    assert re.search(r'Attempt +2; all attempts: [\d.]+ m?J', done.stdout)
    (training,) = house.ledger()
    first, last = training['children']
    assert (training['attempts'], first['id'], last['resumes']) == (2, run['id'], run['id'])
    assert training['energy']['value'] == pytest.approx(first['energy']['value'] + last['energy']['value'])
    told = json.loads(house.hefted('receipt', last['id'], '--json'))
    assert told['attempt'] == 2
    assert told['of_all_attempts']['value'] == pytest.approx(training['energy']['value'])
    assert told['footprint']['energy']['value'] == pytest.approx(last['energy']['value'])
    assert '2 attempts' in house.hefted('ledger')
    assert resume(house).stdout.startswith('Nothing can go on')
    again = resume(house, run['id'][:18])
    assert again.returncode == 2
    assert 'was finished by' in again.stderr
    for word in ('train.py', str(house.folder), '--fold'):
        journals = ''.join(path.read_text() for path in (house.data / 'runs').glob('*.jsonl'))
        assert word not in journals


def test_hefted_resume_runs_nothing_that_is_another_machines_or_that_others_can_write(house):
    run = cut(house)
    (file,) = (house.data / 'checkpoints').glob('*/attempts.json')
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {'machine': 'another'}))
    refused = resume(house, run['id'], '--yes')
    assert (refused.returncode, 'begun on another' in refused.stderr) == (2, True)
    file.write_text(json.dumps(told))
    for path in (file, file.parent):
        mode = path.stat().st_mode & 0o777
        path.chmod(mode | 0o022)
        refused = resume(house, run['id'], '--yes')
        assert (refused.returncode, 'yours alone' in refused.stderr) == (2, True)
        path.chmod(mode)
    assert 'No such' not in resume(house, run['id'], '--forget', '--yes').stderr
    assert not file.parent.exists()
    refused = resume(house, run['id'], '--yes')
    assert (refused.returncode, 'has no checkpoints here' in refused.stderr) == (2, True)
    assert 'epochs' not in refused.stdout


def test_a_journal_that_was_brought_here_is_never_run(house):
    run = cut(house, resume='False')
    journal = house.data / 'runs' / f'{run["id"]}.jsonl'
    lines = journal.read_text().splitlines()
    header = json.loads(lines[0]) | {'command': ['touch', str(house.folder / 'run')], 'working': str(house.folder)}
    journal.write_text('\n'.join([json.dumps(header), *lines[1:]]) + '\n')
    refused = resume(house, run['id'], '--yes')
    assert (refused.returncode, 'has no checkpoints here' in refused.stderr) == (2, True)
    assert not (house.folder / 'run').exists()


def test_a_training_whose_program_fails_before_it_has_kept_it_is_not_lost(house):
    code = """
history = small().fit(x, y, epochs=3, verbose=0, resume=__import__('hefted.train.resuming').train.resuming.Resume(
    'kept', seconds=0.0, share=1e9))
print('attempt', history.attempt, os.path.exists('kept/latest.state'), flush=True)
if 'FAILS' in os.environ:
    open('nowhere/model.keras')
"""
    process = house.start(code, FAILS='1')
    assert b'attempt 1 True' in process.communicate(timeout=60)[0]
    assert (house.folder / 'kept' / 'latest.state').exists()
    assert house.run(code).startswith('attempt 2')
    assert not (house.folder / 'kept').exists()
    assert house.run(code).startswith('attempt 1')


def test_a_disk_that_is_full_costs_a_checkpoint_and_not_the_training(house):
    told = house.run(
        """
import resource, signal, warnings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from hefted import callbacks
from hefted.train.resuming import Resume
seen = []
def fill(epoch, logs):
    most = 1000 if epoch in (4, 5, 6) else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    seen.append(os.path.exists('kept/latest.state') and os.path.getsize('kept/latest.state'))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    history = small().fit(x, y, epochs=12, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_begin=fill)],
                          resume=Resume('kept', seconds=0.0, share=1e9))
print(len(history.epoch), sum('could not be written' in str(w.message) for w in caught) > 0, seen[-1] > 1000)
""",
        HEFTED_METER='off',
    )
    assert told.split() == ['12', 'True', 'True']
