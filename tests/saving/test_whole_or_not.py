"""A file is written whole or not at all, whatever fails on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Sequential, layers
from hefted.errors import ArgumentError
from hefted.saving import load_model


def small() -> Sequential:
    return Sequential([Input((3,)), layers.Dense(400)])


resource = pytest.importorskip('resource')  # POSIX alone has such limits

SAVES: list[tuple[str, Callable[[Any, Any], None]]] = [
    ('model.keras', lambda model, path: model.save(path)),
    ('model.weights.h5', lambda model, path: model.save_weights(path)),
]


@pytest.mark.parametrize(('name', 'save'), SAVES, ids=['model', 'weights'])
@pytest.mark.parametrize('kind', [Path, str])
def test_paths_of_both_kinds_are_taken(name: str, save: Any, kind: Any, tmp_path: Path) -> None:
    model, other = small(), small()
    path = kind(tmp_path / name)
    save(model, path)
    save(model, path)  # over the old file
    other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(('name', 'save'), SAVES, ids=['model', 'weights'])
def test_a_disk_that_fills_up_leaves_the_old_file_whole(name: str, save: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    model = small()
    save(model, path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # the kernel refuses to write more, as a full disk does
    try:
        with pytest.raises(OSError):
            save(small(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    model = small()
    model.save(path)
    before = path.read_bytes()
    user = os.geteuid()
    tmp_path.chmod(0o500)
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anywhere; nobody may not
        with pytest.raises(PermissionError):
            model.save(path)
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['model.keras']


def test_a_folder_that_is_not_there_or_is_the_target_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        small().save(tmp_path / 'none' / 'model.keras')
    (tmp_path / 'folder.keras').mkdir()
    with pytest.raises(OSError):
        small().save(tmp_path / 'folder.keras')
    assert [p.name for p in tmp_path.iterdir()] == ['folder.keras']


def test_a_file_that_is_there_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    small().save(path)
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match='overwrite'):
        small().save(path, overwrite=False)
    assert path.read_bytes() == before


def test_a_saved_model_predicts_the_same(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / 'model.keras')
    x = np.ones((2, 3))
    np.testing.assert_array_equal(
        load_model(tmp_path / 'model.keras').predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_optimizer_state_comes_back_with_the_weights(tmp_path: Path) -> None:
    """ModelCheckpoint with save_weights_only: compile, load, train on."""
    x, y = np.ones((8, 3)), np.ones((8, 400))
    model = small()
    model.compile('adam', 'mse')
    model.fit(x, y, epochs=3, verbose=0, meter=None)
    model.save_weights(tmp_path / 'a.weights.h5')
    other = small()
    other.compile('adam', 'mse')
    other.load_weights(tmp_path / 'a.weights.h5')
    assert int(other.optimizer.iterations) == 3
    assert other.fit(x, y, verbose=0, meter=None).history == model.fit(x, y, verbose=0, meter=None).history
    plain = small()
    plain.compile('sgd', 'mse')
    with pytest.warns(UserWarning, match='its state is not loaded'):  # another optimizer's is left where it is
        plain.load_weights(tmp_path / 'a.weights.h5')
    assert int(plain.optimizer.iterations) == 0


@pytest.mark.parametrize(('name', 'save'), SAVES)
def test_what_cannot_be_written_is_said_of_the_path_that_was_given(name: str, save: Any, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    (tmp_path / name).mkdir()
    for path, error, words in (
        (tmp_path / 'none' / name, FileNotFoundError, 'make that folder first'),
        (tmp_path / 'file' / name, NotADirectoryError, 'no folder'),
        (tmp_path / name, IsADirectoryError, 'It is a folder'),
    ):
        with pytest.raises(error, match=rf'filepath \(.+{words}') as caught:
            save(small(), path)
        assert caught.value.filename == str(path)
        assert '.tmp' not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(['file', name])
