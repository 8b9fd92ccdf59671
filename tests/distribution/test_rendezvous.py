"""Processes meet before JAX's runtime starts; whatever keeps them from it is said to all that came."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.distribution.worlds import free_port

from hefted.distribution import rendezvous
from hefted.errors import DistributionError, HostsDifferError
from hefted.world import World


def meet_all(worlds: list[World], timeout: float = 5.0, told: Any = None, **more: Any) -> list[Any]:
    """What came of each: what it was told, or the error."""

    def one(world: World) -> Any:
        own = {'host': f'host{world.rank}', 'pid': world.rank, **(told or {}).get(world.rank, {})}
        try:
            return rendezvous.meet(world, own, timeout, **more)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(worlds)) as pool:
        return list(pool.map(one, worlds))


def worlds(ranks: list[int], size: int) -> list[World]:
    coordinator = f'127.0.0.1:{free_port()}'
    return [World(rank, size, coordinator, 'hefted') for rank in ranks]


def test_each_learns_of_all():
    for came in meet_all(worlds([2, 0, 1], 3)):
        assert [each['host'] for each in came] == ['host0', 'host1', 'host2']


def test_who_never_comes_is_named_to_all_that_did():
    for error in meet_all(worlds([0, 2], 4), timeout=1.0):
        assert isinstance(error, DistributionError) and not isinstance(error, HostsDifferError)
        assert '2 of 4 processes have come (from host0, host2); missing: ranks 1, 3' in str(error)


def test_before_that_rank_0_says_for_whom_it_waits_and_rank_1_where_rank_0_is_not_there(capsys: Any):
    meet_all(worlds([0, 2], 4), timeout=2.0, sign=1.0)
    assert 'for ranks 1, 3 (up to 2 s)' in capsys.readouterr().err
    meet_all(worlds([1], 2), timeout=0.6, sign=0.2)
    assert 'does not yet find rank 0 at 127.0.0.1' in capsys.readouterr().err
    meet_all(worlds([0, 1], 2), timeout=5.0, sign=3.0)
    assert not capsys.readouterr().err


def test_without_rank_0_the_others_say_where_they_looked():
    (error,) = meet_all(worlds([1], 2), timeout=0.5)
    assert 'Rank 1 did not find rank 0 at 127.0.0.1' in str(error)
    assert 'HEFTED_COORDINATOR' in str(error)


def test_those_who_count_differently_are_told_so():
    first, *_ = worlds([0], 2)
    others = [World(1, 3, first.coordinator, 'hefted'), World(2, 3, first.coordinator, 'hefted')]
    answers = meet_all([first, *others[:1]])
    assert all(isinstance(error, HostsDifferError) for error in answers)
    assert 'rank 0 (host host0, process 0) was told 2, rank 1 (host host1, process 1) 3' in str(answers[0])
    assert str(answers[0]) == str(answers[1])


def test_two_of_one_rank_are_named():
    for error in meet_all(worlds([0, 1, 1], 3)):
        assert isinstance(error, HostsDifferError)
        assert 'Two processes say that they are rank 1' in str(error)


def test_a_verdict_of_rank_0_reaches_all():
    answers = meet_all(worlds([0, 1], 2), verdict=lambda told: f'{len(told)} of them do not please')
    assert [str(error) for error in answers] == ['2 of them do not please'] * 2


def test_a_port_that_is_taken_is_said():
    with socket.create_server(('', 0)) as server:
        world = World(0, 2, f'127.0.0.1:{server.getsockname()[1]}', 'hefted')
        with pytest.raises(DistributionError, match='Expected a port that is free on this host'):
            rendezvous.meet(world, {}, 1.0)


def test_strangers_at_the_port_disturb_nobody():
    both = worlds([0, 1], 2)
    host, port = '127.0.0.1', int(str(both[0].coordinator).rpartition(':')[2])

    def disturb() -> None:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            try:
                with socket.create_connection((host, port), timeout=1) as stranger:
                    stranger.sendall(b'GET / HTTP/1.1\r\n\r\n\n')
            except OSError:
                time.sleep(0.01)

    thread = threading.Thread(target=disturb)
    thread.start()
    time.sleep(0.1)
    answers = meet_all(both)
    thread.join()
    assert [len(came) for came in answers] == [2, 2]
