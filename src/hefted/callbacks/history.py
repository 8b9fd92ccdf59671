"""`History`: what a training's epochs came to, and what the training took."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hefted.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.forecast.forecast import Forecast
    from hefted.report.receipt import Receipt


class History(Callback):
    """Returned by `fit`.

    Attributes:
        history: Floats by metric, one an epoch.
        epoch: The epochs' numbers.
        run: The run's id, for `hefted receipt`; None where the meter was off.
        forecast: What the training was to take, told before its first step; None where nothing was foreseen.
        attempt: Which attempt at the training this was, where it is resumed; the receipt tells what all of them took.
        stopped_by: What ended it before its last step, such as 'budget 5 Wh'; None where nothing did.
    """

    reads_state = False

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.run: str | None = None
        self.forecast: Forecast | None = None
        self.stopped_by: str | None = None
        self.attempt = 1
        self._of: Any = None
        self._receipt: Receipt | None = None
        self._make_receipt: Callable[[], Receipt | None] = lambda: None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def get_state(self) -> dict[str, Any]:
        return {'epoch': self.epoch, 'history': self.history}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history = list(state['epoch']), {name: list(v) for name, v in state['history'].items()}

    def receipt(self) -> Receipt | None:
        """The receipt as told at the end of `fit`; None where the meter was off."""
        if self._receipt is None:
            self._receipt = self._make_receipt()
        return self._receipt

    @property
    def footprint(self) -> Footprint | None:
        """What the training took; None where the meter was off."""
        return None if self._of is None else self._of.footprint

    def keep(self, run: Any, receipt: Callable[[], Receipt | None]) -> None:
        """Take the run that has ended."""
        self.run, self._of, self._make_receipt = run.id or None, run, receipt

    def __repr__(self) -> str:
        energy = f', energy={self.footprint.energy}' if self.footprint and self.footprint.energy else ''
        return f'<History epochs={len(self.epoch)}, metrics={list(self.history)}{energy}>'
