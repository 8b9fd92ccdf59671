"""Attempts at one training are one in the ledger, with the sum of all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hefted import ledger
from hefted.errors import ArgumentError
from hefted.ledger import attempts
from hefted.ledger.attempts import Attempts
from tests.ledger.test_index import keep, run_id


def test_attempts_are_one_training_by_the_last_ones_id_and_end(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0)
    keep(tmp_path, 2, end=None, joules=3.0, attempt=2, resumes=first)
    last = keep(tmp_path, 3, joules=2.0, attempt=3, resumes=first)
    alone = keep(tmp_path, 4)
    newest, training = ledger.open(tmp_path).runs()
    assert newest.id == alone
    assert (training.id, training.status, training.attempts) == (last, 'finished', 3)
    assert [child.attempt for child in training.children] == [1, 2, 3]
    assert training.energy is not None
    assert training.energy.value == pytest.approx(6.0 + 3.0 + 2.0)


def test_each_attempt_is_found_by_its_own_id_with_its_own_figures_and_those_of_all(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0)
    last = keep(tmp_path, 2, joules=2.0, attempt=2, resumes=first)
    kept = ledger.open(tmp_path)
    for name, energy in ((first, 6.0), (last, 2.0), ('last', 2.0)):
        run = kept.get(name)
        assert run.energy is not None
        assert run.of_all_attempts is not None
        assert (run.energy.value, run.of_all_attempts.value) == pytest.approx((energy, 8.0))
    assert kept.energy_of([first, last, run_id(9)]) == kept.get(first).of_all_attempts


def test_attempts_of_which_the_first_kept_no_journal_are_one_training_still(tmp_path: Path) -> None:
    for number in (2, 3):
        keep(tmp_path, number, attempt=number, resumes=run_id(1))
    (training,) = ledger.open(tmp_path).runs()
    assert training.attempts == 2


def test_an_attempt_that_is_a_part_of_a_sweep_is_counted_there_and_only_there(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0, parent=run_id(50))
    keep(tmp_path, 2, joules=1.0, parent=run_id(51), attempt=2, resumes=first)
    keep(tmp_path, 3, joules=1.0, parent=run_id(51))
    listed = ledger.open(tmp_path).runs()
    assert sum(run.energy.value for run in listed if run.energy) == pytest.approx(8.0)
    assert sorted(len(run.children) for run in listed) == [0, 2]


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    found = Attempts('0123', str(tmp_path / 'kept'), 'small', [run_id(1)], ['python', 'train.py'], '/', 'here')
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
