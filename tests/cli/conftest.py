"""How long a command takes to start, whatever else the machine does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import pytest

_TRIES = 20  # on a busy machine most of them wait for a processor


def _seconds(arguments: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """Of a Python that ends well, by the clock: a wait counts as well."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=dict(environment), capture_output=True, check=True, timeout=120)
    return time.perf_counter() - begun


@pytest.fixture
def starts() -> Callable[..., bool]:
    """`starts(environment, *arguments, within=15)`: whether Python with these takes at most so many times as long as a
    bare one does, 10 ms on a machine of 2025, so that 15 is 150 ms there; the least of each, of tries in turn."""

    def over_a_bare_one(environment: Mapping[str, str], *arguments: str, within: float) -> bool:
        mine = bare = float('inf')
        for _ in range(_TRIES):
            mine = min(mine, _seconds(arguments, environment))
            bare = min(bare, _seconds(('-c', 'pass'), environment))
            if mine < within * bare:
                return True
        return False

    return over_a_bare_one
