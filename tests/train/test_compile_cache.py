"""The compile cache: the user's own folder, guarded; whatever is wrong with it costs time and nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tests import jaxs_own_cache

from hefted.train import compile_cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path))
    return tmp_path / 'xla'


def lowered(factor: float = 2.0) -> Any:
    return jax.jit(lambda x: {'out': x * factor + 1}).trace(np.ones(3, np.float32)).lower()


def compiled(factor: float = 2.0) -> Any:
    found = compile_cache.compile(lowered(factor))
    for thread in threading.enumerate():
        if thread.name == 'hefted-cache':
            thread.join()
    return found


def values(found: Any) -> list[float]:
    return found(np.ones(3, np.float32))['out'].tolist()


def test_the_second_time_it_is_loaded(folder: Path) -> None:
    assert values(compiled()) == [3, 3, 3]
    entry = next(folder.iterdir())
    before = entry.read_bytes()
    os.utime(entry, (1, 1))
    assert values(compiled()) == [3, 3, 3]
    assert entry.read_bytes() == before
    assert entry.stat().st_mtime > 1  # used, so it is among the last to go


def test_the_folder_is_the_owners_alone(folder: Path) -> None:
    compiled()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'empty', 'other'])
def test_a_damaged_entry_is_made_again(folder: Path, damage: str) -> None:
    compiled()
    entry = next(folder.iterdir())
    blob = entry.read_bytes()
    entry.write_bytes(
        {
            'truncated': blob[: len(blob) // 2],
            'flipped': blob[:-9] + bytes([blob[-9] ^ 1]) + blob[-8:],
            'empty': b'',
            'other': b'not one of ours',
        }[damage]
    )
    assert values(compiled()) == [3, 3, 3]
    assert entry.read_bytes().startswith(b'hefted-xla')
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_others_can_enter_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o777)
    assert values(compiled()) == [3, 3, 3]
    assert not list(folder.iterdir())


def test_a_folder_that_is_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    assert values(compiled()) == [3, 3, 3]
    assert not list(elsewhere.iterdir())


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / 'file'
    blocked.write_text('in the way')
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(blocked / 'cache'))
    assert values(compiled()) == [3, 3, 3]


def test_other_programs_have_other_entries(folder: Path) -> None:
    assert values(compiled(2.0)) == [3, 3, 3]
    assert values(compiled(5.0)) == [6, 6, 6]
    assert len(list(folder.iterdir())) == 2


def test_the_oldest_go_when_the_folder_is_full(tmp_path: Path) -> None:
    for age in range(5):
        entry = tmp_path / f'{age}.xla'
        entry.write_bytes(b'x' * 100)
        os.utime(entry, (1000 - age, 1000 - age))
    compile_cache.trim(tmp_path, 250)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['0.xla', '1.xla']


def test_an_option_that_this_xla_has_not_got_costs_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_cache, '_CPU_OPTIONS', {'xla_cpu_no_such_option': 'yes'})
    assert values(compiled(3.0)) == [4, 4, 4]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.skipif(jax.default_backend() != 'cpu', reason='service: the options are for CPUs')
def test_programs_for_a_cpu_are_ordered_for_memory(folder: Path) -> None:
    """Eight branches, each large inside: one after another they need less at once."""

    def branches(x: Any) -> Any:
        return sum((jax.numpy.sin(x * i)[:, None] @ jax.numpy.cos(x * i)[None, :]).max(1) for i in range(8))

    program = jax.jit(branches).trace(np.ones(512, np.float32)).lower()
    ours, plain = compile_cache.compile(program), program.compile()
    assert ours.memory_analysis().temp_size_in_bytes < plain.memory_analysis().temp_size_in_bytes
    np.testing.assert_allclose(ours(np.ones(512, np.float32)), plain(np.ones(512, np.float32)), rtol=1e-6)


def test_an_argument_that_is_not_used_may_have_another_shape(folder: Path) -> None:
    def runs(unused: int) -> list[float]:
        arguments = np.ones(3, np.float32), np.ones(unused, np.float32)
        traced = jax.jit(lambda x, _: {'out': x * 2.0 + 1}).trace(*arguments)
        found = compile_cache.compile(traced.lower())
        for thread in threading.enumerate():
            if thread.name == 'hefted-cache':
                thread.join()
        return found(*arguments)['out'].tolist()

    assert runs(2) == runs(5) == runs(2) == [3, 3, 3]


def test_what_jaxs_own_cache_gave_is_not_kept_here_as_it_would_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with jaxs_own_cache.kept_in(tmp_path / 'jax'):
        for name, kept in (('one', 1), ('two', 0), ('one', 1), ('two', 0)):  # new; JAX's; one's own; JAX's again
            monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path / name))
            jax.clear_caches()
            assert values(compiled()) == [3, 3, 3]
            assert len(list((tmp_path / name / 'xla').iterdir())) == kept
