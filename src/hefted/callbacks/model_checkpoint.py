"""`ModelCheckpoint`: the model in a file, each epoch, every so many batches, or whenever it is the best so far."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hefted.callbacks.batches import Batches
from hefted.callbacks.callback import Logs
from hefted.callbacks.monitor import MonitorCallback
from hefted.errors import ArgumentError


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, as it trains.

    Args:
        filepath: Where; may hold `{epoch:02d}` and metrics such as `{val_loss:.2f}`. Ends in `.keras`, or in
            `.weights.h5` with `save_weights_only`.
        monitor: The metric that `save_best_only` watches.
        verbose: 1 says when it saves.
        save_best_only: Whether to save only when the metric is the best so far.
        save_weights_only: Whether to save only the weights.
        mode: 'min', 'max', or 'auto' by the metric's name.
        save_freq: 'epoch', or a number of batches.
        initial_value_threshold: A value that the metric must pass first.

    Raises:
        ArgumentError: The file's ending, or `save_freq`, is neither of those.
    """

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = 'val_loss',
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = 'auto',
        save_freq: str | int = 'epoch',
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        ending = '.weights.h5' if save_weights_only else '.keras'
        if not str(filepath).endswith(ending):
            raise ArgumentError(f'Expected filepath to end in {ending}, received {str(filepath)!r}.')
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise ArgumentError(f"Expected save_freq to be 'epoch' or a number of batches, received {save_freq!r}.")
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self._batches, self._epoch = Batches(save_freq), 0

    def stops_at(self, step: int) -> int | None:
        return self._batches.next_stop(step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches.begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.reached():
            self._save(self._epoch, batch, logs or {})

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        if self.save_freq == 'epoch':
            self._save(epoch, None, logs or {})

    def get_state(self) -> dict[str, Any]:
        return {'best': self.best, 'batches': self._batches.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best = state['best']
        self._batches.set_state(state['batches'])

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        improved = self._improvement(logs) if self.save_best_only else ''
        if improved is None:
            self._say(epoch, f'{self.monitor} did not improve from {_rounded(self.best)}')
            return
        self._say(epoch, f'{improved}saving model to {path}')
        if path.is_dir():
            raise OSError(f'Expected filepath of ModelCheckpoint to be a file, received the folder {str(path)!r}.')
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._say(epoch, f'finished saving model to {path}')

    def _say(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            print(f'\nEpoch {epoch + 1}: {what}')

    def _improvement(self, logs: Logs) -> str | None:
        """What improved, to be told; '' where nobody can tell (better a model that may not be the best than none)."""
        value = self._value(logs)
        if value is None:
            return ''
        if np.ndim(value) > 0:
            warnings.warn(
                f'Expected {self.monitor} to be a number, received {value!r}: the model is saved.', stacklevel=5
            )
            return ''
        if not self._is_improvement(value, self.best):
            return None
        before, self.best = self.best, value
        return f'{self.monitor} improved from {_rounded(before)} to {value:.5f}, '

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> Path:
        filled = {'epoch': epoch + 1, **({} if batch is None else {'batch': batch + 1}), **logs}
        try:
            return Path(self.filepath.format(**filled))
        except KeyError as error:
            raise KeyError(
                f'filepath {self.filepath!r} of ModelCheckpoint names {error}, which is not among '
                f'{", ".join(filled)}. Take it out, or make the model report it.'
            ) from error


def _rounded(value: float | None) -> str:
    return 'None' if value is None else f'{value:.5f}'
