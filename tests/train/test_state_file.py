"""A state comes back as it was written, or the file is refused; the backup before it is taken then."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from hefted import Input, Sequential, callbacks, layers
from hefted.errors import ArchiveError, ArgumentError
from hefted.train import state_file

VALUE = {
    'numbers': [1, 2.5, float('inf'), True, None, 'text'],
    'arrays': [np.arange(6, dtype=np.uint32).reshape(2, 3), np.array(1.5, ml_dtypes.bfloat16), np.zeros((0, 2))],
    'array': {'dict': {'array': 0}},
}


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state_file.write(tmp_path / 'a', VALUE)
    found = state_file.read(tmp_path / 'a')
    assert found['numbers'] == VALUE['numbers']
    assert found['array'] == VALUE['array']
    for a, b in zip(found['arrays'], VALUE['arrays'], strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    assert [path.name for path in tmp_path.iterdir()] == ['a']


def test_a_file_cut_or_changed_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a'
    state_file.write(path, VALUE)
    blob = path.read_bytes()
    for at in range(0, len(blob), 7):
        for damaged in (blob[:at], blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], blob[:at] + b'x' + blob[at:]):
            path.write_bytes(damaged)
            with pytest.raises(ArchiveError):
                state_file.read(path)


@pytest.mark.parametrize(
    'arrays', [[['float32', [1 << 40]]], [['object', [1]]], [['float32', [-1]]], [['O', []]], 'x', [[[], 1]]], ids=str
)
def test_a_file_that_claims_what_it_has_not_is_refused(tmp_path: Path, arrays: Any) -> None:
    manifest = json.dumps({'value': None, 'arrays': arrays}).encode()
    path = tmp_path / 'a'
    path.write_bytes(b'hefted state 1\n\0' + bytes(32) + len(manifest).to_bytes(8, 'little') + manifest)
    with pytest.raises(ArchiveError):
        state_file.read(path)


def test_what_is_no_plain_value_is_not_written(tmp_path: Path) -> None:
    for bad in (object(), {1: 2}, np.array([None])):
        with pytest.raises(ArgumentError):
            state_file.write(tmp_path / 'a', bad)
    assert not list(tmp_path.iterdir())


def fit(folder: Path, width: int = 3, **arguments: Any) -> Any:
    model = Sequential([Input((2,)), layers.Dense(width), layers.Dense(1)])
    model.compile('sgd', 'mse')
    backup = callbacks.BackupAndRestore(folder, delete_checkpoint=False, double_checkpoint=True)
    x = np.ones((8, 2), 'float32')
    return model.fit(x, x[:, :1], verbose=0, meter=None, callbacks=[backup], **{'epochs': 2} | arguments)


def test_a_damaged_backup_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    fit(tmp_path)
    (tmp_path / 'latest.state').write_bytes(b'half')
    with pytest.warns(UserWarning, match='passed over'):
        history = fit(tmp_path, epochs=4)
    assert history.epoch == [0, 1, 2, 3]
    for name in ('latest.state', 'latest.state.bkp'):
        (tmp_path / name).write_bytes(b'half')
    with pytest.warns(UserWarning, match='passed over'), pytest.raises(ArchiveError, match=r'Delete latest\.state'):
        fit(tmp_path)


def test_a_backup_of_another_model_or_other_data_is_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    with pytest.raises(ArgumentError, match='another model'):
        fit(tmp_path, width=4)
    with pytest.raises(ArgumentError, match='batch_size'):
        fit(tmp_path, batch_size=4, epochs=3)


def test_a_folder_that_cannot_be_made_is_an_error_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(OSError):
        fit(tmp_path / 'file' / 'folder')


def test_what_a_killed_process_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    fit(tmp_path)
    left = ['.latest.state.tmp', '.latest.state.bkp.tmp', '.latest.state.probe']
    for name in left:
        (tmp_path / name).write_bytes(b'half')
    state_file.write(tmp_path / 'latest.state', {'number': 1}, tmp_path / 'latest.state.bkp')
    assert sorted(path.name for path in tmp_path.iterdir()) == [left[2], 'latest.state', 'latest.state.bkp']
    for name in left:
        (tmp_path / name).write_bytes(b'half')
    callbacks.BackupAndRestore(tmp_path).on_train_end()
    assert not tmp_path.exists()


def test_there_is_a_last_state_at_every_instant(tmp_path: Path) -> None:
    path, before = tmp_path / 'latest.state', tmp_path / 'previous.state'
    state_file.write(path, {'number': 0})
    missing: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            if not path.exists():
                missing.append(1)

    watch = threading.Thread(target=look)
    watch.start()
    for number in range(1, 200):
        state_file.write(path, {'number': number}, keep=before)
    ended.set()
    watch.join()
    assert not missing
    assert (state_file.read(path), state_file.read(before)) == ({'number': 199}, {'number': 198})
    assert sorted(each.name for each in tmp_path.iterdir()) == ['latest.state', 'previous.state']
