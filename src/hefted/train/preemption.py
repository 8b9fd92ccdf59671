"""SIGTERM, as at a time limit or a preemption: a training that keeps checkpoints keeps one more, and then ends.

A scheduler leaves a process some 30 s between SIGTERM and its end. So the signal waits for the next edge of a chunk,
where the state is whole; a second one ends the process at once, as the first does wherever no checkpoints are kept. Of
several processes one alone may be told: it says so with its next sign of life, rank 0 chooses the edge, and all end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from hefted.distribution import lead

_NAMING_SECONDS = 15.0  # that a process waits to hear which one was told


class _Kept:
    """What is known of SIGTERM in this process."""

    struck = False
    before: Any = None  # what handles it otherwise


_kept = _Kept()


@contextmanager
def heeded(keeps: bool) -> Generator[None]:
    """Keep SIGTERM for `told` in this block; a handler of the program's own is left alone.

    Args:
        keeps: Whether checkpoints are kept; if not, nothing is done.
    """
    if not keeps or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before != _usual():
        yield
        return
    _kept.struck, _kept.before = False, before
    signal.signal(signal.SIGTERM, _strike)
    try:
        yield
        if _kept.struck:  # after the last edge
            end()
    finally:
        if signal.getsignal(signal.SIGTERM) is _strike:
            signal.signal(signal.SIGTERM, before)
        if _kept.struck:  # and the training fails besides
            _kept.struck = False
            os.kill(os.getpid(), signal.SIGTERM)


def struck() -> bool:
    """Whether this process was told to end; of several, the first knows of the others."""
    watched = lead.watch()
    return _kept.struck or (watched is not None and watched.world.rank == 0 and bool(watched.called))


def told() -> bool:
    """Whether the training ends here: in all processes the same."""
    return lead.decide(struck(), 'whether one is told to end')


def end() -> NoReturn:
    """End this process, its state kept.

    Raises:
        SystemExit: It was told to.
        HostLostError: Another was, and it does not go on alone.
    """
    own, _kept.struck = _kept.struck, False
    watched = lead.watch()
    if watched is not None:
        if own:
            from hefted.distribution.watch import TERMINATED

            watched.end_for(TERMINATED)
        else:
            watched.suspect(_NAMING_SECONDS)
        watched.check()
    raise SystemExit(128 + signal.SIGTERM)


def _usual() -> Any:
    """What handles SIGTERM where the program has no handler of its own."""
    if lead.watch() is None:
        return signal.SIG_DFL
    from hefted.distribution import together

    return together.terminated


def _strike(number: int, frame: FrameType | None) -> None:
    if _kept.struck:
        _kept.struck = False
        signal.signal(number, _kept.before)
        if not callable(_kept.before):
            os.kill(os.getpid(), number)
        else:
            _kept.before(number, frame)
        return
    _kept.struck = True
    who, watched = '', lead.watch()
    if watched is not None:
        watched.call()
        who = f'rank {watched.world.rank} was '
    said = f'{who}told to end by SIGTERM. It keeps a checkpoint first; a second SIGTERM ends it at once.'
    os.write(2, f'\nhefted: {said}\n'.encode())
