"""`Worth`: stop when the next joule buys too little of a metric."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from hefted import config, runs, units
from hefted.callbacks.callback import Logs
from hefted.callbacks.monitor import MonitorCallback, expect_numbers
from hefted.errors import ArgumentError
from hefted.quantities import Quantity
from hefted.report.stream import Stream
from hefted.report.worth import Bought, joules, picture, text

_PRICE = r'([0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?) *([A-Za-z]+) *(?:per|/) *([0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?) *(%)?'
_PER = 0.01


class Worth(MonitorCallback):
    """Stop when energy buys too little: when a gain of a metric has become dearer than you would pay.

    After each epoch the price of the last `patience` epochs together is

        price = the energy that they took / how much better the best value so far became in them

    so that one epoch of noise stops nothing. A price above `most` ends the training; so do `patience` epochs that
    gain nothing (or whose metric is no number). Energy is that of the run, validation counted, as its sensors tell it
    (the central figures decide).

    Args:
        monitor: The metric's name in the logs.
        most: The most that you would pay, as energy for a gain: '2 kJ per 0.01'. Or a number: so many times what the
            training's gains before have cost, in the median.
        patience: Over how many epochs a price is taken.
        mode: 'min', 'max', or 'auto' by the metric.
        restore_best_weights: Whether the model ends with the weights of its best epoch.
        start_from_epoch: Epochs before this one never stop it.
        verbose: 1 shows the table at the end, 0 nothing.

    Attributes:
        stopped_epoch: The epoch after which it stopped, from 0; None where it did not.

    Raises:
        ArgumentError: If an argument is wrong; when a training begins, if it is not metered.

    Example:
        >>> worth = Worth('val_accuracy', most='2 kJ per 0.01', patience=2)
        >>> worth.most, worth.per
        (200000.0, 0.01)
    """

    def __init__(
        self,
        monitor: str = 'val_accuracy',
        most: str | float = 10.0,
        patience: int = 3,
        mode: str = 'auto',
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        verbose: int = 1,
    ) -> None:
        super().__init__(monitor, mode)
        expect_numbers(patience=patience, start_from_epoch=start_from_epoch)
        if patience < 1:
            raise ArgumentError(f'patience: expected at least 1 epoch, received {patience}.')
        self.most, self.times, self.per = _most(most)
        self.patience, self.start_from_epoch = int(patience), start_from_epoch
        self.restore_best_weights, self.verbose = restore_best_weights, verbose
        self._reset()

    def _reset(self) -> None:
        self.stopped_epoch: int | None = None
        self.best_weights: list[Any] | None = None
        self._rows: list[Bought] = []
        self._before: Quantity | None = None  # what earlier attempts of a resumed training took
        self._began: Quantity | None = None

    # What it tells

    def table(self) -> list[Bought]:
        """One row an epoch: its metric, the best so far, the energy, and what was bought by it."""
        return list(self._rows)

    @property
    def report(self) -> str:
        """The table as text, and what came of it."""
        return text(self._rows, self.monitor, self.per, self.patience, self.verdict)

    @property
    def verdict(self) -> str:
        """One sentence: whether it stopped, and by which price."""
        price = self._rows[-1].price if self._rows else None
        if price is None:
            return 'No gain has a price yet: that takes two epochs.'
        over = min(self.patience, len(self._rows) - 1)
        last = 'The last epoch' if over == 1 else f'The last {over} epochs'
        stopped = '' if self.stopped_epoch is None else f'Stopped after epoch {self.stopped_epoch + 1}. '
        if price == float('inf'):
            return f'{stopped}{last} bought nothing for {self._rows[-1].spent}.'
        most = self._limit(self._rows)
        limit = '' if most is None else f'; the most was {joules(most * self.per)}'
        return f'{stopped}{last} paid {joules(price * self.per)} for each {self.per:g} of {self.monitor}{limit}.'

    def plot(self, path: str | Path) -> None:
        """Draw the metric against the energy that it took, and where it stopped.

        Args:
            path: Where to: .png, .svg or .pdf.

        Raises:
            ArgumentError: If matplotlib is not installed (`pip install "hefted[plots]"`), there was no epoch, or the
                file cannot be written.
        """
        picture(self._rows, Path(path), self.monitor, self.verdict, self.stopped_epoch is not None)

    # The hooks

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()
        self._began = _used()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        value = self._value(logs)
        if value is None:
            return
        best = self._rows[-1].best if self._rows else math.nan
        # A metric that is no number gains nothing, and is no best that later ones are compared with.
        better = math.isfinite(value) and self._is_improvement(value, None if math.isnan(best) else best)
        if better and self.restore_best_weights:
            self.best_weights = self.model.get_weights()
        row = Bought(epoch, float(value), float(value) if better else best, self._energy())
        self._rows.append(self._priced(row))
        if epoch >= self.start_from_epoch and len(self._rows) > self.patience and self._too_dear():
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        if self.verbose and self._rows and config.is_interactive_logging_enabled():
            Stream().line(self.report)

    def get_state(self) -> dict[str, Any]:
        rows = [
            {'epoch': row.epoch, 'value': row.value, 'best': row.best, 'energy': json.dumps(row.energy.to_json())}
            for row in self._rows
        ]
        return {'rows': rows, 'best_weights': self.best_weights or []}

    def set_state(self, state: dict[str, Any]) -> None:
        self._rows = []
        for row in state['rows']:
            energy = Quantity.from_json(json.loads(row['energy']))
            self._rows.append(self._priced(Bought(int(row['epoch']), float(row['value']), float(row['best']), energy)))
        self._before = self._rows[-1].energy if self._rows else None
        self.best_weights = list(state['best_weights']) or None

    # The price

    def _energy(self) -> Quantity:
        """J since the training began, in all its attempts."""
        now = _used()
        taken = now if self._began is None else now - self._began
        return taken if self._before is None else self._before + taken

    def _priced(self, row: Bought) -> Bought:
        """The row with what the last epochs bought, it among them."""
        if not self._rows:
            return row
        since = self._rows[-min(self.patience, len(self._rows))]
        return row._replace(spent=row.energy - since.energy, gain=_gained(since.best, row.best))

    def _too_dear(self) -> bool:
        price, most = self._rows[-1].price, self._limit(self._rows)
        return price is not None and (price == float('inf') or (most is not None and price > most))

    def _limit(self, rows: list[Bought]) -> float | None:
        """J for each 1 of the metric; None while too little was bought to say."""
        if self.times is None:
            return self.most
        rows = [row for row in rows if not math.isnan(row.best)]
        earlier = rows[: -self.patience] if len(rows) > self.patience else rows
        gains = [earlier[0], *(two for one, two in pairwise(earlier) if two.best != one.best)] if earlier else []
        prices = [
            (two.energy.value - one.energy.value) / abs(two.best - one.best)
            for one, two in pairwise(gains)
            if two.best != one.best
        ]
        return self.times * median(prices) if prices else None


def _gained(before: float, after: float) -> float | None:
    """How much better the best has become; None where there was none before, so that it has no price."""
    if math.isnan(after):
        return 0.0
    return None if math.isnan(before) else abs(after - before)


def _used() -> Quantity:
    """J that the open run has taken so far.

    Raises:
        ArgumentError: If nothing is metered.
    """
    run = runs.current()
    told = None if run is None else run.so_far()
    if told is None or told.energy is None:
        raise ArgumentError(
            'Worth: expected a training whose energy is metered, received one that is not. Leave meter=None out and '
            'HEFTED_METER unset; `hefted doctor` says which sensors can be read here.'
        )
    return told.energy.to('J')


def _most(said: Any) -> tuple[float | None, float | None, float]:
    """J for each 1 of the metric, or times the median; and how much of the metric a price is told for."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        if not 0 < said < float('inf'):
            raise ArgumentError(f'most: expected a number of times above 0, received {said!r}.')
        return None, float(said), _PER
    found = re.fullmatch(_PRICE, said.strip()) if isinstance(said, str) else None
    try:
        joule = units.conversion(found[2], 'J') if found else 0.0
    except ArgumentError:
        joule = 0.0
    per = float(found[3]) * (0.01 if found[4] else 1.0) if found else 0.0
    if found is None or joule <= 0 or per <= 0 or float(found[1]) <= 0:
        raise ArgumentError(
            f"most: expected energy for a gain such as '2 kJ per 0.01', or a number of times the median price so far, "
            f'received {said!r}.'
        )
    return float(found[1]) * joule / per, None, per
