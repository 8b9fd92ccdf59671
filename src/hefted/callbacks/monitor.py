"""Callbacks that watch one metric: `EarlyStopping`, `ModelCheckpoint`, and `TerminateOnNaN`."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.errors import unknown_name

_HIGHER_IS_BETTER = (
    'acc',
    'auc',
    'precision',
    'recall',
    'f1',
    'fbeta',
    'iou',
    'r2_score',
    'top_k',
    'cosine_similarity',
)


def better(monitor: str, mode: str) -> Callable[[float, float], bool]:
    """`better(new, old)` for a metric; 'auto' takes it from the metric's name.

    Raises:
        UnknownNameError: The mode is not 'auto', 'min' or 'max'.
    """
    if mode not in ('auto', 'min', 'max'):
        raise unknown_name('mode', mode, ('auto', 'min', 'max'))
    if mode == 'auto':
        name = monitor.removeprefix('val_')
        mode = 'max' if any(part in name for part in _HIGHER_IS_BETTER) else 'min'
    return operator.gt if mode == 'max' else operator.lt


def _missing(callback: Callback, monitor: str, logs: Logs) -> None:
    warnings.warn(
        f'{type(callback).__name__} watches {monitor!r}, which is not among the logs: {", ".join(logs) or "none"}.',
        stacklevel=4,
    )


class EarlyStopping(Callback):
    """Stop when a metric no longer improves.

    Args:
        monitor: The metric's name in the logs.
        min_delta: The least change that counts as an improvement.
        patience: How many epochs without one are allowed.
        verbose: 1 says when it stops.
        mode: 'min', 'max', or 'auto' by the metric's name.
        baseline: A value that must be passed before any improvement counts against patience.
        restore_best_weights: Whether the model ends with the weights of its best epoch.
        start_from_epoch: Epochs before this one are not watched.
    """

    def __init__(
        self,
        monitor: str = 'val_loss',
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = 'auto',
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.monitor, self.patience, self.verbose, self.baseline = monitor, patience, verbose, baseline
        self.min_delta = abs(min_delta)
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._better = better(monitor, mode)
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def _improves(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        # The change must exceed min_delta, in whichever direction is better.
        shift = self.min_delta if self._better is operator.lt else -self.min_delta
        return self._better(value + shift, reference)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            _missing(self, self.monitor, logs or {})
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            print(f'Epoch {self.stopped_epoch + 1}: early stopping')
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f'Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.')
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(Callback):
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
        super().__init__()
        ending = '.weights.h5' if save_weights_only else '.keras'
        if not str(filepath).endswith(ending):
            raise unknown_name('ending of filepath', str(filepath), (ending,))
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise unknown_name('save_freq', save_freq, ('epoch', 'a number of batches'))
        self.filepath, self.monitor, self.verbose = str(filepath), monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self.best = save_freq, initial_value_threshold
        self._better = better(monitor, mode)
        self._batches, self._epoch = 0, 0
        if isinstance(save_freq, int):
            self.on_train_batch_end = self._count_batch  # a batch hook only where one is needed

    def _count_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch, logs or {})

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == 'epoch':
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        if self.save_best_only:
            value = logs.get(self.monitor)
            if value is None:
                _missing(self, self.monitor, logs)
                return
            if self.best is not None and not self._better(value, self.best):
                return
            self.best = value
        filled = {'epoch': epoch + 1, **({} if batch is None else {'batch': batch + 1}), **logs}
        path = Path(self.filepath.format(**filled))
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            print(f'\nEpoch {epoch + 1}: saving model to {path}')
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is not a number, or infinite: it will not come back."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get('loss')
        if loss is not None and not math.isfinite(loss):
            print(f'Batch {batch}: Invalid loss, terminating training')
            self.model.stop_training = True
