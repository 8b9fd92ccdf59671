"""A process of four that dies in the middle of a training: all others say so within a minute, and nothing is lost."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
worlds = runpy.run_path(str(HERE / 'worlds.py'))
TRAINS: str = runpy.run_path(str(HERE / 'programs.py'))['TRAINS']
WITHIN_SECONDS = 60
SLOW = """
from hefted.distribution import watch
from hefted.train import state_file
write, watch._GRACE = state_file.write, 1.0
state_file.write = lambda *given: (time.sleep(5), write(*given))
folder = """


def train(folder: Path, size: int, code: str = TRAINS, **variables: str) -> list[Any]:
    port = worlds['free_port']()
    told = [worlds['plain'](rank, size, port) | variables for rank in range(size)]
    return worlds['run'](code, size, folder, told)


def said(ended: Any) -> dict[str, Any]:
    """All that a process has printed as JSON."""
    return {k: v for line in ended.out.splitlines() if line.startswith('{') for k, v in json.loads(line).items()}


def ends_of_runs(folder: Path) -> list[dict[str, Any]]:
    journals = sorted((folder / 'data' / 'runs').glob('*.jsonl'))
    return [json.loads(path.read_text('utf-8').splitlines()[-1]) for path in journals]


@pytest.fixture(scope='module')
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the training comes to in one process that nothing happens to."""
    return said(train(tmp_path_factory.mktemp('alone'), 1)[0])


@pytest.mark.parametrize('dies', [2, 0])
def test_a_process_that_is_killed_is_named_by_all_others_and_the_training_goes_on_with_fewer(
    tmp_path: Path, dies: int, alone: dict[str, Any]
):
    keeps = {'RESUME': str(tmp_path / 'checkpoints')}
    # However long a busy machine takes to free it, none is ended that would have raised by itself.
    patient = 'from hefted.distribution import watch\nwatch._GRACE = 40.0\n' + TRAINS
    ended = train(tmp_path, 4, patient, DIES=str(dies), **keeps)

    died = said(ended[dies])['died']
    survivors = [each for rank, each in enumerate(ended) if rank != dies]
    for each in survivors:
        assert each.code == 1, each
        assert said(each)['error'] == 'HostLostError'
        assert f'rank {dies} (host ' in said(each)['told']
        assert 0 <= said(each)['at'] - died < WITHIN_SECONDS
    ends = ends_of_runs(tmp_path)
    closed = [(end.get('status'), end.get('error')) for end in ends if end.get('end')]
    assert closed == [('failed', 'HostLostError')] * 3

    (first, second) = map(said, train(tmp_path, 2, **keeps))
    assert first['weights'] == second['weights']
    assert first['weights'] == pytest.approx(alone['weights'], rel=1e-5)
    assert first['loss'] == pytest.approx(alone['loss'], rel=1e-5)


def test_one_that_only_stops_is_lost_as_well_and_who_waits_for_it_inside_of_a_collective_is_ended(tmp_path: Path):
    port = worlds['free_port']()
    told = [worlds['plain'](rank, 4, port) | {'DIES': '1', 'HOW': 'SIGSTOP'} for rank in range(4)]
    group = worlds['Group'](TRAINS, 4, tmp_path, told)
    try:
        codes = [group.processes[rank].wait(150) for rank in (0, 2, 3)]
        at = time.time()
    finally:
        group.processes[1].kill()
    ended = group.end()
    assert all(code in (1, 75) for code in codes), ended
    assert 'died' in said(ended[1]), ended
    assert at - said(ended[1])['died'] < WITHIN_SECONDS
    for rank in (0, 2, 3):
        assert 'rank 1 (host ' in ended[rank].out + ended[rank].error
        assert 'showed no sign of life' in ended[rank].out + ended[rank].error
    closed = [(end.get('status'), end.get('error')) for end in ends_of_runs(tmp_path) if end.get('end')]
    assert closed == [('failed', 'HostLostError')] * 3


def test_one_that_a_scheduler_tells_to_end_does_so_with_its_journal_closed_and_the_others_know_why(tmp_path: Path):
    begun = time.monotonic()
    first, second = train(tmp_path, 2, DIES='1', HOW='SIGTERM')
    assert time.monotonic() - begun < WITHIN_SECONDS
    assert second.code == 128 + 15, second
    assert 'rank 1 was told to end by SIGTERM' in second.error
    assert first.code in (1, 75), first
    assert 'rank 1 (host ' in first.error.splitlines()[-1]
    assert 'was told to end by SIGTERM' in first.error.splitlines()[-1]
    closed = {end.get('status') for end in ends_of_runs(tmp_path) if end.get('end')}
    assert closed == {'failed', 'stopped'}


@pytest.mark.parametrize('told', [0, 1])
def test_where_checkpoints_are_kept_all_keep_one_of_the_same_step_before_they_end(
    tmp_path: Path, told: int, alone: dict[str, Any]
):
    keeps = {'RESUME': str(tmp_path / 'checkpoints'), 'SECONDS': '1000'}  # none by the clock
    ended = train(tmp_path, 2, DIES=str(told), HOW='SIGTERM', **keeps)
    assert ended[told].code == 128 + 15, ended
    assert f'rank {told} was told to end by SIGTERM. It keeps a checkpoint first' in ended[told].error
    other = ended[1 - told]
    assert other.code in (1, 75), other
    assert f'rank {told} (host ' in other.error.splitlines()[-1]
    assert (tmp_path / 'checkpoints' / 'latest.state').exists()

    (on,) = map(said, train(tmp_path, 1, **keeps))
    assert on['weights'] == pytest.approx(alone['weights'], rel=1e-5)
    assert on['loss'] == pytest.approx(alone['loss'], rel=1e-5)
    assert not (tmp_path / 'checkpoints').exists()


def test_the_others_wait_for_rank_0_where_a_checkpoint_takes_longer_than_one_of_them_may_be_gone(tmp_path: Path):
    slow, keeps = TRAINS.replace('\nfolder = ', SLOW), {'RESUME': str(tmp_path / 'checkpoints'), 'SECONDS': '1000'}
    ended = train(tmp_path, 2, slow, DIES='1', HOW='SIGTERM', **keeps)
    assert ended[1].code == 128 + 15, ended
    assert (tmp_path / 'checkpoints' / 'latest.state').exists(), ended
