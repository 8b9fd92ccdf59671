"""`MonitorCallback`, the base of callbacks that watch one metric; `EarlyStopping` and `TerminateOnNaN`."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.errors import ArgumentError

_HIGHER_IS_BETTER = frozenset({
    'Accuracy', 'BinaryAccuracy', 'CategoricalAccuracy', 'SparseCategoricalAccuracy', 'TopKCategoricalAccuracy',
    'SparseTopKCategoricalAccuracy', 'AUC', 'Precision', 'Recall', 'FBetaScore', 'R2Score', 'CosineSimilarity', 'IoU',
})  # fmt: skip


def expect_numbers(**arguments: Any) -> None:
    """Raise for the first that is no number: here, not after the first epoch was paid for."""
    for name, value in arguments.items():
        if not isinstance(value, Real):
            raise ArgumentError(f'Expected {name} to be a number, received {value!r} ({type(value).__name__}).')


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


class MonitorCallback(Callback):
    """A callback that compares one metric with its best so far.

    Args:
        monitor: The metric's name in the logs.
        mode: 'min', 'max', or 'auto' by the metric.
        baseline: What must be passed first; None for anything.
        min_delta: The least change that counts as an improvement.
    """

    def __init__(
        self, monitor: str = 'val_loss', mode: str = 'auto', baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        expect_numbers(min_delta=min_delta, baseline=0 if baseline is None else baseline)
        if mode not in ('auto', 'min', 'max'):
            warnings.warn(
                f"Expected mode to be 'auto', 'min' or 'max', received {mode!r}: 'auto' is taken.", stacklevel=3
            )
            mode = 'auto'
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, baseline, abs(min_delta)
        self.monitor_op: Callable[[Any, Any], bool] | None = None

    def _set_monitor_op(self) -> None:
        """Find out which way is better, once the model's metrics are there.

        Raises:
            ArgumentError: 'auto', and the metric does not say.
        """
        if self.monitor_op is not None:
            return
        name = self.monitor.removeprefix('val_')
        direction = {'min': 'down', 'max': 'up'}.get(self.mode) or ('down' if name == 'loss' else None)
        held = [m for group in self.model.metrics for m in getattr(group, 'metrics', [group])]
        found = [m for m in held if m.name == name]
        if direction is None and found:
            direction = _direction(found[0])
        if direction is None:
            what = 'does not say whether more is better' if found else 'is not among the metrics of the model'
            raise ArgumentError(
                f'Expected monitor to be the loss or a metric with a direction, received {self.monitor!r}, '
                f"which {what}. Pass mode='max' or mode='min'."
            )
        self.monitor_op = operator.gt if direction == 'up' else operator.lt

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        self._set_monitor_op()
        if reference is None or self.monitor_op is None:
            return True
        # The change must exceed min_delta, in whichever direction is better.
        return self.monitor_op(
            value + (self.min_delta if self.monitor_op is operator.lt else -self.min_delta), reference
        )

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


class EarlyStopping(MonitorCallback):
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
        expect_numbers(patience=patience, start_from_epoch=start_from_epoch)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._reset()

    _kept = ('wait', 'stopped_epoch', 'best_epoch', 'best', 'best_weights')

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
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

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._kept}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update({name: state[name] for name in self._kept})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            print(f'Epoch {self.stopped_epoch + 1}: early stopping')
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f'Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.')
            self.model.set_weights(self.best_weights)


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
