"""Callbacks that watch one metric: `EarlyStopping`, `ModelCheckpoint`, and `TerminateOnNaN`."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.errors import ArgumentError

_HIGHER_IS_BETTER = frozenset({
    'Accuracy', 'BinaryAccuracy', 'CategoricalAccuracy', 'SparseCategoricalAccuracy', 'TopKCategoricalAccuracy',
    'SparseTopKCategoricalAccuracy', 'AUC', 'Precision', 'Recall', 'FBetaScore', 'R2Score', 'CosineSimilarity', 'IoU',
})  # fmt: skip


def _direction(metric: Any) -> str | None:
    """'up' or 'down' for a metric that is better so; None where nobody can tell."""
    if (said := getattr(metric, '_direction', None)) is not None:
        return said
    cls = type(metric)
    if any(base.__name__ in _HIGHER_IS_BETTER for base in cls.__mro__):
        return 'up'
    function = getattr(metric, 'fn', getattr(metric, '_fn', None))
    wraps_loss = str(getattr(function, '__module__', '')).startswith('hefted.losses')
    return 'down' if wraps_loss or cls.__module__ == 'hefted.metrics.wrapped' else None


class Watching(Callback):
    """A callback that compares one metric with its best so far.

    Args:
        monitor: The metric's name in the logs.
        mode: 'min', 'max', or 'auto' by the metric.
        best: What must be passed first; None for anything.
        min_delta: The least change that counts as an improvement.
    """

    def __init__(self, monitor: str, mode: str, best: float | None = None, min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ('auto', 'min', 'max'):
            warnings.warn(
                f"Expected mode to be 'auto', 'min' or 'max', received {mode!r}: 'auto' is taken.", stacklevel=3
            )
            mode = 'auto'
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, best, abs(min_delta)
        self._better: Callable[[Any, Any], bool] | None = None

    def _choose(self) -> None:
        """Find out which way is better, once the model's metrics are there.

        Raises:
            ArgumentError: 'auto', and the metric does not say.
        """
        if self._better is not None:
            return
        name = self.monitor.removeprefix('val_')
        direction = {'min': 'down', 'max': 'up'}.get(self.mode) or ('down' if name == 'loss' else None)
        found = [m for m in self.model.metrics if m.name == name]
        if direction is None and found:
            direction = _direction(found[0])
        if direction is None:
            what = 'does not say whether more is better' if found else 'is not among the metrics of the model'
            raise ArgumentError(
                f'Expected monitor to be the loss or a metric with a direction, received {self.monitor!r}, '
                f"which {what}. Pass mode='max' or mode='min'."
            )
        self._better = operator.gt if direction == 'up' else operator.lt

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        self._choose()
        if reference is None or self._better is None:
            return True
        # The change must exceed min_delta, in whichever direction is better.
        return self._better(value + (self.min_delta if self._better is operator.lt else -self.min_delta), reference)

    def _value(self, logs: Logs | None) -> float | None:
        """The metric's value; None with a warning where it is missing."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f'{type(self).__name__} watches {self.monitor!r}, which is not among the logs: '
                f'{", ".join(logs or ()) or "none"}.',
                stacklevel=5,
            )
        return value


class EarlyStopping(Watching):
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
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._choose()
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
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


class ModelCheckpoint(Watching):
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
        super().__init__(monitor, mode, best=initial_value_threshold)
        ending = '.weights.h5' if save_weights_only else '.keras'
        if not str(filepath).endswith(ending):
            raise ArgumentError(f'Expected filepath to end in {ending}, received {str(filepath)!r}.')
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise ArgumentError(f"Expected save_freq to be 'epoch' or a number of batches, received {save_freq!r}.")
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
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
        self._choose()
        if self.save_freq == 'epoch':
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only and not self._best_so_far(logs):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            print(f'\nEpoch {epoch + 1}: saving model to {path}')
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _best_so_far(self, logs: Logs) -> bool:
        value = self._value(logs)
        if value is None:  # better a model that may not be the best than none
            return True
        if not self._is_improvement(value, self.best):
            return False
        self.best = value
        return True

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> Path:
        filled = {'epoch': epoch + 1, **({} if batch is None else {'batch': batch + 1}), **logs}
        try:
            return Path(self.filepath.format(**filled))
        except KeyError as error:
            raise KeyError(
                f'filepath {self.filepath!r} of ModelCheckpoint names {error}, which is not among '
                f'{", ".join(filled)}. Take it out, or make the model report it.'
            ) from error


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is not a number, or infinite: it will not come back.

    Args:
        raise_error: Whether to raise RuntimeError instead of ending the training in order.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get('loss')
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f'NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately.'
            )
        print(f'Batch {batch}: Invalid loss, terminating training')
        self.model.stop_training = True
