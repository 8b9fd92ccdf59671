"""The keeper of a `BackupAndRestore`."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from hefted.callbacks.backup_and_restore import LATEST, BackupAndRestore
from hefted.callbacks.callback import CallbackList
from hefted.train import preemption, state_file
from hefted.train.checkpoint import Checkpoint, Keeper, Place, Price
from hefted.train.elsewhere import other_machine
from hefted.train.kept import newest, probe, write

if TYPE_CHECKING:
    from hefted.variables import Array

_TRIED_BYTES = 8 << 20  # of a checkpoint, to see what the disk takes for it


class Folder:
    """The keeper of a `BackupAndRestore`: its folder, with the latest checkpoint and perhaps the one before.

    Args:
        callback: Says when, and where.
    """

    at_hooks = True

    def __init__(self, callback: BackupAndRestore) -> None:
        self._callback, self._folder = callback, Path(callback.backup_dir)
        callback.told = preemption.told
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
