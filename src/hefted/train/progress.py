"""What a person sees while it trains: a live line on a terminal, one line an epoch elsewhere.

rich draws the live line; it is imported only where there is a terminal, because it costs 40 ms of a start.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, TextIO, cast

from hefted.errors import unknown_name
from hefted.report.live import live
from hefted.report.stream import Stream
from hefted.runs import Tick

Logs = dict[str, Any]
_REDRAW_SECONDS = 0.25


class Progress:
    """Shows nothing: `verbose=0`, and the interface of the others."""

    def __init__(self, epochs: int = 1, steps: int | None = None, stream: TextIO | None = None) -> None:
        self.epochs, self.steps = epochs, steps
        self.stream = Stream(stream)
        self.began = perf_counter()

    def epoch_begin(self, epoch: int) -> None:  # noqa: ARG002
        """An epoch begins."""
        self.began = perf_counter()

    def tick(self, step: int, logs: Logs, tick: Tick | None) -> None:
        """Some steps are done."""

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None) -> None:
        """An epoch and its validation are done."""

    def close(self) -> None:
        """The training ended, however."""


class LineProgress(Progress):
    """One line an epoch."""

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None) -> None:
        self.stream.line(f'Epoch {epoch + 1}/{self.epochs} - {summary(self, self.steps or 0, logs, tick)}')


class LiveProgress(Progress):
    """A line that is drawn again as it trains, on a terminal."""

    def __init__(self, epochs: int = 1, steps: int | None = None, stream: TextIO | None = None) -> None:
        super().__init__(epochs, steps, stream)
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=cast(TextIO, self.stream)), auto_refresh=False, transient=False)
        self._drawn = 0.0
        self._open = False

    def epoch_begin(self, epoch: int) -> None:
        super().epoch_begin(epoch)
        self._live.console.print(f'Epoch {epoch + 1}/{self.epochs}', highlight=False)
        self._drawn = 0.0

    def tick(self, step: int, logs: Logs, tick: Tick | None) -> None:
        now = perf_counter()
        if now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw(step, logs, tick)

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None) -> None:  # noqa: ARG002
        self._draw(self.steps or 0, logs, tick)
        self.close()

    def close(self) -> None:
        if self._open:
            self._live.stop()
            self._open = False

    def _draw(self, step: int, logs: Logs, tick: Tick | None) -> None:
        from rich.table import Table
        from rich.text import Text

        if not self._open:
            self._live.start()
            self._open = True
        total = self.steps or max(step, 1)
        filled = round(16 * min(step, total) / total)
        line = Text()
        line.append('━' * filled, 'green').append('━' * (16 - filled), 'dim')
        line.append(' ').append(summary(self, step, logs, None))
        weight = live(tick) if tick is not None else ''
        if weight:
            line.append('  ').append(weight, 'cyan')
        grid = Table.grid()
        grid.add_row(line)
        self._live.update(grid, refresh=True)


def progress_for(verbose: Any, epochs: int, steps: int | None) -> Progress:
    """What `verbose` asks for: 0 nothing; 1 a live line; 2 a line an epoch; 'auto' is 1 on a terminal, else 2.

    Raises:
        UnknownNameError: None of these.
    """
    if verbose in (0, False):
        return Progress(epochs, steps)
    if verbose == 2 or (verbose in ('auto', 1, True) and not Stream().isatty()):
        return LineProgress(epochs, steps)
    if verbose in ('auto', 1, True):
        return LiveProgress(epochs, steps)
    raise unknown_name('verbose', verbose, ('auto', '0', '1', '2'))


def summary(progress: Progress, step: int, logs: Logs, tick: Tick | None) -> str:
    """'32/32 - 0s 1ms/step - accuracy: 0.5110 - loss: 0.6967 - 11 W · 9.8 J · 1.0 mg CO2e'."""
    seconds = perf_counter() - progress.began
    parts = [
        f'{step}/{progress.steps or step}',
        f'{_seconds(seconds)} {_seconds(seconds / max(step, 1))}/step',
    ]
    parts += [f'{name}: {_number(value)}' for name, value in sorted(logs.items(), key=_validation_last)]
    weight = live(tick) if tick is not None else ''
    return ' - '.join(parts + ([weight] if weight else []))


def _validation_last(item: tuple[str, Any]) -> tuple[bool, str]:
    return item[0].startswith('val_'), item[0]


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f'{value:.4f}' if abs(value) >= 1e-3 or value == 0 else f'{value:.4e}'


def _seconds(seconds: float) -> str:
    if seconds >= 9.95:
        return f'{seconds:.0f}s'
    if seconds >= 1:
        return f'{seconds:.1f}s'
    return f'{seconds * 1e3:.0f}ms' if seconds >= 9.5e-4 else f'{seconds * 1e6:.0f}us'
