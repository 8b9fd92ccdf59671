"""The same training as one process and as four, whoever starts them: plain variables, Open MPI, Slurm."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
worlds = runpy.run_path(str(HERE / 'worlds.py'))
TRAINS: str = runpy.run_path(str(HERE / 'programs.py'))['TRAINS']
RANKS = 4


def told(folder: Path) -> list[dict[str, Any]]:
    """What each process has written, by rank."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob('*.json'))]


def launched(command: list[str], folder: Path, **variables: str) -> list[dict[str, Any]]:
    files = folder / (command[0] if command else 'alone')
    files.mkdir()
    environment = worlds['environment'](HEFTED_DATA_DIR=str(folder / 'data'), TOLD=str(files), **variables)
    done = subprocess.run(
        [*command, sys.executable, '-c', TRAINS],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return told(files)


def alike(several: list[dict[str, Any]], folder: Path, by: str) -> None:
    """They are four of one world, and trained as one process alone does."""
    (alone,) = launched([], folder)
    assert [(each['rank'], each['size'], each['by']) for each in several] == [(n, RANKS, by) for n in range(RANKS)]
    for each in several:
        assert each['loss'] == pytest.approx(alone['loss'], rel=1e-5)
        assert each['weights'] == pytest.approx(alone['weights'], rel=1e-5)


def test_four_processes_by_plain_variables_train_as_one(tmp_path: Path):
    ended = worlds['run'](TRAINS, RANKS, tmp_path)
    assert [each.code for each in ended] == [0] * RANKS, ended
    alike([json.loads(each.out.splitlines()[-1]) for each in ended], tmp_path, 'hefted')


@pytest.mark.service('openmpi')
def test_four_processes_by_mpirun_train_as_one(tmp_path: Path):
    command = ['mpirun', '--allow-run-as-root', '--oversubscribe', '-np', str(RANKS)]
    alike(launched(command, tmp_path), tmp_path, 'openmpi')


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A cluster of this machine alone: its key, its controller and its daemon, by the script beside this file."""
    folder = tmp_path / 'slurm'
    script = HERE / 'slurm.sh'
    subprocess.run(['bash', str(script), 'start', str(folder)], check=True, timeout=120, stdout=subprocess.DEVNULL)
    try:
        yield {'SLURM_CONF': str(folder / 'slurm.conf')}
    finally:
        subprocess.run(['bash', str(script), 'stop', str(folder)], check=False, timeout=30)


@pytest.mark.service('slurm')
def test_four_tasks_by_srun_train_as_one(tmp_path: Path, slurm: dict[str, str]):
    command = ['srun', '--overcommit', '--ntasks', str(RANKS), '--export', 'ALL']
    alike(launched(command, tmp_path, **slurm), tmp_path, 'slurm')
