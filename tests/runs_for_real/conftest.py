"""Real processes with an empty home, that train, are killed, and are then looked at from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / 'src'

# What most of these programs begin with: data, and a small model that is the same each time.
PRELUDE = """
import os, sys, time
import numpy as np
from hefted import Sequential, runs, utils
from hefted.layers import Dense, Input

rng = np.random.default_rng(1)
x = rng.random((256, 8), np.float32)
y = (x.sum(axis=1) > 4).astype(np.float32)

def small(name='small', width=4):
    utils.set_random_seed(1)
    model = Sequential([Input((8,)), Dense(width, activation='relu'), Dense(1, activation='sigmoid')], name=name)
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    return model
"""

# Whoever runs the tests in the background ignores Ctrl-C, and a child inherits that. (A function called after the fork,
# before exec, would do as well, but in a process that has imported JAX such a fork is warned of.)
_HEARS_CTRL_C = 'import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n'


class House:
    """A home with nothing in it, and programs that run there.

    Args:
        folder: Where it is.
        cache: The folder of compiled programs; shared by tests that do not look at it, as compiling takes a second.
    """

    prelude = PRELUDE

    def __init__(self, folder: Path, cache: Path):
        self.folder = folder
        self.data = folder / 'data'
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('HEFTED_', 'XDG_', 'LC_', 'COVERAGE_')) and name not in ('NO_COLOR', 'COLUMNS')
        } | {
            'HOME': str(folder / 'home'),
            'HEFTED_DATA_DIR': str(self.data),
            'HEFTED_CACHE_DIR': str(cache),
            'PYTHONPATH': str(SRC),
            'JAX_PLATFORMS': 'cpu',
        }
        (folder / 'home').mkdir()

    def start(self, code: str, *, prelude: str = PRELUDE, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program; it is the leader of a process group of its own."""
        return subprocess.Popen(
            [sys.executable, '-c', _HEARS_CTRL_C + prelude + code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment | environment,
            cwd=self.folder,
            start_new_session=True,
        )

    def run(self, code: str, *, prelude: str = PRELUDE, **environment: str) -> str:
        """Run a program to its end, which must be a good one with nothing said on stderr; what it printed."""
        process = self.start(code, prelude=prelude, **environment)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        assert not err, err.decode()
        return out.decode('utf-8', 'replace')

    def hefted(self, *arguments: str) -> str:
        """What the `hefted` command says; it must end well."""
        done = subprocess.run(
            [sys.executable, '-m', 'hefted.cli', *arguments],
            capture_output=True,
            env=self.environment,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert not done.stderr
        return done.stdout.decode()

    def ledger(self) -> list[dict]:
        """The runs as the ledger lists them, newest first."""
        return json.loads(self.hefted('ledger', '--all', '--json'))


@pytest.fixture(scope='session')
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('cache')


@pytest.fixture
def house(tmp_path: Path, shared_cache: Path) -> House:
    return House(tmp_path, shared_cache)


@pytest.fixture(scope='session')
def losses(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> str:
    """What a training that nothing befalls, and that nobody meters, says of its loss."""
    house = House(tmp_path_factory.mktemp('well'), shared_cache)
    return house.run(
        """
history = small().fit(x, y, epochs=3, verbose=0)
print('loss', [f'{value:.9f}' for value in history.history['loss']])
""",
        HEFTED_METER='off',
    )
