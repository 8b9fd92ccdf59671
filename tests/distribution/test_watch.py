"""What one process's watch does with the signs of others; the signs are in a dictionary, the time is real."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hefted.distribution import hosts
from hefted.distribution.watch import TERMINATED, Watch
from hefted.errors import HostLostError, HostsDifferError
from hefted.world import World


class InMemory:
    """What all see, in this process; counts the signs that are shown."""

    def __init__(self, **kept: str) -> None:
        self.kept = dict(kept)
        self.shown = 0

    def put(self, key: str, value: str) -> None:
        self.shown += 1
        self.kept[key] = value

    def get(self, key: str, seconds: float) -> str | None:
        del seconds
        return self.kept.get(key)

    def below(self, folder: str) -> dict[str, str]:
        return {key: value for key, value in self.kept.items() if key.startswith(folder)}

    def drop(self, key: str) -> None:
        del self.kept[key]


def watch_beside(**sign: Any) -> tuple[Watch, InMemory]:
    """That of rank 0, beside one that has shown a sign."""
    store = InMemory(**{'hefted/alive/1': json.dumps({'n': 1} | sign)})
    return Watch(World(0, 2, 'localhost:1', 'hefted'), ['here', 'there'], store, lambda _: None), store


def test_once_somebody_is_lost_the_others_are_not_asked_without_a_pause() -> None:
    watch, store = watch_beside(left='ValueError: struck')
    watch.look()
    watch.start()
    time.sleep(0.4)
    watch.stop()
    assert watch.lost is not None
    assert store.shown <= 4


def test_one_that_was_told_to_end_is_lost_and_has_not_failed() -> None:
    watch, _ = watch_beside(left=TERMINATED)
    watch.look()
    with pytest.raises(HostLostError, match=r'rank 1 \(host there\) was told to end by SIGTERM.* with resume='):
        watch.check()


def test_who_lives_but_does_not_come_is_named_soon_and_in_the_end_waited_for_no_more(
    capsys: pytest.CaptureFixture[str],
):
    watch, _ = watch_beside()
    with pytest.raises(HostsDifferError, match=r'rank 1 \(host there\) did not come to agree on the training'):
        hosts._exchange(watch, 'the training', '{}', 0.3, sign=0.1)
    assert (
        capsys.readouterr().err == 'hefted: rank 0 waits for rank 1 (host there) to come to the training (up to 0 s)\n'
    )
