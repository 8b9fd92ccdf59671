"""What a checkpoint holds of a state that no process has all of: each writes the shares of its devices, by Orbax.

A model that does not fit one host cannot be gathered on it. Its shares go to a folder beside the checkpoint's file,
which names them and is put in place when all are written: a process that is killed while it writes leaves the last
checkpoint as it was. They are read as the state lies by then, on fewer or more devices and processes.

    latest.state                                  place, logs, callbacks, and what every process has whole
    latest.shares/1200-0194…/                     the shares of that checkpoint, written by Orbax
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.callbacks.backup_and_restore import LATEST, PREVIOUS, SHARES
from hefted.distribution import lead, shards
from hefted.errors import ArchiveError, warn
from hefted.identifiers import uuid7
from hefted.train import state_file
from hefted.train.binding import copy_state
from hefted.variables import gathered

if TYPE_CHECKING:
    from hefted.train.binding import Binding

State = dict[str, list[Any]]


@dataclass(frozen=True)
class Share:
    """An array that is still in a folder, in shares.

    Attributes:
        folder: Where.
        name: Its name there.
        shape: Of the whole.
        dtype: Its.
    """

    folder: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def some_in(state: State) -> bool:
    """Whether no process has all of a state."""
    return any(shards.spread(array) for arrays in state.values() for array in arrays)


def held(state: State) -> State:
    """A state as a checkpoint has it: on the host, but for arrays of which processes have shares.

    Where Orbax is not installed everywhere, these are gathered, and that is warned of.
    """
    apart = some_in(state) and _kept_apart()
    return {
        name: [a if apart and shards.spread(a) else np.asarray(gathered(a)) for a in arrays]
        for name, arrays in state.items()
    }


@cache
def _kept_apart() -> bool:
    if shards.everywhere():
        return True
    warn(
        'Checkpoints gather all weights on every host, which only models that fit one bear: Orbax, which keeps each '
        f"device's share, is not installed in every process. Run {shards.INSTALL} on all hosts."
    )
    return False


def write(folder: Path, state: State, done: int) -> State:
    """Write the shares, in all processes at once.

    Args:
        folder: Of the checkpoint.
        state: As `held` gave it.
        done: Steps done.

    Returns:
        The state as the checkpoint's file holds it.

    Raises:
        OSError: They could not be written, here or elsewhere.
    """
    name = lead.decide(f'{done}-{uuid7()}')
    apart = {f'{n}-{i}': a for n, arrays in state.items() for i, a in enumerate(arrays) if shards.spread(a)}
    shards.write(folder / SHARES / name, apart)
    of = {'of': name, 'files': _files(folder / SHARES / name)}
    return {
        n: [
            {'share': f'{n}-{i}', **of, 'shape': list(a.shape), 'dtype': a.dtype.name} if shards.spread(a) else a
            for i, a in enumerate(arrays)
        ]
        for n, arrays in state.items()
    }


def _files(folder: Path) -> str:
    """What tells a folder's files from others, or from what a full disk has left of them: their names and sizes.

    TensorStore notices a file that is cut only where it reads beyond its end; short of that it gives what is not there.
    """
    listed = sorted(
        (str(each.relative_to(folder)), each.stat().st_size) for each in folder.rglob('*') if each.is_file()
    )
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:16]


def found(folder: Path, state: State) -> State:
    """A state as a checkpoint's file holds it, with what is in shares to be read later.

    Raises:
        ArchiveError: Shares that it names are not there, or not whole.
        ImportError: Orbax is not installed.
    """
    for name, files in _named(state).items():
        shards.require(folder / SHARES / name)
        if files != _files(folder / SHARES / name):
            raise ArchiveError(f'The shares in {str(folder / SHARES / name)!r} are damaged: files are cut or missing.')
    return {name: [_found(folder, array) for array in arrays] for name, arrays in state.items()}


def _found(folder: Path, array: Any) -> Any:
    if not isinstance(array, dict):
        return array
    shape, dtype = tuple(int(n) for n in array['shape']), state_file.dtype_of(array['dtype'])
    return Share(folder / SHARES / str(array['of']), str(array['share']), shape, dtype)


def _named(state: State) -> dict[str, str]:
    """The folders of shares that a checkpoint names, and what is to be found in them."""
    apart = [array for arrays in state.values() for array in arrays if isinstance(array, dict)]
    return {str(array['of']): str(array['files']) for array in apart}


def tidy(folder: Path) -> None:
    """Delete the shares that no checkpoint in a folder names any more, and those of processes that were killed."""
    if not (folder / SHARES).is_dir():
        return
    named: set[str] = set()
    for path in (folder / LATEST, folder / PREVIOUS):
        with suppress(ArchiveError, FileNotFoundError):  # a damaged one has lost its shares as well
            named |= _named(state_file.look(path)['state']).keys()
    for each in (folder / SHARES).iterdir():
        if each.name not in named:
            shutil.rmtree(each, ignore_errors=True)
    if not named:
        with suppress(OSError):
            (folder / SHARES).rmdir()


def own(state: State, binding: Binding) -> State:
    """A checkpoint's state in arrays that nobody else has, where the training wants them.

    Each call reads shares again: they are not kept twice on the devices.

    Raises:
        ArchiveError: Shares are damaged.
    """
    apart = {(n, i): a for n, arrays in state.items() for i, a in enumerate(arrays) if isinstance(a, Share)}
    if not apart:
        return copy_state(state) if jax.process_count() == 1 else binding.in_place(copy_state(state))
    read = _read(apart, binding.placed)
    whole = {
        n: [read[n, i] if (n, i) in read else np.array(a) for i, a in enumerate(arrays)] for n, arrays in state.items()
    }
    return binding.in_place(whole)


def _read(apart: dict[tuple[str, int], Share], placed: dict[str, list[Any]] | None) -> dict[tuple[str, int], Any]:
    folder = next(iter(apart.values())).folder
    wanted = {
        share.name: shards.wanted(share.shape, share.dtype, None if placed is None else placed[n][i])
        for (n, i), share in apart.items()
    }
    try:
        read = shards.read(folder, wanted)
    except ArchiveError as error:
        raise ArchiveError(
            f'The shares of the last checkpoint cannot be read. Delete {str(folder)!r} to go on from the checkpoint '
            f'before it, where there is one. {error}'
        ) from error
    return {at: read[share.name] for at, share in apart.items()}
