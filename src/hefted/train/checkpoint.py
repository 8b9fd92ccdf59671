"""A training's whole state at one step: what it takes to go on, to the bit, in another process.

`capture` and `restore` know the loop's `Job` and nothing of files or kinds of callbacks; a `Keeper` says when a
checkpoint is due and where it goes. What is in one: every array of the state (weights, statistics, seed generators,
the optimizer with its learning rate and slots, the epoch's partial metrics), the place, the training's key, what the
order of the rows follows from, the logs so far, and the state of each callback that has one (`History` among them).
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
import numpy as np

from hefted import host, processor
from hefted.callbacks.backup_and_restore import LATEST, PREVIOUS, BackupAndRestore
from hefted.callbacks.callback import CallbackList
from hefted.distribution import lead
from hefted.errors import ArchiveError, ArgumentError
from hefted.train import state_file
from hefted.train.binding import copy_state
from hefted.utils import random_states
from hefted.variables import gathered

if TYPE_CHECKING:
    from hefted.train.loop import Job
    from hefted.variables import Array

Logs = dict[str, Any]
_TRIED_BYTES = 8 << 20  # of a checkpoint, to see what the disk takes for it
_NO_BITS = ('--xla_dump', '--xla_force_host_platform_device_count', '--xla_hlo_profile')  # flags that change none


class Place(NamedTuple):
    """How far a training is.

    Attributes:
        epoch: The epoch that is going on, or begins next.
        step: Its steps done.
        done: Steps done since the training began.
    """

    epoch: int
    step: int = 0
    done: int = 0


@dataclass
class Checkpoint:
    """A training at one step. Its arrays may be the loop's own: copy them to hold them past the next step.

    Attributes:
        place: How far it is.
        state: The state's arrays by entry.
        key: uint32 (2,), the training's.
        source: What the order of the rows follows from.
        logs: Of the last step.
        callbacks: (name of its class, state) of each callback that has one.
        machine: What must be the same for the same bits.
        random: The states of Python's, NumPy's and torch's random numbers, from which callbacks may draw.
        about: What a keeper adds of its own.
        halted: Whether the training ends here for now, such as by its budget: it is to go on another time.
    """

    place: Place
    state: dict[str, list[Any]]
    key: Any
    source: dict[str, Any]
    logs: Logs
    callbacks: list[tuple[str, Any]]
    machine: dict[str, str]
    random: dict[str, Any] = field(default_factory=dict[str, Any])
    about: dict[str, Any] = field(default_factory=dict)
    halted: bool = False


class Keeper(Protocol):
    """Who keeps checkpoints of a training.

    Attributes:
        at_hooks: Whether it is asked after each hook, for which the loop stops between epochs; else at the edges of
            chunks, within an epoch too.
    """

    @property
    def at_hooks(self) -> bool: ...

    def load(self) -> Checkpoint | None:
        """What to go on from, if there is anything; called before the training begins."""
        ...

    def place(self) -> Place | None:
        """How far what `load` will give is; None where there is nothing."""
        ...

    def due(self) -> bool:
        """Whether one is wanted now."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep it."""
        ...

    def took(self, seconds: float) -> None:
        """How long the training stood still for the checkpoint that was kept last."""
        ...

    def count(self, steps: int, epochs: int) -> int | None:
        """How many a training of so many steps and epochs will ask for; None where its duration decides."""
        ...

    def price(self, state: dict[str, list[Array]]) -> Price:
        """What checkpoints of a state will take; some are tried."""
        ...


class Price(NamedTuple):
    """What checkpoints take.

    Attributes:
        seconds: Of one.
        share: Of the training's duration, where they are kept by the clock; else 0.
    """

    seconds: float
    share: float = 0.0


def capture(job: Job, state: Any, place: Place, logs: Logs) -> Checkpoint:
    """The checkpoint of a training whose pipeline is drained."""
    return Checkpoint(
        place,
        {name: [np.asarray(gathered(array)) for array in arrays] for name, arrays in state.items()},
        job.key,
        job.source.get_state(),
        logs,
        [(name, callback.get_state()) for name, callback in stateful(job.callbacks)],
        machine_here(),
        random_states.held(),
    )


def restore(job: Job, checkpoint: Checkpoint) -> tuple[Any, Logs]:
    """Put a training where a checkpoint was.

    Returns:
        The state, its arrays nobody else's, and the logs.

    Raises:
        ArgumentError: The checkpoint is of another model, optimizer, or of other data.
    """
    _check(job, checkpoint.state)
    if checkpoint.source.get('feed') != 'generator':  # one that draws has drawn ahead, and draws all of it again
        random_states.put_back(checkpoint.random)
    over = bool(checkpoint.place.step and checkpoint.source.get('ended'))
    job.source.set_state(checkpoint.source | {'over': over})
    job.key = checkpoint.key
    kept: dict[str, list[Any]] = {}
    for name, value in checkpoint.callbacks:
        kept.setdefault(name, []).append(value)
    seen: Counter[str] = Counter()
    for name, callback in stateful(job.callbacks):
        if seen[name] < len(kept.get(name, ())):
            callback.set_state(kept[name][seen[name]])
        seen[name] += 1
    job.binding.drain(copy_state(checkpoint.state))
    return copy_state(checkpoint.state), dict(checkpoint.logs)


def stateful(callbacks: CallbackList) -> Iterator[tuple[str, Any]]:
    """The callbacks that can be put back, by the names of their classes."""
    for callback in callbacks.callbacks:
        if callable(getattr(callback, 'get_state', None)) and callable(getattr(callback, 'set_state', None)):
            yield type(callback).__name__, callback


def _check(job: Job, state: dict[str, list[Any]]) -> None:
    """Raise unless the arrays are those of the training's own variables."""
    for name, variables in job.binding.groups.items():
        wanted = [(v.shape, v.dtype) for v in variables]
        found = [(a.shape, a.dtype.name) for a in state.get(name, [])]
        if found == wanted:
            continue
        where = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
        if where is None:
            what = f'{len(wanted)} {name} variables, received {len(found)}'
        else:
            what = f'{variables[where].path!r} to be {_told(wanted[where])}, received {_told(found[where])}'
        raise ArgumentError(
            f'Expected {what} in the backup: it is of another model or optimizer. '
            'Delete it to begin anew, or build the model as it was.'
        )


def _told(kind: tuple[Any, str]) -> str:
    return f'{kind[1]} {kind[0]}'


def machine_here() -> dict[str, str]:
    """What the bits of a training depend on besides its program.

    JAX, the device, and what was set of how XLA compiles; on CPUs the number of threads too, which split sums.
    """
    device = jax.local_devices()[0]
    told = {'jax': jax.__version__, 'device': device.device_kind}
    if jax.device_count() > 1:
        told['devices'] = str(jax.device_count())
    if device.platform == 'cpu':
        cpu = processor.cpu_identity()
        told['device'] = cpu.name or f'{cpu.vendor} {cpu.family} {cpu.model}'
        said = os.environ.get('PJRT_NPROC') or os.environ.get('NPROC')  # XLA takes as many as these say
        told['threads'] = said or str(len(host.cpus_given() or ()) or os.cpu_count())
    flags = [flag for flag in os.environ.get('XLA_FLAGS', '').split() if not flag.startswith(_NO_BITS)]
    if flags:
        told['XLA_FLAGS'] = ' '.join(sorted(flags))
    if (precision := jax.config.jax_default_matmul_precision) is not None:  # pyright: ignore[reportAttributeAccessIssue]
        told['matmul precision'] = str(precision)
    return told


def other_machine(checkpoint: Checkpoint) -> str | None:
    """What is another here than where a checkpoint was made, for people; None where its bits go on."""
    here = machine_here()
    parts = [
        f'{name} {here.get(name, "not set")} here, {checkpoint.machine.get(name, "not set")} there'
        for name in sorted(here.keys() | checkpoint.machine.keys())
        if here.get(name) != checkpoint.machine.get(name)
    ]
    return '; '.join(parts) or None


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The last checkpoint of a folder that can be read; the same for all processes that train together.

    Returns:
        The checkpoint, or None where none was kept; and why later ones were passed over.

    Raises:
        ArchiveError: Something was kept, and nothing of it can be read.
        ArgumentError: Not all processes see the same; all of them raise it.
    """
    found, passed_over = _newest(folder)
    if lead.watch() is not None:
        from hefted.distribution import hosts

        seen = hosts.gather(None if found is None else found.place.done, 'the checkpoint to go on from')
        if len(set(seen)) > 1:
            other = next(rank for rank, step in enumerate(seen) if step != seen[0])
            raise ArgumentError(
                f'Expected a folder that all processes see, received {str(folder)!r}, where rank 0 finds '
                f'{_kept(seen[0])} and rank {other} {_kept(seen[other])}. Give one of a network file system.'
            )
    return found, passed_over


def _kept(step: int | None) -> str:
    return 'nothing' if step is None else f'a checkpoint of step {step:,}'


def _newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The last checkpoint of a folder that can be read.

    Returns:
        The checkpoint, or None where none was kept; and why later ones were passed over.

    Raises:
        ArchiveError: Something was kept, and nothing of it can be read.
    """
    passed_over: list[str] = []
    for path in (folder / LATEST, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            return _from_plain(state_file.read(path)), passed_over
        except (ArchiveError, OSError) as error:
            warnings.warn(f'A backup cannot be read, and is passed over: {error}', stacklevel=2)
            passed_over.append(str(error))
    if passed_over:
        raise ArchiveError(
            f'No backup in {str(folder)!r} can be read: {passed_over[0]} '
            f'Delete {LATEST} and {PREVIOUS} there to begin anew, or give another folder.'
        )
    return None, passed_over


def write(folder: Path, checkpoint: Checkpoint, keep: bool = True) -> OSError | None:
    """Put a checkpoint in a folder.

    Args:
        folder: Where; made if need be.
        checkpoint: What.
        keep: Whether the one before it stays too.

    Of several processes, which all have the same state, the first alone does.

    Returns:
        Why it could not be written, which costs this checkpoint and not the training; it is warned of.
    """
    if not lead.first():
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        state_file.write(folder / LATEST, vars(checkpoint), folder / PREVIOUS if keep else None)
    except OSError as error:
        warnings.warn(
            f'The backup after step {checkpoint.place.done} could not be written ({error}). '
            'Training goes on; the backup before it, if any, is kept.',
            stacklevel=2,
        )
        return error
    return None


def probe(folder: Path) -> None:
    """Raise OSError where a folder cannot be written: better now than after the first epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f'.{LATEST}.probe'
    file.write_bytes(b'')
    file.unlink()


class Folder:
    """The keeper of a `BackupAndRestore`: its folder, with the latest checkpoint and perhaps the one before.

    Args:
        callback: Says when, and where.
    """

    at_hooks = True

    def __init__(self, callback: BackupAndRestore) -> None:
        self._callback, self._folder = callback, Path(callback.backup_dir)
        self._found: Checkpoint | None = None  # by `place`
        self._looked = False

    def place(self) -> Place | None:
        if not self._looked:
            self._found, self._looked = self._read(), True
        return self._found and self._found.place

    def load(self) -> Checkpoint | None:
        self.place()
        found, self._found, self._looked = self._found, None, False  # its arrays are let go when they are taken up
        return found

    def _read(self) -> Checkpoint | None:
        """What was kept last and can be read.

        Raises:
            ArchiveError: Something was kept, and nothing of it can be read.
            OSError: The folder cannot be written.
        """
        probe(self._folder)
        found, _ = newest(self._folder)
        if found is not None and (other := other_machine(found)) is not None:
            warnings.warn(
                f'The training is resumed elsewhere than where it began ({other}): '
                'its numbers will agree to about 1e-5, not to the bit.',
                stacklevel=2,
            )
        return found

    def due(self) -> bool:
        due, self._callback.due = self._callback.due, False
        return due

    def save(self, checkpoint: Checkpoint) -> None:
        self._callback.stays = checkpoint.halted
        write(self._folder, checkpoint, self._callback.double_checkpoint)

    def took(self, seconds: float) -> None:
        """It goes by epochs and batches."""

    def count(self, steps: int, epochs: int) -> int:
        return self._callback.count(steps, epochs)

    def price(self, state: dict[str, list[Array]]) -> Price:
        """By one that is written and deleted: what the disk takes for it differs too much to be guessed.

        Of a large state a part is written. Nothing stays, nor is the folder made: a forecast alone needs none.
        """
        nbytes = sum(array.nbytes for arrays in state.values() for array in arrays)
        written = np.arange(max(min(nbytes, _TRIED_BYTES), 8) // 8)
        folder = self._folder.absolute()
        trial = next(each for each in (folder, *folder.parents) if each.is_dir()) / f'.{LATEST}.{os.getpid()}.trial'
        begun = perf_counter()
        try:
            state_file.write(trial, {'trial': written})
            return Price((perf_counter() - begun) * max(1.0, nbytes / written.nbytes))
        except OSError:  # the training says why
            return Price(0.0)
        finally:
            with suppress(OSError):
                trial.unlink()


def keepers_of(callbacks: CallbackList) -> list[Keeper]:
    """The keepers that callbacks ask for."""
    return [Folder(c) for c in callbacks.callbacks if isinstance(c, BackupAndRestore)]


def _from_plain(value: Any) -> Checkpoint:
    try:
        checkpoint = Checkpoint(**value)
        checkpoint.place = Place(*(int(n) for n in checkpoint.place))
        checkpoint.callbacks = [(str(name), state) for name, state in checkpoint.callbacks]
        if not all(hasattr(array, 'dtype') for arrays in checkpoint.state.values() for array in arrays):
            raise TypeError('the state holds something that is no array')
    except (TypeError, ValueError, AttributeError) as error:
        raise ArchiveError(f'The file is no checkpoint of a training: {error}.') from error
    return checkpoint
