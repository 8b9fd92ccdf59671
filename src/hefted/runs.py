"""One metered piece of work: opens the meter, prices its readings, keeps the journal.

    with hefted.meter('preprocessing') as m:
        ...
    print(m.footprint.energy)

No method of a run raises or blocks: what a sensor or a disk fails at becomes a gap with its reason.

A run belongs to the innermost run that is open around it (a `meter(...)`, a fit whose callback starts it, the run of
the process that started this one), else to the process, so many fits in a loop are parts of one thing with a total.
What encloses a run has counted it already. Runs that go on at once beside one another, such as two fits in two threads,
have even parts of what the process takes meanwhile, so they too add up to it.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from hefted import settings, world
from hefted.errors import ArgumentError
from hefted.footprint import place as places
from hefted.footprint import splitting
from hefted.footprint.account import rebuild
from hefted.footprint.totals import Total
from hefted.ledger.journal import settle
from hefted.metering.meter import Meter
from hefted.run import NullRun, Run, Status, Tick
from hefted.run_process import Process
from hefted.utils import traffic

__all__ = [
    'NullRun',
    'Run',
    'Status',
    'Tick',
    'Total',
    'current',
    'joined',
    'meter',
    'moved',
    'process',
    'rebuild',
    'so_far',
    'start',
]


def start(
    kind: str,
    *,
    name: str,
    place: places.Place | str | None = None,
    meter: Meter | Literal['auto'] | None = 'auto',
    attributes: Mapping[str, Any] | None = None,
    attempt: int = 1,
    resumes: str | None = None,
) -> Run | NullRun:
    """Start a run.

    The first of a process also takes on what the process used before it, as the phase 'start-up'.

    Args:
        kind: Such as 'fit' or 'evaluate'.
        name: What it is called, such as the model's name.
        place: Where it runs; None for what is set, else the world.
        meter: 'auto' for the process's own meter, None for none, or a meter.
        attributes: What else the journal should hold; no paths, arguments or names of people.
        attempt: Which attempt it is, from 1.
        resumes: The id of the first attempt's run, whose energy and this one's are of one training.

    Returns:
        The run; one that does nothing when metering is off (`meter=None`, HEFTED_METER=off), and in a
        fork's child, whose parent counts it.

    Raises:
        ArgumentError: If an argument or a setting is wrong.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"name: expected a text, received {name!r}. Say what the work is, such as 'preprocessing'.")
    given = meter if isinstance(meter, Meter) else None
    if meter not in ('auto', None, given):
        raise ArgumentError(
            f"meter: expected 'auto', None or a Meter, received {meter!r}. Pass None to run without metering."
        )
    mode = settings.meter_mode()
    if mode == 'off' or (meter is None and mode != 'on') or _process.forked_in_run:
        return NullRun()
    where = places.find(place)
    return _process.open(kind, name, where, given, attributes=attributes, attempt=attempt, resumes=resumes)


@contextmanager
def meter(name: str, *, place: places.Place | str | None = None) -> Generator[Run | NullRun]:
    """Meter a piece of work; runs inside it become its parts.

    Args:
        name: What it is called.
        place: Where it runs; None for what is set, else the world.

    Yields:
        The run: afterwards `.footprint` tells what it took (None when metering is off).

    Raises:
        ArgumentError: If the place is not known.

    Example:
        >>> with meter('sum') as m:
        ...     answer = sum(range(10))
        >>> m.footprint is None or m.footprint.duration.value > 0
        True
    """
    run = start('meter', name=name, place=place)
    try:
        yield run
    except BaseException as error:
        run.end('failed' if isinstance(error, Exception) else 'stopped', error)
        raise
    finally:
        run.end('finished')


def moved(*, network: int = 0, storage: int = 0) -> None:
    """Tell of bytes that a program has moved just now: no sensor sees what that takes elsewhere.

    They count for the runs that are open, as the components 'network' and 'storage', by published kWh/GB (see
    `hefted.metering.moved`): assumed, within two orders of magnitude. Hefted's own downloads are told already. Nothing
    happens when metering is off, or while no run has begun.

    Args:
        network: Bytes sent or received over networks.
        storage: Bytes written to or read from storage elsewhere.

    Raises:
        ArgumentError: If either is negative or not a number.

    Example:
        >>> with meter('upload') as m:
        ...     moved(network=10**9)
        >>> m.footprint is None or str(m.footprint.components['network'].to('Wh'))
        '4.0 Wh (1.0 to 60, assumed)'
    """
    _process.moved(network, storage)


def process() -> Total:
    """Tell what the runs of this process come to so far; those inside another run are counted there, once.

    Example:
        >>> process().ended >= 0
        True
    """
    return _process.total(_process.id)


def so_far(run: Run) -> Total:
    """Tell what a run and those before it that have the same parent come to so far."""
    return _process.total(run.parent)


def current() -> Run | None:
    """The innermost run that is open in this thread, such as a fit's in its callbacks; None where nothing is metered.

    Example:
        >>> with meter('work') as m:
        ...     current() is m or not m.id
        True
    """
    return _process.current()


@contextmanager
def joined(kind: str, name: str) -> Generator[None]:
    """Meter a call that is no run by itself, such as `predict` or `train_on_batch`.

    Where no run is open it belongs to one of the process's own, which goes on from call to call until the process ends
    and counts the calls, and not what passes between them.

    Args:
        kind: The method's name.
        name: The model's.

    Raises:
        ArgumentError: If a setting is wrong.
    """
    if _process.covers_this_thread() or settings.meter_mode() == 'off' or _process.forked_in_run:
        yield
        return
    run = _process.resume(kind, name)
    try:
        yield
    finally:
        _process.pause(run)


_LEFT_SECONDS = 5.0  # for the disk, before a process is left
_process = Process()


def _forked() -> None:
    """In a fork's child: nothing of the parent's is ours, and what it meters covers us."""
    global _process
    splitting.forked()
    _process = Process(forked_in_run=bool(_process.runs) or _process.forked_in_run)


def _end_own() -> None:
    own, _process.own = _process.own, {}
    for run in own.values():
        run.finish('finished')


def _lost(error: BaseException) -> None:
    """This process is about to be left, as it waits for one that is lost: its runs end here."""
    for run in _process.runs:
        run.end('failed', error)
    settle(_LEFT_SECONDS)


def _received(count: int) -> None:
    _process.moved(count, 0)


traffic.listen(_received)
world.endings.append(_lost)
atexit.register(_end_own)  # before the journals are drained: handlers run last-in-first-out
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forked)
