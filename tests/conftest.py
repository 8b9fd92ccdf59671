"""With HEFTED_TEST_FAULTS=1 every meter has sensors that do what no sensor should: all tests must pass as before."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

os.environ['KERAS_BACKEND'] = 'jax'  # before anything imports the oracle


@pytest.fixture(autouse=True, scope='session')
def faulty_sensors() -> None:
    if os.environ.get('HEFTED_TEST_FAULTS') == '1':
        runpy.run_path(str(Path(__file__).with_name('faulty_sensors.py')))['register_them']()
