"""Who of the others still lives: each process shows a sign of life every second, and looks for those of the others.

What is lost is said everywhere, by the same words, within a minute:

- A process that raised has left its reason with its last sign.
- One that was killed, or whose host has gone, gives none: it is lost after 30 s; after 6 s where a collective failed.
- With the coordinator, whose process is rank 0, all signs go: JAX then aborts each process; see `aborting`.

A thread that waits inside a collective cannot be raised in. It has 10 s in which the collective may fail by itself
(over TCP it does at once); then the watch says what there is to say, ends the runs' journals and leaves the process by
exit code 75 ("try again", sysexits.h). Nothing that was on its way to a disk is cut in two: checkpoints and journals
are written whole or not at all.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from hefted import host
from hefted.distribution.rendezvous import ranks_told
from hefted.distribution.store import Store
from hefted.errors import HostLostError
from hefted.world import World

EXIT_CODE = 75
"""How a process ends that has lost another: EX_TEMPFAIL of BSD's sysexits.h, "the user is invited to retry"."""

TERMINATED = 'was told to end by SIGTERM, as schedulers do at a time limit, a preemption or a cancellation'
"""Why a process leaves that was not done and did not fail."""

_FOLDER = 'hefted/alive/'
_PERIOD = 1.0
_PATIENCE = 30.0
_SUSPICIOUS = 6.0  # once a collective has failed, somebody has gone
_GONE = 6.0  # without a sign at the end: nobody waits longer for its last word
_GRACE = 10.0  # to raise by itself
_IDLE_GRACE = 60.0  # where nothing of ours is running that waits for others
_CALLS_OF_ALL = 1000  # a second, at most, over all processes: a large world shows itself more rarely


class Watch:
    """Looks after the processes of one world.

    Args:
        world: Which of them this is.
        hosts: The names of their hosts, by rank.
        store: What all see.
        blocked: Called once, from the watch's thread, when somebody is lost and nobody has raised in time.
        clock: Seconds.

    Attributes:
        lost: What to raise, once somebody is lost; None before.
        beside: What its thread does besides, now and then.
        called: Which are told to end, and do so once their state is kept.
        missed: Why accounts could not be sent or taken in.
        unreachable: Whether the coordinator has gone: nobody can be told anything.
    """

    def __init__(
        self,
        world: World,
        hosts: Sequence[str],
        store: Store,
        blocked: Callable[[HostLostError], None],
        clock: Callable[[], float] = host.monotonic,
    ):
        self.world, self.hosts, self.store = world, list(hosts), store
        self.lost: HostLostError | None = None
        self.waiting = 0  # how many calls of ours wait for others
        self.raised = False
        self._blocked, self._clock = blocked, clock
        self._seen: dict[int, tuple[int, float]] = {}  # the last sign of each, and when it was new
        self._left: set[int] = set()
        self.called: set[int] = set()
        self._called = False
        self._count = 0
        self._left_with: str | bool = False
        self._suspicion: float | None = None
        self._reached = clock()
        self._verdict: list[Any] | None = None  # what is lost, which rank, and whether it failed, for the others
        self._ended: set[int] = set()  # who has done all that it can say of itself
        self._ends = False
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self.beside: Callable[[], None] | None = None
        self.missed: str | None = None
        self.unreachable = False
        self._thread = threading.Thread(target=self._go, name='hefted-watch', daemon=True)

    @property
    def period(self) -> float:
        """Seconds between two signs."""
        return max(_PERIOD, self.world.size / _CALLS_OF_ALL)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """Look no longer; wait for the thread, unless it waits for the coordinator."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def check(self) -> None:
        """Raise what is to be raised, if somebody is lost.

        Raises:
            HostLostError: Somebody is.
        """
        if self.lost is not None:
            self.raised = True
            raise self.lost

    def leave(self, why: str = '') -> None:
        """Tell the others that this process ends.

        Args:
            why: What it failed of; nothing where it is done.
        """
        self._left_with = self._left_with or why or True
        self.show()

    def end_for(self, why: str) -> None:
        """The same, said with the next sign: may be called wherever a signal struck."""
        self._left_with = self._left_with or why

    def call(self) -> None:
        """Tell rank 0, with the next sign, that this process is to end soon: may be called wherever a signal struck."""
        self._called = True

    @property
    def failed(self) -> bool:
        """Whether this process ends for a reason of its own."""
        return isinstance(self._left_with, str)

    def show(self) -> None:
        """Show a sign of life."""
        self._count += 1
        verdict = self._verdict
        said: dict[str, Any] = {'left': self._left_with} if self._left_with else {}
        said |= {'lost': verdict} if verdict else {}
        said |= {'end': True} if self._ends else {}
        said |= {'called': True} if self._called else {}
        self.store.put(f'{_FOLDER}{self.world.rank}', json.dumps({'n': self._count} | said))

    def look(self) -> None:
        """See who has shown one, and who has not for too long."""
        now = self._clock()
        signs = self.store.below(_FOLDER)
        self._reached = now
        left: dict[int, Any] = {}
        verdicts: dict[int, Any] = {}
        ended: set[int] = set()
        called: set[int] = set()
        for key, text in signs.items():
            rank, sign = int(key.rpartition('/')[2]), json.loads(text)
            if self._seen.get(rank, (0, 0.0))[0] != sign['n']:
                self._seen[rank] = sign['n'], now
            if 'left' in sign:
                left[rank] = sign['left']
            if 'lost' in sign:
                verdicts[rank] = sign['lost']
            if 'end' in sign:
                ended.add(rank)
            if 'called' in sign:
                called.add(rank)
        self._left, self._ended, self.called = set(left), ended, called
        if verdicts:
            self.lose(*verdicts[min(verdicts)])
            return
        failed = {rank: why for rank, why in left.items() if why is not True and rank != self.world.rank}
        silent = [r for r in range(self.world.size) if r not in left and self._silence(r, now) > self._patience(now)]
        if failed:
            rank = min(failed)
            if failed[rank] == TERMINATED:
                self.lose(f'{self._who([rank])} {TERMINATED}', rank)
            else:
                self.lose(failed[rank], rank, failed=True)
        elif silent:
            self.lose(
                f'{self._who(silent)} showed no sign of life for {self._silence(silent[0], now):.0f} s', silent[0]
            )
        elif self.waiting and (gone := self._left - {self.world.rank}):
            self.lose(f'{self._who(sorted(gone))} ended while others still worked', min(gone))

    def lose(self, what: str, rank: int, failed: bool = False, *, tell: bool = True) -> None:
        """Somebody is lost: from now on whoever checks raises it.

        Args:
            what: Who, and how that was seen; of one that failed, its error.
            rank: Which; its host is named by the error.
            failed: Whether it raised an error, which then is the cause of all.
            tell: Whether the others can be told.
        """
        with self._changed:
            if self.lost is None:
                self._verdict = [what, rank, failed] if tell else None
                self.unreachable = not tell
                told = self._failure(what, rank) if failed else self._loss(what)
                self.lost = HostLostError(told, rank, self.hosts[rank])
                # By a thread of its own: that of the watch may wait for the coordinator, who is gone.
                after = threading.Timer(_GRACE if self.waiting else _IDLE_GRACE, self._end)
                after.daemon = True
                after.start()
                self._wake.set()  # once: each look finds the same again, and would ask for the next without a pause
            self._changed.notify_all()

    def _loss(self, what: str) -> str:
        return (
            f'A process was lost: {what.rstrip(".")}. This is {self._me()}; the run has ended on all of them. Start it '
            'again on as many hosts as there are: with resume= it goes on from its last checkpoint.'
        )

    def _failure(self, error: str, rank: int) -> str:
        who = f'{self._who([rank])} has failed'
        return f'The run has ended on all processes, this one being {self._me()}: {who}: {error}'

    def _me(self) -> str:
        return f'rank {self.world.rank} of {self.world.size} (host {self.hosts[self.world.rank]})'

    def _end(self) -> None:
        if self.lost is not None and not self.raised:
            self._blocked(self.lost)

    def suspect(self, seconds: float) -> None:
        """A collective has failed: wait until it is known who has gone, at most for some seconds."""
        with self._changed:
            self._suspicion = self._suspicion or self._clock()
            self._changed.wait_for(lambda: self.lost is not None, seconds)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until all others have left: with rank 0 goes what they are coordinated by, and one may fail still."""
        until = self._clock() + seconds
        while len(self._left | {self.world.rank}) < self.world.size and self.lost is None and self._clock() < until:
            time.sleep(0.05 * self.period / _PERIOD)
            self.look()

    def take_leave(self, seconds: float) -> None:
        """Say that this process has nothing more to say; rank 0 waits until all have who show signs still.

        With rank 0 goes the coordinator: who has not heard of the loss by then would be ended by JAX, with a stack of
        its own in place of what is to be said.

        Args:
            seconds: To wait at most.
        """
        self._ends = True
        self._wake.set()
        until = self._clock() + seconds
        while not self.unreachable and self._clock() < until:
            now = self._clock()
            awaited = range(self.world.size) if self.world.rank == 0 else [self.world.rank]
            if all(rank in self._ended or self._silence(rank, now) > _GONE for rank in awaited):
                return
            time.sleep(0.02)

    def _who(self, ranks: list[int]) -> str:
        hosts = sorted({self.hosts[rank] for rank in ranks})
        return f'{ranks_told(ranks)} (host{"" if len(hosts) == 1 else "s"} {", ".join(hosts[:8])})'

    def _silence(self, rank: int, now: float) -> float:
        if rank == self.world.rank:
            return 0.0
        return now - self._seen.setdefault(rank, (0, now))[1]

    def _patience(self, now: float) -> float:
        suspicious = self._suspicion is not None and now - self._suspicion > _SUSPICIOUS
        return (_SUSPICIOUS if suspicious else _PATIENCE) * max(1.0, self.period / _PERIOD)

    def _go(self) -> None:
        while not self._stop.is_set():
            if self._wake.wait(self.period) and not self._stop.is_set():
                self._wake.clear()
            try:
                self.show()
                self.look()
                if self.beside is not None:
                    self.beside()
            except Exception as error:  # whatever the runtime raises
                if self._clock() - self._reached > _SUSPICIOUS:
                    what = f'rank 0 (host {self.hosts[0]}) coordinates and no longer answers: {_first(error)}'
                    self.lose(what, 0, tell=False)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
