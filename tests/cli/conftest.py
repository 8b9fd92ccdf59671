"""How long a command takes to start, whatever else the machine does."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest


def _seconds(arguments: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """CPU seconds of a Python that ends well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=dict(environment), capture_output=True, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture
def starts() -> Callable[..., float]:
    """`starts(environment, *arguments)`: CPU time of Python with these, over that of a bare one (10 ms on a machine of
    2025), the least of five tries each, in turn: 15 is 150 ms there."""

    def over_a_bare_one(environment: Mapping[str, str], *arguments: str) -> float:
        tries = [(_seconds(arguments, environment), _seconds(('-c', 'pass'), environment)) for _ in range(5)]
        mine, bare = (min(each) for each in zip(*tries, strict=True))
        return mine / bare

    return over_a_bare_one
