"""What the machine reaches is measured once, kept, and believed only where it makes sense."""

from __future__ import annotations

from pathlib import Path

import jax

from hefted.train import calibration
from hefted.train.calibration import Calibration


def test_it_takes_a_third_of_a_second_and_each_figure_makes_sense():
    found = calibration.measure()
    assert 1e8 < found.flops < 1e15
    assert 1e8 < found.bandwidth < 1e13
    assert 0 < found.dispatch < 0.1
    assert found.disk > 0


def test_what_was_kept_is_read_back(tmp_path: Path):
    told = Calibration(1e11, 2e10, 5e-5, 1e9)
    calibration.store(tmp_path / 'one.json', told)
    assert calibration.load(tmp_path / 'one.json') == told
    assert [path.name for path in tmp_path.iterdir()] == ['one.json']


def test_what_is_broken_or_makes_no_sense_is_passed_over(tmp_path: Path):
    path = tmp_path / 'one.json'
    for text in ('', '{', '[]', '{"flops": 1}', '{"flops":-1,"bandwidth":1,"dispatch":1,"disk":1}', 'null'):
        path.write_text(text)
        assert calibration.load(path) is None
    path.write_text('{"flops":NaN,"bandwidth":1,"dispatch":1,"disk":1}')
    assert calibration.load(path) is None
    assert calibration.load(tmp_path / 'none.json') is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path):
    calibration.store(tmp_path / 'missing' / 'one.json', Calibration(1.0, 1.0, 1.0, 1.0))
    assert not (tmp_path / 'missing').exists()


def test_virtual_devices_of_a_processor_are_one_processor_and_hosts_add_up():
    found, here = calibration.calibration(), jax.local_device_count()
    assert calibration.of_devices(here) == found
    assert calibration.of_devices(4 * here).flops == 4 * found.flops
