"""`SwapEMAWeights`: evaluate with the weights' moving average, train on with the weights."""

from __future__ import annotations

from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.errors import ArgumentError


class SwapEMAWeights(Callback):
    """Put the optimizer's averages in the weights' place while the model is evaluated or predicts.

    The optimizer must be made with `use_ema=True`. With `swap_on_epoch` the averages are there from the end of an epoch
    to the begin of the next, so that a later callback, such as `ModelCheckpoint`, saves them.

    Args:
        swap_on_epoch: Whether to swap at an epoch's end too.

    Raises:
        ArgumentError: At the first swap: the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Each weight and its average."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, 'inner_optimizer', optimizer)
        averages = getattr(optimizer, '_slots', {}).get('average')
        if averages is None:
            raise ArgumentError(
                'Expected an optimizer with use_ema=True for SwapEMAWeights, received '
                f'use_ema={getattr(optimizer, "use_ema", False)}.'
            )
        return list(zip(optimizer._trainable_variables, averages, strict=True))

    def _swap(self, to_averages: bool) -> None:
        if self._ema_weights_in_model == to_averages:
            return
        for weight, average in self._pairs():
            value = weight.numpy()
            weight.assign(average)
            average.assign(value)
        self._ema_weights_in_model = to_averages

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch and not self._ema_weights_in_model:
            self._swap(True)
            if epoch == self.params['epochs'] - 1:  # at its end the training makes the averages the weights: so they be
                for weight, average in self._pairs():
                    average.assign(weight)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def get_state(self) -> dict[str, Any]:
        return {'swapped': self._ema_weights_in_model}

    def set_state(self, state: dict[str, Any]) -> None:
        self._ema_weights_in_model = state['swapped']
