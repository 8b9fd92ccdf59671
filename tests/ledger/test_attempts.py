"""What is known of attempts at a training, kept where this user alone can write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hefted.errors import ArgumentError
from hefted.ledger import attempts
from hefted.ledger.attempts import Attempts


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    found = Attempts('0123', str(tmp_path / 'kept'), 'small', ['01932b3e-7c00'], ['python', 'train.py'], '/', 'here')
    attempts.save(found)
    return found


def test_what_was_saved_is_read_again_and_forgotten(known: Attempts) -> None:
    assert attempts.load('0123') == known
    assert list(attempts.listed()) == [known]
    attempts.forget(known)
    assert attempts.load('0123') is None
    assert list(attempts.listed()) == []


@pytest.mark.parametrize('text', ['', '{', '[]', '{"key": 1}', '{"schema": 2}'])
def test_what_cannot_be_read_is_nothing_known(known: Attempts, text: str) -> None:
    (known.folder / 'attempts.json').write_text(text)
    assert attempts.load('0123') is None


@pytest.mark.skipif(not hasattr(os, 'getuid'), reason='posix: Windows has no modes')
def test_a_link_to_a_file_elsewhere_is_not_followed(known: Attempts, tmp_path: Path) -> None:
    file = known.folder / 'attempts.json'
    (tmp_path / 'elsewhere').write_text(json.dumps({'command': ['evil']}))
    file.unlink()
    file.symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(ArgumentError, match='yours alone'):
        attempts.load('0123')


def test_what_somebody_else_put_beside_checkpoints_stays(known: Attempts, tmp_path: Path) -> None:
    folder = Path(known.checkpoints)
    folder.mkdir(exist_ok=True, parents=True)
    attempts.save(known)
    for name in ('.mine.tmp', 'notes.txt', '.latest.state.tmp', 'latest.state'):
        (folder / name).touch()
    attempts.forget(known)
    assert {file.name for file in folder.iterdir()} == {'.mine.tmp', 'notes.txt'}
