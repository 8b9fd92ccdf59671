"""Kill trainings at instants drawn uniformly from their start on, run them again until they finish, compare the bits.

    python benchmarks/kills.py --kills 100

Each process is killed (SIGKILL) at an instant between its first and the end of an unbroken one: in imports, compiling,
training, the writing of checkpoints, the receipt. It is run again until it comes to its end by itself. Then weights,
optimizer and history must have the bits of the unbroken training, and the ledger must hold what each attempt took whose
run had begun. Checkpoints are made as often as can be, so that many kills strike while one is written.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SRC = Path(__file__).parents[1] / 'src'

_PROGRAM = """
import hashlib, json, sys
import numpy as np
from hefted import Sequential, callbacks, layers, utils
from hefted.train.resuming import Resume
utils.set_random_seed(4)
rng = np.random.default_rng(1)
x = rng.random((2050, 32), np.float32)
y = (x.sum(axis=1) > 16).astype(np.float32)
model = Sequential([
    layers.Input((32,)), layers.Dense(WIDTH, activation='relu'), layers.BatchNormalization(), layers.Dropout(0.3),
    layers.Dense(1, activation='sigmoid'),
])
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
history = model.fit(DATA, verbose=0, resume=Resume('kept', seconds=SECONDS, share=1.0), **ARGUMENTS)
bits = hashlib.sha256(b''.join(v.numpy().tobytes() for v in [*model.variables, *model.optimizer.variables]))
print(json.dumps([history.epoch, history.history, bits.hexdigest()]))
"""

_CLASS = """
class Batches(utils.PyDataset):
    def __len__(self):
        return 64
    def __getitem__(self, number):
        return x[number * 32 : (number + 1) * 32], y[number * 32 : (number + 1) * 32]
"""

# Whole stretches of steps; a stop at each batch, with callbacks that have a state; batches that come by themselves.
PROGRAMS = {
    'arrays': _PROGRAM.replace('WIDTH', '512').replace('DATA', 'x, y')
    .replace('**ARGUMENTS', 'epochs=60').replace('SECONDS', '0'),
    'hooks': _PROGRAM.replace('WIDTH', '2048').replace('DATA', 'x, y').replace(
        '**ARGUMENTS',
        "epochs=4, validation_split=0.2, callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None),"
        "callbacks.ReduceLROnPlateau('val_loss', patience=1), callbacks.EarlyStopping('val_loss', patience=50)]",
    ).replace('SECONDS', '0.02'),
    'batches': _PROGRAM.replace('WIDTH', '1024')
    .replace('model = Seq', f'{_CLASS}\nmodel = Seq')
    .replace('DATA', 'Batches()')
    .replace('**ARGUMENTS', 'epochs=20')
    .replace('SECONDS', '0.02'),
}  # fmt: skip


@dataclass
class Home:
    """A folder with nothing in it, where programs run."""

    folder: Path

    def start(self, program: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith('HEFTED_')} | {
            'HEFTED_DATA_DIR': str(self.folder / 'data'),
            'HEFTED_CACHE_DIR': str(self.folder.parent / 'cache'),
            'PYTHONPATH': str(SRC),
            'JAX_PLATFORMS': 'cpu',
        }
        return subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.folder,
        )

    def whole(self, program: str) -> tuple[bytes, float]:
        """What an unbroken process says, and how long it took."""
        begun = time.monotonic()
        process = self.start(program)
        out, err = process.communicate(timeout=120)
        if process.returncode:
            raise SystemExit(err.decode())
        return out, time.monotonic() - begun

    def ledger(self) -> list[dict]:
        done = subprocess.run(
            [sys.executable, '-m', 'hefted', 'ledger', '--all', '--json'],
            env=os.environ | {'HEFTED_DATA_DIR': str(self.folder / 'data'), 'PYTHONPATH': str(SRC)},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    def where(self) -> str:
        """In what a process was killed, as far as its files tell."""
        kept = self.folder / 'kept'
        if (kept / '.latest.state.tmp').exists():
            return 'in a write'
        if (kept / 'latest.state').exists():
            return 'with a checkpoint'
        return 'before the first checkpoint'


def trial(home: Home, program: str, wanted: bytes, seconds: float, drawn: random.Random) -> Counter[str]:
    """One training, killed until it finishes; where it was killed."""
    found: Counter[str] = Counter()
    while True:
        process = home.start(program)
        try:
            # A machine that others use as well is slower than it was: then the instants lie further apart.
            out, err = process.communicate(timeout=drawn.uniform(0, seconds * (1 + found.total() / 10)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            found[home.where()] += 1
            continue
        assert process.returncode == 0, err.decode()
        assert out == wanted, f'other bits after {found.total()} kills: {out[:200]!r}'
        check_ledger(home)
        return found


def check_ledger(home: Home) -> None:
    """Every attempt that has a journal has its energy, and its training has the sum of them.

    A process that is killed after its training was at its end, and its checkpoints were gone, is run again as another.
    """
    journals = 0
    for training in home.ledger():
        parts = training['children'] or [training]
        energies = [part['energy']['value'] for part in parts]
        assert all(energy > 0 for energy in energies), energies
        assert abs(sum(energies) - training['energy']['value']) < 1e-6 * sum(energies)
        statuses = [part['status'] for part in parts]
        assert 'finished' in statuses, statuses
        journals += len(parts)
    assert journals == len(list((home.folder / 'data' / 'runs').glob('*.jsonl')))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--seed', type=int, default=7)
    told = parser.parse_args()
    drawn, every, trials = random.Random(told.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as base:
        unbroken: dict[str, tuple[bytes, float]] = {}
        for name, program in PROGRAMS.items():
            for again in (0, 1):  # the second finds its compiled programs
                folder = Path(base) / f'{name}-{again}'
                folder.mkdir()
                unbroken[name] = Home(folder).whole(program)
            print(f'{name}: {unbroken[name][1]:.1f} s unbroken', flush=True)
        while every.total() < told.kills:
            name = list(PROGRAMS)[trials % len(PROGRAMS)]
            folder = Path(base) / f'trial-{trials}'
            folder.mkdir()
            found = trial(Home(folder), PROGRAMS[name], *unbroken[name], drawn)
            every, trials = every + found, trials + 1
            print(f'{name}: {found.total()} kills, the same bits; {dict(found)}', flush=True)
    print(json.dumps({'kills': every.total(), 'trainings': trials, 'the same bits': trials, **every}))


if __name__ == '__main__':
    main()
