"""`fit(resume=…)`: checkpoints by the clock, for at most a hundredth of a training's time, and what goes on from them.

A training is known by the program that runs it: its command and working folder, and the number of its `fit` among those
of the process that are resumed. So a program that was killed is just run again.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from hefted import host
from hefted.callbacks.backup_and_restore import LATEST, PREVIOUS
from hefted.distribution import lead
from hefted.errors import ArchiveError, ArgumentError, warn
from hefted.identifiers import uuid7
from hefted.ledger import attempts as records
from hefted.ledger import journal
from hefted.ledger.attempts import Attempts
from hefted.train import preemption, programs, state_file
from hefted.train.checkpoint import Checkpoint, Place, Price
from hefted.train.differing import differences
from hefted.train.elsewhere import other_machine
from hefted.train.kept import newest, probe, write

_GUESS_SECONDS, _GUESS_BYTES = 0.02, 200e6  # what a checkpoint takes until one was made: so long, and bytes a second
_LONGEST_PAUSE = 300.0  # seconds after which a disk that failed is tried again, at the most


@dataclass(frozen=True)
class Resume:
    """How a training is kept, where `resume=True` or a folder is not enough.

    Args:
        folder: For this training's checkpoints alone; None for one of its own in the user's data folder.
        seconds: At least so many lie between two checkpoints.
        share: Of the training's time, what checkpoints may take.

    Example:
        >>> Resume('checkpoints', seconds=60).share
        0.01
    """

    folder: str | Path | None = None
    seconds: float = 2.0
    share: float = 0.01


def resuming(argument: Any, name: str) -> Resuming | None:
    """What keeps a training, for `fit`'s argument `resume`; None where nothing shall.

    Raises:
        ArgumentError: Something else than False, True, a folder or a `Resume`; or what is known of earlier attempts is
            not this user's alone.
    """
    if argument is None or argument is False:
        return None
    if argument is True:
        return Resuming(Resume(), name)
    if isinstance(argument, Resume):
        return Resuming(argument, name)
    if isinstance(argument, (str, Path)) and str(argument):
        return Resuming(Resume(argument), name)
    raise ArgumentError(f'Expected resume to be True, False, or a folder for checkpoints, received {argument!r}.')


class Resuming:
    """The keeper of one `fit(resume=…)`.

    Args:
        how: As asked for.
        name: The model's.
        clock: Seconds.

    Attributes:
        attempts: What is known of this training's attempts.
        found: What it goes on from; None until `take_up`, and where it begins anew.
    """

    at_hooks = False

    def __init__(self, how: Resume, name: str, clock: Callable[[], float] = perf_counter) -> None:
        self._how, self._clock = how, clock
        key = programs.key_of(how.folder, name)
        folder = records.checkpoints_folder() / key if how.folder is None else Path(how.folder).absolute()
        self._folder = folder
        if folder in _finished:  # by an earlier fit of this process: this one begins anew
            _finished.pop(folder).forget()
        self.attempts = records.load(key) or Attempts(key, str(folder), name, _runs_in(folder))
        self.found: Checkpoint | None = None
        self.passed_over: list[str] = []
        self._about: dict[str, Any] = {}
        self._elsewhere: str | None = None  # how the machine of an attempt before differed
        self._lock: Any = None
        self._began = self._last = clock()
        self._spent, self._expected, self._pause = 0.0, _GUESS_SECONDS, 0.0

    @property
    def attempt(self) -> int:
        """The number of the next attempt, from 1."""
        return len(self.attempts.runs) + 1

    @property
    def first(self) -> str | None:
        """The id of the first attempt's run; None where there was none."""
        return self.attempts.runs[0] if self.attempts.runs else None

    @contextmanager
    def begun(self, run_id: str) -> Generator[None]:
        """While the attempt goes on: nobody else goes on from the same checkpoints.

        Raises:
            ArgumentError: Another process or thread does, the folder is somebody else's, or cannot be written.
        """
        for earlier in [*_finished.values()]:
            if programs.interactive():  # a notebook has what they came to, and does not begin again from its top
                _finished.pop(earlier._folder).forget()
            else:
                earlier._unlock()  # a process may have but so many open files
        if self._folder in _open:
            raise self._in_use()
        _open.add(self._folder)
        try:
            journal.settle()  # an attempt that is known has what it took in the ledger, whenever it is killed
            if lead.first():  # which keeps what all have
                self._lock = self._locked(run_id or uuid7())
                if self._lock is None:
                    raise self._in_use()
            lead.decide(True)  # the others look for a checkpoint when the first has the folder
            yield
        finally:
            _open.discard(self._folder)
            if self._folder not in _finished:
                self._unlock()

    def take_up(self, identity: dict[str, Any], epochs: int, steps: int | None, nbytes: int = 0) -> Checkpoint | None:
        """Look for a checkpoint to go on from.

        Args:
            identity: What this training is.
            epochs: The number of its last epoch, plus one.
            steps: Of an epoch, where that is known.
            nbytes: Of its state: how long a checkpoint takes is guessed by it, until one has been made.

        Raises:
            ArgumentError: It is of another training.
            ArchiveError: Something was kept, and nothing of it can be read.
        """
        self._expected = _GUESS_SECONDS + nbytes / _GUESS_BYTES
        self.found, self.passed_over = newest(self._folder)
        self._about = {'identity': identity, 'epochs': epochs, 'steps': steps, 'runs': self.attempts.runs}
        if self.found is not None:
            self._compare(identity, self.found)
            self._elsewhere = other_machine(self.found) or self.found.about.get('elsewhere')
            self._about['elsewhere'] = self._elsewhere  # an attempt after this one is not exact either
            before = int(self.found.about.get('epochs', epochs))
            if epochs < before:
                warn(
                    f'The training that is resumed was to have {before} epochs and is in epoch '
                    f'{self.found.place.epoch + 1}; now it ends after {epochs}.'
                )
        self._began = self._last = self._clock()
        return self.found

    def told(self) -> str | None:
        """What a person is told of where the training goes on; None where it begins."""
        if self.found is None:
            return None
        other = self._elsewhere
        exact = 'to the bit' if other is None else f'to about 1e-5, not to the bit: it began elsewhere ({other})'
        place, steps = self.found.place, self._about.get('steps')
        whole = f' of {steps * self._about["epochs"]:,}' if steps else ''
        return f'Resumed after step {place.done:,}{whole}, attempt {len(self.attempts.runs)}: it goes on {exact}.'

    def to_json(self) -> dict[str, Any]:
        """What the run's journal is told."""
        found = self.found
        if found is None:
            return {}
        return {
            'resumed': {
                'step': found.place.done,
                'exact': self._elsewhere is None,
                'passed_over': len(self.passed_over),
            }
        }

    def finish(self) -> None:
        """The training is at its end. Its checkpoints go when the program ends; in a notebook, when another begins.

        Whoever kills it before it has kept what it trained has not lost it, and a program of several trainings that is
        killed in the last does not begin again with the first.
        """
        if not lead.first():
            return
        _finished[self._folder] = self
        programs.done(self.attempts.name)

    def forget(self) -> None:
        """Delete what was kept."""
        self._unlock()
        if lead.first():
            records.forget(self.attempts)

    # The loop's keeper

    def place(self) -> Place | None:
        return self.found and self.found.place

    def load(self) -> Checkpoint | None:
        found, self.found = self.found, None  # its arrays are let go when they are taken up
        return found

    def due(self) -> bool:
        now = self._clock()
        soonest = self._last + max(self._how.seconds, self._pause)
        return lead.decide(now >= max(soonest, self._began + (self._spent + self._expected) / self._how.share))

    def save(self, checkpoint: Checkpoint) -> None:
        checkpoint.about = self._about
        failed = write(self._folder, checkpoint)
        self._pause = 0.0 if failed is None else min(2 * self._pause + self._how.seconds, _LONGEST_PAUSE)

    def took(self, seconds: float) -> None:
        self._spent += seconds
        self._expected = seconds
        self._last = self._clock()

    def count(self, steps: int, epochs: int) -> None:
        del steps, epochs

    def price(self, state: Any) -> Price:
        """As long as is guessed until one was made, as often as the share and the seconds between two let it."""
        del state
        return Price(0.0, self._expected / max(self._how.seconds, self._expected / self._how.share))

    # Who it is

    def _locked(self, run_id: str) -> Any:
        """The folder's lock, once it is known who has it; None where somebody else has."""
        own = self._how.folder is None
        try:
            if own:
                records.make_folder(self.attempts)
            probe(self._folder)
            lock = programs.locked(self._folder / '.lock')
            if lock is not None and own:  # who finds it taken is no attempt
                self._recorded(run_id)
        except OSError as error:
            remedy = 'Set HEFTED_DATA_DIR, or give resume a folder' if own else 'Give resume another folder'
            raise ArgumentError(
                f'resume: expected a folder that can be written, received {str(self._folder)!r} '
                f'({error.strerror or error}). {remedy} that can.'
            ) from error
        if lock is not None and not own:
            try:
                self._recorded(run_id)
            except OSError as error:  # its checkpoints are kept, and know its runs
                warn(
                    f'`hefted resume` will not know of this training: its record cannot be written ({error.strerror}).'
                )
        return lock

    def _recorded(self, run_id: str) -> None:
        told = self.attempts
        told.runs = [*told.runs, run_id]
        told.command, told.working, told.machine = programs.command(), str(Path.cwd()), host.machine_id()
        records.save(told)

    def _compare(self, identity: dict[str, Any], found: Checkpoint) -> None:
        differing = list(differences(identity, found.about.get('identity', {})))
        if differing:
            raise ArgumentError(
                f'Expected the training that the checkpoint in {str(self._folder)!r} is of, received another: '
                f'{"; ".join(differing)}. Make it as it was to go on; to begin anew, delete that folder, call '
                f'`hefted resume --forget {self.attempts.runs[0][:18]}`, or pass resume=False.'
            )

    def _ours(self) -> bool:
        """Whether nobody has taken up the checkpoints of a training that ended since its lock was let go."""
        with suppress(OSError):  # somebody has deleted them
            self._lock = self._lock or programs.locked(self._folder / '.lock')
        return self._lock is not None

    def _in_use(self) -> ArgumentError:
        return ArgumentError(
            f'Expected resume to be a folder that no other training uses, received {str(self._folder)!r}, which one '
            'that goes on has. Give each its own, or wait until it has ended.'
        )

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()


_open: set[Path] = set()  # the folders of trainings that go on in this process
_finished: dict[Path, Resuming] = {}  # trainings that ended here, and may not have been saved yet
_process = os.getpid()


def _runs_in(folder: Path) -> list[str]:
    """The runs that a checkpoint knows of, where this machine knows of none: it was brought here."""
    for path in (folder / LATEST, folder / PREVIOUS):
        with suppress(ArchiveError, OSError, TypeError, KeyError):  # a damaged one is told of when it is read
            return [str(run) for run in state_file.look(path)['about']['runs']]
    return []


@atexit.register
def _end() -> None:
    """The program ended by itself: what its trainings came to is where it wanted it, unless an error ended it."""
    watched = lead.watch()
    # Where an error did, `last_type` says so too.
    terminated = preemption.ended() or (watched is not None and watched.failed)
    if os.getpid() != _process or terminated or (hasattr(sys, 'last_type') and not programs.interactive()):
        return
    for finished in _finished.values():
        if finished._ours():
            finished.forget()
