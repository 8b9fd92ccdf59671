"""`ReduceLROnPlateau`: a smaller learning rate once a metric no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.callbacks.callback import Logs
from hefted.callbacks.monitor import MonitorCallback, expect_numbers
from hefted.errors import ArgumentError


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by a factor when a metric has stopped improving.

    The rate, before a reduction of the same epoch, is put into the logs as 'learning_rate'.

    Args:
        monitor: The metric's name in the logs.
        factor: What the rate is multiplied by; below 1.
        patience: Epochs without an improvement after which it is.
        verbose: 1 says when.
        mode: 'min', 'max', or 'auto' by the metric.
        min_delta: The least change that counts as an improvement.
        cooldown: Epochs after a reduction in which nobody counts.
        min_lr: The least rate.
        **kwargs: Taken and ignored, as in Keras.

    Raises:
        ArgumentError: A factor of 1 or more.
    """

    def __init__(
        self,
        monitor: str = 'val_loss',
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = 'auto',
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        del kwargs
        super().__init__(monitor, mode, min_delta=min_delta)
        expect_numbers(factor=factor, patience=patience, cooldown=cooldown, min_lr=min_lr)
        if factor >= 1.0:
            raise ArgumentError(f'Expected factor below 1.0, received {factor}: the rate would not shrink.')
        self.factor, self.min_lr, self.patience = factor, min_lr, patience
        self.verbose, self.cooldown = verbose, cooldown
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.cooldown_counter = self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether epochs without an improvement do not count now."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        logs = {} if logs is None else logs
        logs['learning_rate'] = float(self.model.optimizer.learning_rate)
        value = self._value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        """Whether the rate could still be made smaller."""
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if rate <= np.float32(self.min_lr):
            return False
        optimizer.learning_rate = smaller = max(rate * self.factor, self.min_lr)
        if self.verbose > 0:
            print(f'\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {smaller}.')
        return True

    def get_state(self) -> dict[str, Any]:
        return {'best': self.best, 'wait': self.wait, 'cooldown_counter': self.cooldown_counter}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.wait, self.cooldown_counter = state['best'], state['wait'], state['cooldown_counter']
