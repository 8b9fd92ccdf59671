"""Files that all processes write by one call, and rank 0 alone does: who reads one then gets what was written.

Rank 0 may also write one alone, so the others do not wait for it where they write, but where they read.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from hefted.distribution import lead
from hefted.errors import DistributionError

_SECONDS = 300.0  # for rank 0 to write what is large
_SLICE = 0.05

_written: Counter[str] = Counter()  # how often this process was told to write a file


def written(path: Path) -> None:
    """This process was told to write a file; rank 0 has done it.

    Args:
        path: As all of them name it.

    Example:
        >>> written(Path('model.keras'))
    """
    watch = lead.watch()
    if watch is None:
        return
    _written[str(path)] += 1
    if watch.world.rank == 0:
        with suppress(RuntimeError):  # nobody can be told: the file is there all the same
            watch.store.put(_key(path), str(_written[str(path)]))


def settled(path: Path) -> None:
    """Wait until rank 0 has written what this process was told to write.

    Args:
        path: As all of them name it.

    Raises:
        DistributionError: It has not, within five minutes.
        HostLostError: Somebody is lost.

    Example:
        >>> settled(Path('model.keras'))
    """
    watch = lead.watch()
    wanted = _written[str(path)]
    if watch is None or watch.world.rank == 0 or not wanted:
        return
    until = time.monotonic() + _SECONDS
    while int(watch.store.get(_key(path), _SLICE) or 0) < wanted:
        watch.check()
        if time.monotonic() > until:
            raise DistributionError(
                f'Expected rank 0 to have written {str(path)!r} as often as this process was told to, which is '
                f'{wanted} times: it writes for all. Save in every process, or in rank 0 alone.'
            )
        time.sleep(_SLICE)


def _key(path: Path) -> str:
    return f'hefted/written/{hashlib.sha256(str(path).encode()).hexdigest()[:32]}'
