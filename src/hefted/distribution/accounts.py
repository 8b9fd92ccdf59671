"""What the processes of one training took, sent to rank 0: at the end, and now and then for when one is lost.

Rank 0's run counts for all: its journal and its receipt hold the sum and a line for each host.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Protocol

from hefted.distribution.watch import Watch

_FOLDER = 'hefted/account/'
_EVERY_SECONDS = 10.0
_WAIT_SECONDS = 10.0  # for those that end as rank 0 does
_LOST_WAIT_SECONDS = 2.0  # where somebody is lost


class Counted(Protocol):
    """A run, as far as it is needed here."""

    group: dict[str, Any] | None

    def account(self) -> dict[str, Any]: ...

    def take_in(self, others: list[dict[str, Any]]) -> None: ...


def begin(watch: Watch, run: Counted) -> None:
    """From now on this process's account is sent now and then: if it is lost, so much is known of it."""
    sent = time.monotonic()

    def send_now_and_then() -> None:
        nonlocal sent
        if time.monotonic() - sent >= _EVERY_SECONDS:
            sent = time.monotonic()
            send(watch, run)

    if watch.world.rank and run.group is not None:
        watch.beside = send_now_and_then


def send(watch: Watch, run: Counted, *, final: bool = False) -> None:
    """Send this process's account."""
    if run.group is not None:
        told = run.account() | {'final': final}
        watch.store.put(_key(run.group['run'], watch.world.rank), json.dumps(told))


def end(watch: Watch, run: Counted) -> None:
    """The training is over: rank 0 takes in what the others took, before its own run ends."""
    if run.group is None or watch.world.rank:
        return
    try:
        run.take_in(_collected(watch, run.group['run']))
    except Exception as error:  # the coordinator is this process: whatever failed, its own account stands
        watch.missed = f'{type(error).__name__}: {error}'


def ended(watch: Watch, run: Counted) -> None:
    """And the others send theirs, after their runs have ended."""
    watch.beside = None
    if run.group is None or not watch.world.rank or watch.unreachable:
        return

    def send_last() -> None:
        try:
            send(watch, run, final=True)
        except Exception as error:  # the coordinator has gone: this process's own journal has it
            watch.missed = f'{type(error).__name__}: {error}'

    if watch.lost is None:
        send_last()
        return
    # The coordinator may go at this moment, and a call that finds it so may never return (JAX 0.10 and 0.12).
    last = threading.Thread(target=send_last, name='hefted-last-account', daemon=True)
    last.start()
    last.join(_LOST_WAIT_SECONDS)


def _collected(watch: Watch, number: int) -> list[dict[str, Any]]:
    until = time.monotonic() + (_LOST_WAIT_SECONDS if watch.lost else _WAIT_SECONDS)
    told: list[dict[str, Any]] = []
    for rank in range(1, watch.world.size):
        account: dict[str, Any] = {}
        while not account.get('final'):
            text = watch.store.get(_key(number, rank), 0.25)
            account = json.loads(text) if text else account
            if time.monotonic() >= until or (watch.lost is not None and watch.lost.rank == rank):
                break
            if text and not account.get('final'):  # one that was sent now and then: its last is still to come
                time.sleep(0.05)
        if account:
            told.append(account)
    return told


def _key(number: int, rank: int) -> str:
    return f'{_FOLDER}{number}/{rank}'
