"""Four processes on one machine, started by plain variables, are one world; what keeps them from it is said by all."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from hefted.distribution import launch
from hefted.errors import ArgumentError, DistributionError

worlds = runpy.run_path(str(Path(__file__).with_name('worlds.py')))
run, plain, free_port = worlds['run'], worlds['plain'], worlds['free_port']

MEETS = """
import json
from hefted.distribution import hosts, launch

world = launch.initialize()
again = launch.initialize()
import jax
from hefted import random
from hefted.distribution.placing import placing_for

told = hosts.gather({'rank': jax.process_index(), 'seed': random.told_seed()})
differs = ''
try:
    hosts.agree('the training', {'batch_size': 32, 'data': {'rows': 8 + (world.rank == 2)}})
except Exception as error:
    differs = f'{type(error).__name__}: {error}'
print(json.dumps({
    'world': [world.rank, world.size, world.local_rank, world.local_size], 'same': world is again,
    'devices': len(jax.devices()), 'kept': placing_for(8).how is placing_for(8).how, 'told': told, 'differs': differs,
}))
"""
REFUSED = """
from hefted.distribution import launch

try:
    launch.initialize(timeout=20)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_four_processes_become_one_world_with_one_seed_and_agree_or_say_all_the_same(tmp_path: Path):
    ended = run(MEETS, 4, tmp_path)
    assert [each.code for each in ended] == [0] * 4, ended
    told = [json.loads(each.out) for each in ended]
    assert [each['world'] for each in told] == [[rank, 4, rank, 4] for rank in range(4)]
    assert all(each['same'] and each['devices'] == 4 for each in told)
    assert all(each['kept'] for each in told)  # else each fit would compile anew
    assert [each['rank'] for each in told[3]['told']] == [0, 1, 2, 3]
    assert len({each['seed'] for each in told[0]['told']}) == 1
    expected = 'the training: data.rows: 8 for ranks 0, 1, 3'
    assert all(expected in each['differs'] and '9 for rank 2' in each['differs'] for each in told)


def test_processes_that_count_differently_all_say_so_and_none_hangs_or_aborts(tmp_path: Path):
    port = free_port()
    ended = run(REFUSED, 2, tmp_path, [plain(0, 2, port), plain(1, 3, port)])
    assert [each.code for each in ended] == [0, 0], ended
    assert ended[0].out == ended[1].out
    assert ended[0].out.startswith('HostsDifferError The processes do not agree on how many they are')


def test_a_process_that_has_computed_already_is_too_late(monkeypatch: pytest.MonkeyPatch):
    import jax

    jax.devices()
    with pytest.raises(DistributionError, match='came too late'):
        launch.initialize('127.0.0.1:1234', 2, 1)


def test_an_argument_of_the_wrong_kind_is_named():
    with pytest.raises(ArgumentError, match=r"Expected num_processes to be a whole number, received '2'"):
        launch.initialize('127.0.0.1:1234', '2', 1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match='Expected job_addresses to be a string'):
        launch.initialize(1234, 2, 1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match='a rank from 0 to 1'):
        launch.initialize('127.0.0.1:1234', 2, 2)


def test_arguments_complete_what_the_launcher_says(monkeypatch: pytest.MonkeyPatch):
    for name, value in {'PMI_RANK': '1', 'PMI_SIZE': '2', 'MPI_LOCALNRANKS': '2'}.items():
        monkeypatch.setenv(name, value)
    asked = launch._asked('node1:1234', None, None)
    assert (asked.rank, asked.size, asked.coordinator) == (1, 2, 'node1:1234')


def test_gpus_of_a_host_are_divided_among_its_processes_unless_the_launcher_has_done_so():
    def told(cuda: str | None) -> dict[str, object]:
        return {'machine': 'a', 'cuda': cuda, 'gpus': 8}

    placed = launch.World(1, 2, 'a:1', 'hefted', 1, 2)
    assert launch._devices(placed, [told(None), told(None)]) == [4, 5, 6, 7]
    assert launch._devices(placed, [told('0'), told('1')]) is None
    with pytest.raises(DistributionError, match='3 processes of one host cannot share its 8 GPUs evenly'):
        launch.divided(8, 0, 3)
