"""SIGTERM, as at a time limit or a preemption: a training that keeps checkpoints keeps one more, and then ends.

A scheduler leaves a process some 30 s between SIGTERM and its end. So the signal waits for the next edge of a chunk,
where the state is whole; a second one ends the process at once, as the first does wherever no checkpoints are kept. Of
several processes one alone may be told: it says so with its next sign of life, rank 0 chooses the edge, and all end.

It may come to a whole group of processes. So what is forked meanwhile (workers that load data) ends by it as ever,
a training that fails for want of them keeps its checkpoint too, and whoever read what is said here may have gone.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from hefted.distribution import lead

_NAMING_SECONDS = 15.0  # that a process waits to hear which one was told
_ONE_SECONDS = 0.3  # in which it is the same signal: timeout(1) sends it to a process and then to its group


class _Kept:
    """What is known of SIGTERM in this process."""

    struck = False
    at = -1.0  # when
    ended = False
    before: Any = None  # what handles it otherwise
    process = 0  # whose it is, and not its forks'


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
    _kept.struck, _kept.ended, _kept.before, _kept.process = False, False, before, os.getpid()
    signal.signal(signal.SIGTERM, _strike)
    try:
        yield
        if _kept.struck:  # after the last edge
            _end()
    except Exception:
        if _kept.struck:
            traceback.print_exc()  # of which an exit says nothing
            _end()
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is _strike:
            signal.signal(signal.SIGTERM, before)
        if _kept.struck:  # in these last lines, or besides a Ctrl-C
            _kept.struck = False
            os.kill(os.getpid(), signal.SIGTERM)


def struck() -> bool:
    """Whether this process was told to end; of several, the first knows of the others."""
    watched = lead.watch()
    return _kept.struck or (watched is not None and watched.world.rank == 0 and bool(watched.called))


def unheeded() -> bool:
    """Whether this process was told to end, and has not begun to."""
    return _kept.struck


def ended() -> bool:
    """Whether this process was told to end, and does."""
    return _kept.ended


def told() -> bool:
    """Whether the training ends here: in all processes the same."""
    return lead.decide(struck(), 'whether one is told to end')


def end() -> NoReturn:
    """End all processes, their state kept.

    Raises:
        SystemExit: This one was told to.
        HostLostError: Another was, and it does not go on alone.
    """
    lead.decide(True, 'whether it is kept')  # rank 0 may write still: who leaves before is lost to it, and ends it
    _end()


def _end() -> NoReturn:
    own, _kept.ended = _kept.struck, True
    if threading.current_thread() is threading.main_thread():  # else that of the main thread is to hear of it as well
        _kept.struck = False
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
    forked = os.getpid() != _kept.process
    if not forked and time.monotonic() - _kept.at < _ONE_SECONDS:
        return
    if forked or _kept.struck or _kept.ended:
        _kept.struck = False
        signal.signal(number, _kept.before)
        if not callable(_kept.before):
            os.kill(os.getpid(), number)
        else:
            _kept.before(number, frame)
        return
    _kept.at, _kept.struck = time.monotonic(), True
    who, watched = '', lead.watch()
    if watched is not None:
        watched.call()
        who = f'rank {watched.world.rank} was '
    said = f'{who}told to end by SIGTERM. It keeps a checkpoint first; a second SIGTERM ends it at once.'
    with suppress(OSError):  # nobody reads it any more
        os.write(2, f'\nhefted: {said}\n'.encode())
