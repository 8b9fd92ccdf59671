"""Trainings that can go on: which runs were their attempts, and the command that began them.

One file a training, `<data folder>/checkpoints/<key>/attempts.json`. A command is run from it (`hefted resume`), so
it must be this user's alone, as the folder it is in must be: one that somebody else can write to is not read. No
journal and no export holds what is in it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hefted import host, settings
from hefted.errors import ArgumentError

_FILE = 'attempts.json'


@dataclass
class Attempts:
    """The attempts at one training.

    Attributes:
        key: Names the training.
        checkpoints: The folder of its checkpoints.
        name: The model's.
        runs: The ids of the attempts' runs, the first one first.
        command: What began the last of them, as Python was called; empty where nothing can begin it again, as in a
            notebook.
        working: The folder in which that was.
        machine: Which machine that was on.
    """

    key: str
    checkpoints: str
    name: str = ''
    runs: list[str] = field(default_factory=list[str])
    command: list[str] = field(default_factory=list[str])
    working: str = ''
    machine: str = ''

    @property
    def folder(self) -> Path:
        """Where this is kept."""
        return checkpoints_folder() / self.key


def checkpoints_folder() -> Path:
    """The folder of all of them: `checkpoints` in the user's data folder."""
    return settings.data_folder() / 'checkpoints'


def load(key: str) -> Attempts | None:
    """The attempts at a training; None where there were none, or what was written cannot be read any more.

    Raises:
        ArgumentError: The file, or its folder, is not this user's alone.
    """
    folder = checkpoints_folder() / key
    file = folder / _FILE
    if not file.exists():
        return None
    if not host.is_private_folder(folder) or not _is_private_file(file):
        raise ArgumentError(
            f'Expected {str(file)!r} to be yours alone, and its folder too (modes 0600 and 0700): a command is run '
            'from it. Look at who changed it, and delete the folder.'
        )
    try:
        told: dict[str, Any] = json.loads(file.read_text('utf-8'))
        return Attempts(**{name: told[name] for name in Attempts.__dataclass_fields__})
    except (ValueError, TypeError, KeyError):  # cut short when the power went, or another version's
        return None


def make_folder(attempts: Attempts) -> Path:
    """The folder of a training's record, made if need be, this user's alone.

    Raises:
        ArgumentError: The folder is somebody else's, or others can write to it.
        OSError: The disk cannot be written.
    """
    folder = attempts.folder
    checkpoints_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not host.is_private_folder(folder):
        raise ArgumentError(
            f'Expected {str(folder)!r} to be yours alone (mode 0700). Delete it, or set HEFTED_DATA_DIR.'
        )
    return folder


def save(attempts: Attempts) -> None:
    """Write them aside and rename, this user's alone.

    Raises:
        ArgumentError: The folder is somebody else's, or others can write to it.
        OSError: The disk cannot be written.
    """
    folder = make_folder(attempts)
    aside = folder / f'.{_FILE}.tmp'
    aside.unlink(missing_ok=True)  # a killed process's
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
        json.dump(asdict(attempts), file)
    aside.replace(folder / _FILE)  # not synced: the checkpoint knows the runs too, and a kill loses nothing


def forget(attempts: Attempts) -> None:
    """Delete a training's checkpoints and what is known of its attempts; what somebody else put there stays."""
    for folder in dict.fromkeys((Path(attempts.checkpoints), attempts.folder)):
        # The last one goes last: a kill between two of these leaves one to go on from, or nothing.
        with suppress(OSError):
            for pattern in ('.latest.state*', f'.{_FILE}.tmp', 'latest.state.bkp', 'latest.state', '.lock', _FILE):
                for file in folder.glob(pattern):
                    file.unlink(missing_ok=True)
            shutil.rmtree(folder / 'latest.shares', ignore_errors=True)
            if folder.exists():
                folder.rmdir()


def listed() -> Iterator[Attempts]:
    """All trainings that can go on, the newest last.

    Raises:
        ArgumentError: One of the files is not this user's alone.
    """
    folder = checkpoints_folder()
    keys = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    known = [found for key in keys if (found := load(key)) is not None]
    yield from sorted(known, key=lambda each: each.runs[-1:])


def _is_private_file(file: Path) -> bool:
    return host.is_private_folder(file) and stat.S_ISREG(file.lstat().st_mode)
