"""Checkpoints in a folder: the last one, and perhaps the one before it, in files that are whole or not there."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from hefted.callbacks.backup_and_restore import LATEST, PREVIOUS
from hefted.distribution import lead
from hefted.errors import ArchiveError, ArgumentError
from hefted.train import shares, state_file
from hefted.train.checkpoint import Checkpoint, Place


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
            return _from_plain(state_file.read(path), folder), passed_over
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

    Of several processes that all have the same state the first alone does; where they have shares of it, each writes
    its own, and the file is put in place when all have.

    Args:
        folder: Where; made if need be.
        checkpoint: What.
        keep: Whether the one before it stays too.

    Returns:
        Why it could not be written, which costs this checkpoint and not the training; it is warned of.
    """
    apart = shares.some_in(checkpoint.state)
    if not apart and not lead.first():
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        value = vars(checkpoint)
        if apart:
            value = value | {'state': shares.write(folder, checkpoint.state, checkpoint.place.done)}
        if lead.first():
            state_file.write(folder / LATEST, value, folder / PREVIOUS if keep else None)
            shares.tidy(folder)
    except OSError as error:
        warnings.warn(
            f'The backup after step {checkpoint.place.done} could not be written ({error}). '
            'The training does not end for that; the backup before it, if any, is kept.',
            stacklevel=2,
        )
        return error
    return None


def probe(folder: Path) -> None:
    """Raise OSError where a folder cannot be written: better now than after the first epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f'.{LATEST}.probe'
    file.write_bytes(b'')
    file.unlink(missing_ok=True)  # others try it at the same time


def _from_plain(value: Any, folder: Path) -> Checkpoint:
    try:
        checkpoint = Checkpoint(**value)
        checkpoint.state = shares.found(folder, checkpoint.state)
        checkpoint.place = Place(*(int(n) for n in checkpoint.place))
        checkpoint.callbacks = [(str(name), state) for name, state in checkpoint.callbacks]
        if not all(hasattr(array, 'dtype') for arrays in checkpoint.state.values() for array in arrays):
            raise TypeError('the state holds something that is no array')
    except ArchiveError:
        raise
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise ArchiveError(f'The file is no checkpoint of a training: {error}.') from error
    return checkpoint
