"""Kill trainings at instants drawn uniformly from their start on, run them again until they finish, compare the bits.

    python benchmarks/kills.py --kills 100

Each process is killed (SIGKILL) at an instant drawn uniformly from its start to the end of an unbroken one's life: in
imports, compiling, training, the writing of checkpoints, the receipt, the interpreter's end. It is run again, and
killed again so, until it comes to its end by itself, or was killed a few times. Then weights, optimizer and history
must have the bits of the unbroken training, and the ledger must hold the energy of every attempt whose run had begun:
those that the training's own record names after each kill, and those that have a journal. A process that was killed
before that, in imports mostly, is no attempt yet; how many there were is told. Checkpoints are made as often as can be,
so that many kills strike while one is written.
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
from typing import Any

SRC = Path(__file__).parents[1] / 'src'
MOST_KILLS = 6  # of one training: on a machine that is slower than it was none would come to its end

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
print('fit', file=sys.stderr, flush=True)
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

    def ledger(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, '-m', 'hefted', 'ledger', '--all', '--json'],
            env=os.environ | {'HEFTED_DATA_DIR': str(self.folder / 'data'), 'PYTHONPATH': str(SRC)},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    def attempts(self) -> list[str]:
        """The runs that the training's record names, and those that have a journal."""
        found = list((self.folder / 'data' / 'checkpoints').glob('*/attempts.json'))
        named = json.loads(found[0].read_bytes())['runs'] if found else []
        return [
            *named,
            *(path.stem for path in (self.folder / 'data' / 'runs').glob('*.jsonl') if path.stem not in named),
        ]

    def where(self, err: bytes) -> str:
        """In what a process was killed, as far as it said, and its files tell."""
        kept = self.folder / 'kept'
        if b'fit' not in err.split():
            return 'before fit'
        if (kept / '.latest.state.tmp').exists():
            return 'in a write'
        if (kept / 'latest.state').exists():
            return 'in fit, or after it, with a checkpoint'
        return 'in fit, before the first checkpoint'


@dataclass
class Trial:
    """One training, killed until it finishes.

    Attributes:
        where: In what it was killed, and how often.
        instants: When, as shares of an unbroken life.
        begun: The runs of its attempts.
        none: How many processes were killed before their run had begun.
        life: How long its last process lived.
    """

    where: Counter[str]
    instants: list[float]
    begun: list[str]
    none: int = 0
    life: float = 0.0


def trial(home: Home, program: str, wanted: bytes, seconds: float, first: float, drawn: random.Random) -> Trial:
    """One training, killed until it finishes; first at a share of an unbroken life, then at others that are drawn."""
    found, instant = Trial(Counter(), [], []), first
    while True:
        begun, process = time.monotonic(), home.start(program)
        try:
            out, err = process.communicate(timeout=instant * seconds if len(found.instants) < MOST_KILLS else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            err = process.communicate()[1]
            found.where[home.where(err)] += 1
            found.instants.append(instant)
            new = [run for run in home.attempts() if run not in found.begun]
            found.begun += new
            found.none += not new
            instant = drawn.random()
            continue
        found.life = time.monotonic() - begun
        assert process.returncode == 0, err.decode()
        assert out == wanted, f'other bits after {len(found.instants)} kills: {out[:200]!r}'
        check_ledger(home, found.begun)
        return found


def check_ledger(home: Home, begun: list[str]) -> None:
    """Every attempt that began has its energy there, and its training has the sum of them.

    A process that is killed after its training was at its end, and its checkpoints were gone, is run again as another.
    """
    energies: dict[str, float] = {}
    for training in home.ledger():
        parts = training['children'] or [training]
        own = {part['id']: part['energy']['value'] for part in parts}
        assert abs(sum(own.values()) - training['energy']['value']) < 1e-6 * sum(own.values())
        statuses = [part['status'] for part in parts]
        assert 'finished' in statuses, statuses
        energies |= own
    assert all(energy > 0 for energy in energies.values()), energies
    assert set(begun) <= energies.keys(), f'without a journal: {set(begun) - energies.keys()}'
    assert len(energies) == len(list((home.folder / 'data' / 'runs').glob('*.jsonl')))


def killed(folder: Path, name: str, unbroken: dict[str, tuple[bytes, float]], drawn: random.Random) -> Trial:
    """A training whose first process is killed at a share of its life that is drawn uniformly, for certain.

    On a machine that others use lives differ: one that ended before its instant has told how long it lives now, and
    another training is killed at the same share of that.
    """
    share, again = drawn.random(), 0
    while True:
        wanted, life = unbroken[name]
        home = Home(folder.with_name(f'{folder.name}-{again}'))
        home.folder.mkdir()
        found = trial(home, PROGRAMS[name], wanted, life, share, drawn)
        if found.instants or again == MOST_KILLS:
            return found
        unbroken[name], again = (wanted, found.life), again + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--seed', type=int, default=7)
    told = parser.parse_args()
    drawn, every, done = random.Random(told.seed), Counter[str](), list[Trial]()
    with tempfile.TemporaryDirectory() as base:
        unbroken: dict[str, tuple[bytes, float]] = {}
        for name, program in PROGRAMS.items():
            for again in (0, 1):  # the second finds its compiled programs
                folder = Path(base) / f'{name}-{again}'
                folder.mkdir()
                unbroken[name] = Home(folder).whole(program)
            print(f'{name}: {unbroken[name][1]:.1f} s unbroken', flush=True)
        while every.total() < told.kills:
            name = list(PROGRAMS)[len(done) % len(PROGRAMS)]
            found = killed(Path(base) / f'trial-{len(done)}', name, unbroken, drawn)
            every += found.where
            done.append(found)
            print(f'{name}: {len(found.instants)} kills, the same bits; {dict(found.where)}', flush=True)
    first = Counter(int(10 * each.instants[0]) for each in done if each.instants)
    later = Counter(int(10 * instant) for each in done for instant in each.instants[1:])
    figures = {
        'kills': every.total(),
        'trainings, all with the same bits': len(done),
        'killed attempts, all with their energy in the ledger': sum(len(each.begun) for each in done),
        'processes killed before an attempt had begun': sum(each.none for each in done),
        'first kills by tenth of an unbroken life': [first[tenth] for tenth in range(10)],
        'later kills, of processes that went on and live shorter': [later[tenth] for tenth in range(10)],
    }
    print(json.dumps(figures | every, indent=1))


if __name__ == '__main__':
    main()
