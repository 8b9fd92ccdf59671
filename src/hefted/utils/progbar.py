"""`Progbar`: a progress bar for loops of one's own, as Keras draws it; `fit` has another, in train/progress.py."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from hefted.errors import ArgumentError

_SMALL = 1e-3
_HOUR, _MINUTE = 3600, 60


class Progbar:
    """Shows how far a loop is, how long it has still to go, and its metrics.

    Args:
        target: How many steps there are; None if not known.
        width: Of the bar, in columns.
        verbose: 0 shows nothing, 1 a bar, 2 one line at the end.
        interval: Seconds between two drawings at least.
        stateful_metrics: Names of metrics that are shown as they are; all others are averaged over the steps.
        stateless_metrics: Names of metrics that are averaged; all others are shown as they are.
        unit_name: What a step is called.

    Raises:
        ArgumentError: Both lists of names are given.

    Example:
        >>> bar = Progbar(2, verbose=2)
        >>> bar.update(1, [('loss', 1.0)])
        >>> bar.add(1, [('loss', 0.5)])  # doctest: +ELLIPSIS
        2/2 - ... - loss: 0.5000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = 'step',
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError('Expected stateful_metrics or stateless_metrics, received both. Leave one out.')
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.stateful_metrics = set(stateful_metrics or ()) if stateless_metrics is None else None
        # Where a carriage return goes back to the line's begin; elsewhere each drawing has a line.
        self._redraws = sys.stdout.isatty() or 'ipykernel' in sys.modules or 'posix' in sys.modules
        self._redraws = self._redraws or 'PYCHARM_HOSTED' in os.environ
        self._seen_so_far = 0
        self._sums: dict[str, tuple[Any, int]] = {}  # by metric: sum, and over how many steps
        self._start = time.time()
        self._last_update = 0.0
        self._after_first: float | None = None
        self._columns = 0

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Say how far it is.

        Args:
            current: How many steps are done.
            values: Pairs (name, value) of the metrics in the last step.
            finalize: Whether it is the last call; None if `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._count(name, value, max(current - self._seen_so_far, 1), finalize)
        self._seen_so_far = current
        now = time.time()
        pace = self._pace(current, now)
        if self.verbose == 1:
            if now - self._last_update < self.interval and not finalize:
                return
            self._draw(current, now, pace, finalize)
        elif self.verbose and finalize and self.target:
            count = f'{current:{len(str(self.target))}d}/{self.target}'
            _show(f'{count} - {now - self._start:.0f}s -{self._pace_text(pace)}{self._metrics()}\n')
        self._last_update = now

    def add(self, n: int, values: Any = None) -> None:
        """Say that `n` more steps are done."""
        self.update(self._seen_so_far + n, values)

    def _count(self, name: str, value: Any, steps: int, last: bool) -> None:
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        else:
            averaged = name not in (self.stateful_metrics or ())
        if not averaged or last:  # the last call brings the epoch's own value
            self._sums[name] = value, 1
        else:
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value * steps, count + steps

    def _draw(self, current: int, now: float, pace: float, last: bool) -> None:
        if self.target:
            done = int(self.width * current / self.target)
            bar = [(f'{current:{len(str(self.target))}d}/{self.target}', '1'), (' ', '')]
            bar += [('━' * done, '32')] * (done > 0) + [('━' * (self.width - done), '37')]
        else:
            bar = [(f'{current:7d}/Unknown', '')]
        left = None if last or not self.target else pace * (self.target - current)
        passed = _duration(left) if left is not None else f'{now - self._start:.0f}s'
        parts = [*bar, (' ', ''), (passed, '1'), (self._pace_text(pace) + self._metrics(), '')]
        columns = sum(len(text) for text, _ in parts)
        begin = '\b' * self._columns + '\r' if self._redraws else '\n'
        blank = ' ' * (self._columns - columns)  # over what is left of the line before
        coloured = ''.join(_styled(text, style) for text, style in parts)
        _show(begin + coloured + blank + '\n' * last)
        self._columns = columns

    def _metrics(self) -> str:
        shown = ''
        for name, (total, count) in self._sums.items():
            mean = float(np.mean(total)) / max(1, count)
            shown += f' - {name}: {mean:.4f}' if abs(mean) > _SMALL else f' - {name}: {mean:.4e}'
        return shown

    def _pace(self, current: int, now: float) -> float:
        """Seconds per step, without the first one, which compiles."""
        if not current:
            return 0.0
        if self._after_first is not None and current > 1:
            pace = (now - self._after_first) / (current - 1)
        else:
            pace = (now - self._start) / current
        if current == 1:
            self._after_first = now
        return pace

    def _pace_text(self, pace: float) -> str:
        if pace >= 1 or pace == 0:
            return f' {pace:.0f}s/{self.unit_name}'
        if pace >= _SMALL:
            return f' {pace * 1e3:.0f}ms/{self.unit_name}'
        return f' {pace * 1e6:.0f}us/{self.unit_name}'


def _styled(text: str, style: str) -> str:
    return f'\x1b[{style}m{text}\x1b[0m' if style else text


def _duration(seconds: float) -> str:
    if seconds > _HOUR:
        return f'{int(seconds // _HOUR)}:{int(seconds % _HOUR // _MINUTE):02d}:{int(seconds % _MINUTE):02d}'
    if seconds > _MINUTE:
        return f'{int(seconds // _MINUTE)}:{int(seconds % _MINUTE):02d}'
    return f'{int(seconds)}s'


def _show(text: str) -> None:
    from hefted.config import is_interactive_logging_enabled

    if is_interactive_logging_enabled():
        sys.stdout.write(text)
        sys.stdout.flush()
    elif text.strip():
        logging.getLogger('hefted').info(text.strip())
