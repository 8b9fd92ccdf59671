"""The world that this process works in: who watches over it, and what is done when somebody is lost.

with together.training():      # while it lasts this process waits for others, and they for it
    ...                        # a collective's failure becomes a HostLostError that names who was lost
    together.check()           # between chunks: a flag is read
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from hefted.distribution import aborting
from hefted.distribution.rendezvous import ranks_told
from hefted.distribution.store import CoordinatorStore
from hefted.distribution.watch import EXIT_CODE, TERMINATED, Watch
from hefted.errors import HeftedError, HostLostError
from hefted.world import COORDINATOR, World, address, endings

_NAMING_SECONDS = 15.0  # after a collective has failed, to learn whose fault it was
_END_SECONDS = 300.0  # that a process waits for the others when it is done: if they fail, it has failed too
_TOLD_SECONDS = 4.0  # for the others to see who is lost, before this process goes too
_LAST_SECONDS = 25.0  # and for rank 0, with whom the coordinator goes, to see all of them end
_ALARM_SECONDS = 20.0
_FAREWELL_SECONDS = 0.5  # that rank 0 stays while the others end
_LAST_WORDS_SECONDS = 3.0  # where they have not taken leave of JAX, whose own last words would bury theirs
_OF_OTHERS = ('gloo', 'nccl', 'connection', 'socket', 'unavailable', 'collective', 'coordination', 'deadline', 'peer')

_watch: Watch | None = None
_failed_by: list[HostLostError] = []


def watch() -> Watch | None:
    """Who watches over the world; None where this process is alone."""
    return _watch


def begin(world: World, hosts: Sequence[str], sigterm: Any = None) -> None:
    """Watch over the world from now on; its runtime has started.

    Args:
        world: Which of them this process is.
        hosts: The names of their hosts, by rank.
        sigterm: What handled SIGTERM before the runtime started, which has put its own in that place.
    """
    global _watch
    _watch = Watch(world, hosts, CoordinatorStore(), _blocked)
    _watch.show()
    aborting.keep(_coordinator_gone)
    if sigterm is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated if sigterm == signal.SIG_DFL else sigterm)
    _watch.start()
    atexit.register(_end_as_failed)  # the last that is registered is called first
    atexit.register(_leave)


def check() -> None:
    """Raise if somebody is lost; alone, nothing.

    Raises:
        HostLostError: Somebody is.
    """
    if _watch is not None:
        _watch.check()


@contextmanager
def waiting(watched: Watch) -> Generator[None]:
    """While it lasts, this process waits for others: whoever ends is lost."""
    watched.waiting += 1
    try:
        yield
    finally:
        watched.waiting -= 1


@contextmanager
def training() -> Generator[None]:
    """While it lasts, all processes run one program, step by step.

    Raises:
        HostLostError: Instead of what a collective raises when somebody is gone.
    """
    watched = _watch
    if watched is None:
        yield
        return
    with waiting(watched):
        try:
            watched.check()
            yield
        except Exception as error:
            _tell_of(watched, error)
            raise


def _tell_of(watched: Watch, error: Exception) -> None:
    """Find whose failure it is: another's becomes a HostLostError; this process's own is told to the others."""
    if isinstance(error, HostLostError) or getattr(error, 'by_all', False):
        return
    if not isinstance(error, HeftedError) and any(word in str(error).lower() for word in _OF_OTHERS):
        watched.suspect(_NAMING_SECONDS)
        if watched.lost is not None:
            watched.raised = True
            raise watched.lost from error
    try:
        watched.leave(_words(error))
    except Exception:  # the coordinator is gone as well: what failed here is raised in any case
        return


def _words(error: BaseException) -> str:
    return f'{type(error).__name__}: {str(error).strip()[:500]}'.rstrip(': ')


def who(ranks: Sequence[int], hosts: Sequence[str]) -> str:
    """Ranks with the names of their hosts.

    Example:
        >>> who([0, 2], ['a', 'b', 'a']), who([0, 1], ['a', 'b'])
        ('ranks 0, 2 (host a)', 'ranks 0, 1 (hosts a, b)')
    """
    names = list(dict.fromkeys(hosts[rank] for rank in ranks))
    more = f' and {len(names) - 8} more' if len(names) > 8 else ''
    return f'{ranks_told(list(ranks))} (host{"" if len(names) == 1 else "s"} {", ".join(names[:8])}{more})'


def _coordinator_gone() -> bool:
    """Whether JAX aborts because the coordinator has gone; if so, it is told."""
    watched = _watch
    if watched is None or watched.world.rank == 0:
        return False
    host, port = address(watched.world.coordinator or '', COORDINATOR)
    if watched.lost is None and aborting.answers(host, port):
        return False
    watched.lose(f'rank 0 (host {watched.hosts[0]}), which coordinates the others, has gone', 0, tell=False)
    return True


def _blocked(lost: HostLostError) -> None:
    """Nobody could raise it: the main thread waits inside a collective. Say it, end what is open, and leave."""
    print(f'\nhefted: {lost}', file=sys.stderr, flush=True)
    for ending in endings:
        try:
            ending(lost)
        except Exception as error:
            print(f'hefted: {type(error).__name__}: {error}', file=sys.stderr, flush=True)
    os._exit(EXIT_CODE)


def terminated(number: int, _frame: FrameType | None) -> None:
    """SIGTERM: end as by `sys.exit`, with the journals closed, and say so; a second one ends the process at once.

    JAX's runtime only notes it, for who asks: the process would go on until the scheduler kills it.
    """
    signal.signal(number, signal.SIG_DFL)
    watched = _watch
    if watched is not None:
        watched.check()  # that another has failed, after which launchers send it to all, says more
        watched.end_for(TERMINATED)
        with suppress(OSError):  # who read it may have gone by the same signal
            os.write(2, f'\nhefted: rank {watched.world.rank} {TERMINATED}.\n'.encode())
    raise SystemExit(128 + number)


def _leave() -> None:
    """At the process's end: tell the others; rank 0 goes last, as the runtime goes with it."""
    from jax._src import distributed

    watched = _watch
    if watched is None:
        return
    if signal.getsignal(signal.SIGTERM) is terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it ends already
    if watched.lost is None:
        failed = getattr(sys, 'last_value', None)
        try:
            watched.leave('' if failed is None else _words(failed))
            watched.wait_for_end(_END_SECONDS)
        except Exception as error:
            watched.lose(f'the coordinator at {watched.world.coordinator} no longer answers: {error}', 0, tell=False)
    told, watched.raised = watched.raised, True  # it ends: nobody is blocked
    if watched.lost is not None:
        watched.take_leave(_TOLD_SECONDS if watched.world.rank else _LAST_SECONDS)
        if not told and not watched.failed:  # it was done, and ends as failed
            _failed_by.append(watched.lost)
    watched.stop()
    aborting.forget(hold=watched.lost is not None)
    if watched.world.rank == 0:
        time.sleep(_FAREWELL_SECONDS if watched.lost is None else _LAST_WORDS_SECONDS)
    if watched.lost is not None:
        _leave_without_farewell()
    elif watched.world.rank:
        distributed.shutdown()  # now, and not after what others do at the end: rank 0 has heard that this one leaves


def _end_as_failed() -> None:
    """After what else is done at the end: a process fails whose others did, though it was done itself."""
    for lost in _failed_by:
        sys.stdout.flush()
        _blocked(lost)


def _leave_without_farewell() -> None:
    """End as a process ends, but for JAX's farewell, which waits for those who are lost; at the latest by an alarm."""
    from jax._src import distributed

    state = distributed.global_state
    for each in (state.client, state.service, state.preemption_sync_manager):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))  # never collected: their ends wait as well
    state.client = state.service = state.preemption_sync_manager = None
    if hasattr(signal, 'setitimer'):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _ALARM_SECONDS)
