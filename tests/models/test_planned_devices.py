"""A plan, its forecast and its receipt know how many devices share a step, and what they send one another."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.models import planned_on

_SCALARS = 4 * 8  # the loss and what counts it


@functools.cache
def told_by(devices: int, rows: int = 128) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {'HEFTED_DATA_DIR': folder, 'HEFTED_CACHE_DIR': folder, 'HEFTED_METER': 'auto'}
        done = subprocess.run(
            [sys.executable, str(Path(planned_on.__file__)), str(devices), str(rows)],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_plan_is_of_all_devices_together():
    one, eight = told_by(1)['plan'], told_by(8)['plan']
    assert (one['devices'], eight['devices']) == (1, 8)
    for same in ('steps', 'batch_size', 'products_per_step', 'parameters'):
        assert one[same] == eight[same]
    assert one['flops_per_step'] == pytest.approx(eight['flops_per_step'], rel=0.03)
    # Each device reads all weights, and its own rows.
    assert one['bytes_per_step'] < eight['bytes_per_step'] < 8.5 * one['bytes_per_step']


@pytest.mark.parametrize('rows', [128, 120])
def test_what_devices_send_is_counted_in_the_sharded_program(rows: int):
    told = told_by(8, rows)
    gradients = 4 * told['parameters']
    summed = told['plan']['bytes_between_devices'] / (2 * 7 / 8)
    assert gradients < summed <= gradients + _SCALARS
    assert 'bytes_between_devices' not in told_by(1)['plan']


def test_a_journal_a_receipt_and_exports_say_so():
    told = told_by(8)
    assert told['kept']['devices'] == 8
    assert told['kept']['bytes_between_devices'] == told['plan']['bytes_between_devices']
    assert told['line'].endswith('8 steps on 8 devices')
    assert '8 shared each step, each sending' in told['receipt']
    assert (told['exported']['devices'], told['exported']['sent']) == (8, told['plan']['bytes_between_devices'])
    assert '| Devices | 8 shared each step, each sending' in told['card']
    assert 'devices: 8 shared each step' in told['act']
    assert 'shared each step' not in told_by(1)['receipt']


def test_elsewhere_its_own_bytes_go_over_the_links_there():
    one, eight = told_by(1), told_by(8)
    assert (eight['there']['devices'], one['there']['devices']) == (64, 64)
    summed = eight['there']['bytes_between_devices'] / (2 * 63 / 64)
    assert summed == pytest.approx(eight['plan']['bytes_between_devices'] / (2 * 7 / 8))
    assert eight['there']['peak_flops'] == 15.7e12
    assert 'a step from each of 64 devices' in eight['told there']
    # What theory says of the plan of one device is near: gradients are float32.
    assert one['waits'] == pytest.approx(eight['waits'], rel=0.02)
