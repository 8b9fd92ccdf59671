"""`ProgbarLogger`: a bar that fills as a training, an evaluation or a prediction goes on."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from hefted.callbacks.callback import Callback, Logs
from hefted.report.stream import Stream

_SECONDS = 0.1  # between two pictures
_COLUMNS = 20


class ProgbarLogger(Callback):
    """Shows progress as text. `fit` does so by itself, and leaves it to this callback where one is handed in.

    A step is a stop only where there is something new to show: about ten times a second.
    """

    reads_state = False
    once = True
    #: `fit` shows nothing of its own beside it.
    shows_progress = True

    def __init__(self) -> None:
        super().__init__()
        self.verbose, self.epochs = 1, 1
        self.target: int | None = None
        self.seen = 0
        self._in_fit = False
        self._began = self._drawn = perf_counter()
        self._stride, self._asked = 1, 0
        self._width = 0

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get('verbose', 1)
        self.verbose = 1 if verbose == 'auto' else int(verbose)
        self.epochs, self.target = params.get('epochs', 1), params.get('steps')

    def stops_at(self, step: int) -> int | None:
        if self.verbose != 1:
            return None
        taken, now = step - self._asked, perf_counter()
        if taken > 0:  # as many steps next time as the last ones say go into a tenth of a second
            speed = taken / max(now - self._drawn, 1e-6)
            self._stride = max(1, min(int(speed * _SECONDS), 16 * self._stride))
        self._asked, self._drawn = step, now
        return step + self._stride

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True  # the evaluations inside are silent
        self._asked = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.verbose and self.epochs > 1:
            Stream().line(f'Epoch {epoch + 1}/{self.epochs}')
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._update(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    def _begin(self) -> None:
        self.seen = self._width = 0
        self._began = self._drawn = perf_counter()

    def _update(self, batch: int, logs: Logs | None) -> None:
        self.seen = batch + 1
        stream = Stream()
        if self.verbose == 1 and stream.isatty():
            self._draw(stream, f'{self._bar()} {self._told(logs)}', '')

    def _finish(self, logs: Logs | None) -> None:
        if self.target is None:
            self.target = self.seen
        self.seen = self.target
        if self.verbose == 1:
            self._draw(Stream(), f'{self._bar()} {self._told(logs)}', '\n')
        elif self.verbose:
            Stream().line(f'{self.seen}/{self.target} - {self._told(logs)}')

    def _draw(self, stream: Stream, text: str, end: str) -> None:
        """Over what was drawn before, whatever its width."""
        over = '\r' if self._width else ''
        stream.write(over + text.ljust(self._width) + end)
        stream.flush()
        self._width = len(text)

    def _bar(self) -> str:
        target = self.target or self.seen
        filled = round(_COLUMNS * min(self.seen, target) / max(target, 1))
        return f'{self.seen}/{self.target or "?"} {"━" * filled}{" " * (_COLUMNS - filled)}'

    def _told(self, logs: Logs | None) -> str:
        seconds = perf_counter() - self._began
        parts = [f'{seconds:.0f}s', f'{seconds / max(self.seen, 1) * 1e3:.3g}ms/step']
        return ' - '.join(parts + [f'{name}: {_number(value)}' for name, value in (logs or {}).items()])


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f'{value:.4f}' if abs(value) > 1e-3 else f'{value:.4e}'
