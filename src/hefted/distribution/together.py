"""The world that this process works in: who watches over it, and what is done when somebody is lost.

with together.training():      # while it lasts this process waits for others, and they for it
    ...                        # a collective's failure becomes a HostLostError that names who was lost
    together.check()           # between chunks: a flag is read
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from hefted.distribution import aborting
from hefted.distribution.rendezvous import ranks_told
from hefted.distribution.store import CoordinatorStore
from hefted.distribution.watch import EXIT_CODE, Watch
from hefted.errors import HeftedError, HostLostError
from hefted.world import COORDINATOR, World, address

_NAMING_SECONDS = 15.0  # after a collective has failed, to learn whose fault it was
_END_SECONDS = 300.0  # that rank 0 waits for the others when it is done
_OF_OTHERS = ('gloo', 'nccl', 'connection', 'socket', 'unavailable', 'collective', 'coordination', 'deadline', 'peer')

_watch: Watch | None = None
_endings: list[Callable[[HostLostError], None]] = []


def watch() -> Watch | None:
    """Who watches over the world; None where this process is alone."""
    return _watch


def begin(world: World, hosts: Sequence[str]) -> None:
    """Watch over the world from now on; its runtime has started."""
    global _watch
    _watch = Watch(world, hosts, CoordinatorStore(), _blocked)
    _watch.show()
    aborting.keep(_coordinator_gone)
    _watch.start()
    atexit.register(_leave)


def check() -> None:
    """Raise if somebody is lost; alone, nothing.

    Raises:
        HostLostError: Somebody is.
    """
    if _watch is not None:
        _watch.check()


def when_lost(ending: Callable[[HostLostError], None]) -> None:
    """Have something done before a process that is blocked is left, such as closing a journal."""
    _endings.append(ending)


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
    if isinstance(error, HostLostError):
        return
    if not isinstance(error, HeftedError) and any(word in str(error).lower() for word in _OF_OTHERS):
        watched.suspect(_NAMING_SECONDS)
        if watched.lost is not None:
            watched.raised = True
            raise watched.lost from error
    try:
        watched.leave(f'{type(error).__name__}: {str(error).strip()[:500]}')
    except Exception:  # the coordinator is gone as well: what failed here is raised in any case
        return


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
    watched.lose(f'rank 0 (host {watched.hosts[0]}), which coordinates the others, has gone', 0)
    return True


def _blocked(lost: HostLostError) -> None:
    """Nobody could raise it: the main thread waits inside a collective. Say it, end what is open, and leave."""
    print(f'\nhefted: {lost}', file=sys.stderr, flush=True)
    for ending in _endings:
        try:
            ending(lost)
        except Exception as error:
            print(f'hefted: {type(error).__name__}: {error}', file=sys.stderr, flush=True)
    os._exit(EXIT_CODE)


def _leave() -> None:
    """At the process's end: tell the others; rank 0 goes last, as the runtime goes with it."""
    watched = _watch
    if watched is None:
        return
    if watched.lost is None:
        failed = getattr(sys, 'last_value', None)
        try:
            watched.leave('' if failed is None else f'{type(failed).__name__}: {str(failed).strip()[:500]}')
            if watched.world.rank == 0:
                watched.wait_for_end(_END_SECONDS)
        except Exception as error:
            watched.lose(f'the coordinator at {watched.world.coordinator} no longer answers: {error}', 0)
    watched.stop()
    if watched.lost is not None:
        _leave_broken()


def _leave_broken() -> None:
    """End without JAX's farewell, which waits for those who are lost; what else is to be done at the end is done."""
    from jax._src import distributed

    kept = distributed.global_state.client, distributed.global_state.service
    distributed.global_state.client = distributed.global_state.service = None
    atexit._run_exitfuncs()
    threading.excepthook = lambda _: None
    sys.stdout.flush()
    sys.stderr.flush()
    del kept
    os._exit(EXIT_CODE)
