"""Metering never hurts: tests of `fit` have the same outcome, and a fit the same bits, under sensors that go wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
SUBSET = ['models/test_callbacks_in_fit.py', 'train/test_program.py']

FIT = """
import hashlib, runpy
if FAULTY:
    runpy.run_path(os.environ['FAULTS'])['register_them']()
model = small()
history = model.fit(x, y, epochs=40, batch_size=16, validation_split=0.25, verbose=0)
weights = b''.join(weight.tobytes() for weight in model.get_weights())
print(hashlib.sha256(weights).hexdigest())
print({name: [value.hex() for value in values] for name, values in history.history.items()})
print('---')
print(history.receipt())
"""


def test_a_fits_weights_and_history_are_the_same_bits_and_the_gaps_are_told(house):
    faults = str(TESTS / 'faulty_sensors.py')
    well = house.run('FAULTY = False' + FIT, FAULTS=faults)
    ill = house.run('FAULTY = True' + FIT, FAULTS=faults)
    assert well.partition('---')[0] == ill.partition('---')[0]
    assert 'faulty-' not in well
    assert 'faulty-0: ' in ill
    (run, *_) = house.ledger()
    assert run['status'] == 'finished'
    assert run['energy']['value'] < 1e6  # no jump was believed


def outcome(folder: Path, *options: str, **environment: str) -> str:
    """What pytest says last of the subset."""
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-n', '0', '-p', 'no:cacheprovider', *options]
        + [str(TESTS / path) for path in SUBSET],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=TESTS.parent,
        env=os.environ | {'HOME': str(folder), 'PYTHONPATH': str(TESTS.parent / 'src')} | environment,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return re.sub(r' in .*', '', done.stdout.splitlines()[-1].strip('= '))  # a bar's length goes by the seconds


def test_the_tests_of_fit_pass_as_before(tmp_path):
    # Without these sensors they run where all tests do: here each must pass, and none be skipped.
    every, _, _ = outcome(tmp_path, '--collect-only').partition(' ')
    assert int(every) > 0
    assert outcome(tmp_path, HEFTED_TEST_FAULTS='1') == f'{every} passed'
