"""What a person sees while it trains: a live line on a terminal, one line an epoch elsewhere.

rich draws the live line; it is imported only where there is a terminal, because it costs 40 ms of a start.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO, cast

from hefted import config, world
from hefted.errors import unknown_name
from hefted.forecast.outlook import Outlook, Rest
from hefted.forecast.words import line
from hefted.forecast.words import short as in_short
from hefted.quantities import Quantity, Source
from hefted.report.live import live, short, worked
from hefted.report.stream import Stream
from hefted.runs import Tick
from hefted.utils.painting import import_rich

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast

Logs = dict[str, Any]
_REDRAW_SECONDS = 0.25
_BAR = 16  # columns
_NO_END = 'Forecast: not known, as nobody knows how many steps an epoch has; steps_per_epoch=… tells it.'
_OUTLOOK = Source('outlook', 'What was measured of the training so far')


class Progress:
    """Shows nothing: `verbose=0`, and the interface of the others."""

    shows = False
    outlook: Outlook | None = None

    def __init__(self, epochs: int | None = 1, steps: int | None = None, stream: TextIO | None = None) -> None:
        self.epochs, self.steps = epochs, steps
        self.stream = Stream(stream)
        self.began = perf_counter()

    def foreseen(self, forecast: Forecast | None, outlook: Outlook | None, wanted: bool = True) -> None:
        """Before the first epoch: what the training will take, and what tells how much is left of it.

        Args:
            forecast: None where nobody can say, or nobody asked.
            outlook: None likewise.
            wanted: Whether somebody asked, who is told why nobody can say.
        """
        self.outlook = outlook
        if forecast is not None and self.shows:
            self.say(line(forecast))
        elif wanted and self.shows and self.steps is None:
            self.say(_NO_END)

    def say(self, text: str) -> None:
        """A line of its own."""
        self.stream.line(text)

    def epoch_begin(self, epoch: int, began: float | None = None) -> None:  # noqa: ARG002
        """An epoch begins, or began at an instant of `perf_counter`."""
        self.began = perf_counter() if began is None else began

    def tick(self, step: int, logs: Logs, tick: Tick | None) -> None:
        """Some steps are done."""

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None, step: int | None = None) -> None:  # noqa: ARG002
        """An epoch and its validation are done, after so many steps, if that is known."""
        if self.steps is None:  # the next one is as long, so far as anybody knows
            self.steps = step

    def close(self) -> None:
        """The training ended, however."""


class LineProgress(Progress):
    """One line an epoch."""

    shows = True

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None, step: int | None = None) -> None:
        super().epoch_end(epoch, logs, tick, step)
        done = step if step is not None else self.steps or 0
        name = '' if self.epochs is None else f'Epoch {epoch + 1}/{self.epochs} - '
        self.stream.line(name + summary(self, done, logs, tick))


class Logged(io.StringIO):
    """A stream whose lines go to Python's logger 'hefted'."""

    def write(self, text: str, /) -> int:
        if text.strip():
            logging.getLogger('hefted').info('%s', text.rstrip('\n'))
        return len(text)


class LiveProgress(Progress):
    """A line that is drawn again as it trains, on a terminal."""

    shows = True

    def __init__(self, epochs: int | None = 1, steps: int | None = None, stream: TextIO | None = None) -> None:
        super().__init__(epochs, steps, stream)
        import_rich()
        from rich.console import Console

        self._console = Console(file=cast(TextIO, self.stream))
        self._live: Any = None
        self._drawn = 0.0

    def say(self, text: str) -> None:
        for row in folded(text, self._console.width, ' · '):  # no figure is parted from its interval
            self._console.print(row, highlight=False)

    def epoch_begin(self, epoch: int, began: float | None = None) -> None:
        super().epoch_begin(epoch, began)
        if self.epochs is not None:
            self._console.print(f'Epoch {epoch + 1}/{self.epochs}', highlight=False)
        self._drawn = 0.0

    def tick(self, step: int, logs: Logs, tick: Tick | None) -> None:
        now = perf_counter()
        if now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw(step, logs, tick)

    def epoch_end(self, epoch: int, logs: Logs, tick: Tick | None, step: int | None = None) -> None:
        super().epoch_end(epoch, logs, tick, step)
        self._draw(step if step is not None else self.steps or 0, logs, tick)
        self.close()

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _weight(self, tick: Tick | None, width: int) -> str:
        """What it took so far and what is left: that with its interval, where a row has room for it."""
        taken = _own(tick) if tick is not None else ''
        use = worked(tick) if tick is not None else ''
        whole, *shorter = self._to_go()
        told = [' · '.join(filter(None, (taken, use, left))) for left in (whole, *shorter)]
        told += [' · '.join(filter(None, (taken, left))) for left in (whole, *shorter)] if use else []
        return next((text for text in told if len(text) <= width), told[-1])

    def _to_go(self) -> Sequence[str]:
        """What is left, whole and in short; nothing where nobody foresaw anything, or all is done."""
        if self.outlook is None or self.outlook.share >= 1:
            return ('',)
        rest = self.outlook.rest()
        return to_go(rest), to_go(rest, interval=False)

    def _draw(self, step: int, logs: Logs, tick: Tick | None) -> None:
        from rich.live import Live
        from rich.text import Text

        width = self._console.width
        total = self.steps or max(2 * step, 1)  # where nobody knows, the bar stays half
        filled = round(_BAR * min(step, total) / total)
        bar = Text().append('━' * filled, 'green').append('━' * (_BAR - filled), 'dim')
        rows = [Text(row) for row in folded(summary(self, step, logs, None), width)]
        weight = Text(self._weight(tick, width), 'cyan')
        # A narrow terminal goes without the bar first, and then tells the weight in a line of its own.
        if len(rows) == 1 and rows[0].cell_len + 1 + _BAR <= width:
            rows[0] = Text(' ').join([bar, rows[0]])
        if rows[-1].cell_len + 2 + weight.cell_len <= width:
            rows[-1].append('  ').append(weight)
        elif weight:
            rows.append(weight)
        told = Text('\n', no_wrap=True).join(rows)
        if self._live is None:  # of its own for each epoch: it draws over its last picture
            self._live = Live(told, console=self._console, auto_refresh=False)
            self._live.start(refresh=True)
        else:
            self._live.update(told, refresh=True)


def to_go(rest: Rest, interval: bool = True) -> str:
    """What is left, in short.

    Args:
        rest: That.
        interval: Whether its duration is told with its 90 % interval.

    Example:
        >>> to_go(Rest(12.3, 10.0, 15.0, 63.0)), to_go(Rest(0.5, 0.4, 0.6, None), interval=False)
        ('12 s (10 to 15) · 63 J to go', '500 ms to go')
    """
    lasts = Quantity.between(rest.seconds, rest.low, rest.high, 's', source=_OUTLOOK)
    told = [in_short(lasts) if interval else lasts.rounded]
    return ' · '.join([*told, *([] if rest.joules is None else [short(rest.joules, 'J')])]) + ' to go'


def progress_for(verbose: Any, epochs: int | None, steps: int | None) -> Progress:
    """What `verbose` asks for: 0 nothing; 1 a live line; 2 a line an epoch; 'auto' is 1 on a terminal, else 2.

    Of an evaluation, whose `epochs` is None, the line does not tell the epoch.

    Raises:
        UnknownNameError: None of these.
    """
    if verbose in (0, False):
        return Progress(epochs, steps)
    if not config.is_interactive_logging_enabled() and verbose in ('auto', 1, 2, True):
        return LineProgress(epochs, steps, Logged())
    if verbose == 2 or (verbose in ('auto', 1, True) and not Stream().isatty()):
        return LineProgress(epochs, steps)
    if verbose in ('auto', 1, True):
        return LiveProgress(epochs, steps)
    raise unknown_name('verbose', verbose, ('auto', '0', '1', '2'))


def line_for(verbose: Any) -> Callable[[str], None]:
    """What shows a line of its own, as `verbose` asks for it."""
    return (lambda _: None) if verbose in (0, False) else _shown


def _shown(line: str) -> None:
    Stream(None if config.is_interactive_logging_enabled() else Logged()).line(line)


def _own(tick: Tick) -> str:
    """What this process took; where several train, it says whose: the receipt alone is of all of them."""
    told, joined = live(tick), world.joined()
    return told if not told or joined is None else f'{told} for rank {joined.rank} of {joined.size}'


def summary(progress: Progress, step: int, logs: Logs, tick: Tick | None) -> str:
    """'32/32 - 0s 1ms/step - accuracy: 0.5110 - loss: 0.6967 - 11 W · 9.8 J · 1.0 mg CO2e'."""
    seconds = perf_counter() - progress.began
    parts = [
        f'{step}/{progress.steps or "Unknown"}',
        f'{_seconds(seconds)} {_seconds(seconds / max(step, 1))}/step',
    ]
    parts += [f'{name}: {_number(value)}' for name, value in sorted(logs.items(), key=_validation_last)]
    weight = ' · '.join(filter(None, (_own(tick), worked(tick)))) if tick is not None else ''
    return ' - '.join(parts + ([weight] if weight else []))


def folded(text: str, width: int, between: str = ' - ') -> list[str]:
    """Break a line between its parts into rows of at most `width` columns, where they fit at all.

    Example:
        >>> folded('8/8 - 1ms - loss: 0.7205', 14)
        ['8/8 - 1ms', 'loss: 0.7205']
    """
    first, *others = text.split(between)
    rows = [first]
    for part in others:
        if len(rows[-1]) + len(between) + len(part) <= width:
            rows[-1] += f'{between}{part}'
        else:
            rows.append(part)
    return rows


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
