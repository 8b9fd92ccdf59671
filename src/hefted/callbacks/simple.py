"""`LambdaCallback` and `LearningRateScheduler`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.errors import ArgumentError


class LambdaCallback(Callback):
    """Hooks from functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: …)`.

    Args:
        on_epoch_begin: `f(epoch, logs)`.
        on_epoch_end: `f(epoch, logs)`.
        on_train_begin: `f(logs)`.
        on_train_end: `f(logs)`.
        on_train_batch_begin: `f(batch, logs)`.
        on_train_batch_end: `f(batch, logs)`.
        **kwargs: Any other hook of `Callback`.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        named = {
            'on_epoch_begin': on_epoch_begin, 'on_epoch_end': on_epoch_end, 'on_train_begin': on_train_begin,
            'on_train_end': on_train_end, 'on_train_batch_begin': on_train_batch_begin,
            'on_train_batch_end': on_train_batch_end,
        }  # fmt: skip
        self.__dict__.update({name: hook for name, hook in {**named, **kwargs}.items() if hook is not None})


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch.

    Args:
        schedule: `f(epoch, learning_rate) -> learning_rate`, or `f(epoch)`.
        verbose: 1 says what it sets.

    Raises:
        ArgumentError: The schedule does not return a float.
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        if not isinstance(rate, float) and getattr(getattr(rate, 'dtype', None), 'kind', None) != 'f':
            raise ArgumentError(
                f'Expected the output of schedule to be a float, received {rate!r} for epoch {epoch}. '
                'Return the learning rate, such as 0.01.'
            )
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f'\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}.')

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs['learning_rate'] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether it can be called with an epoch and a rate."""
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True
