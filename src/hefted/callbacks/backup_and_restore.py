"""`BackupAndRestore`: a training that is interrupted, however, goes on where it was when the program is run again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hefted.callbacks.batches import Batches
from hefted.callbacks.callback import Callback, Logs
from hefted.errors import ArgumentError

LATEST, PREVIOUS, SHARES = 'latest.state', 'latest.state.bkp', 'latest.shares'


class BackupAndRestore(Callback):
    """Back up a training, and let the same `fit` go on from the last backup when it is called again.

    All is restored: weights, optimizer, epoch and batch, random keys, the order of the rows, the epoch's metrics so
    far, `History`, and the state of every callback that has one. The training ends with the bits that it would have had
    without the interruption (on the same kind of device and version of JAX). It happens in `fit`: nothing is to be
    called. Each backup is written aside and renamed, so that a crash at any instant leaves a whole one.

    A folder that cannot be written is an error before the first step; a backup that fails later (a full disk) warns,
    the one before it is kept, and training goes on.

    Args:
        backup_dir: A folder for this training alone.
        save_freq: 'epoch', or a number of batches; False for never.
        double_checkpoint: Whether to keep the backup before the last as well, for when the last is damaged.
        delete_checkpoint: Whether the backup goes when the training ends. One that its budget stopped is not at its
            end: the backup stays, and the same `fit` with more to spend goes on from there.

    Raises:
        ArgumentError: No folder, or `save_freq` is neither of those.

    Example:
        >>> BackupAndRestore('backups', save_freq=100).stops_at(250)
        300
    """

    def __init__(
        self,
        backup_dir: str | Path,
        save_freq: str | int = 'epoch',
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ArgumentError(f'Expected backup_dir to be a folder, received {backup_dir!r}.')
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise ArgumentError(f"Expected save_freq to be 'epoch' or a number of batches, received {save_freq!r}.")
        self.backup_dir, self.save_freq = backup_dir, save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.due = False  # whether the loop shall write one now, after all callbacks were called
        self.stays = False  # whether the training that ends is to go on another time
        self.told: Callable[[], bool] = bool  # whether the process is told to end, before what was trained is used
        self._batches = Batches(save_freq)

    def count(self, steps: int, epochs: int) -> int:
        """How many backups a training of so many steps and epochs makes."""
        if self.save_freq == 'epoch':
            return epochs
        return steps // self._batches.every if self._batches.every else 0

    def stops_at(self, step: int) -> int | None:
        return self._batches.next_stop(step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches.begin()
        self.stays = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.reached():
            self.due = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == 'epoch':
            self.due = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.delete_checkpoint or self.stays or self.told():
            return
        folder = Path(self.backup_dir)
        with suppress(OSError):  # what somebody else put there stays, and so does the folder then
            for name in (LATEST, PREVIOUS):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / SHARES, ignore_errors=True)
            for left in folder.glob(f'.{LATEST}*'):  # by a process that was killed while it wrote
                left.unlink(missing_ok=True)
            folder.rmdir()

    def get_state(self) -> dict[str, Any]:
        return {'batches': self._batches.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches.set_state(state['batches'])
