"""What each epoch's energy bought: a small table, and a picture of a metric against energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hefted import units
from hefted.errors import ArgumentError
from hefted.quantities import Quantity

_INK, _SOFT, _LINE, _STOP = '#222222', '#8a8a8a', '#2a6f4e', '#b3432b'


class Bought(NamedTuple):
    """What one epoch bought.

    Attributes:
        epoch: Its number, from 0.
        value: The metric after it.
        best: The best so far; not a number while no metric was one.
        energy: J since the training began.
        spent: J of the epochs that the price is of; None in the first.
        gain: How much better the best has become in them; None in the first.
    """

    epoch: int
    value: float
    best: float
    energy: Quantity
    spent: Quantity | None = None
    gain: float | None = None

    @property
    def price(self) -> float | None:
        """J for each 1 of the metric; infinite where nothing was gained, None in the first."""
        if self.spent is None or self.gain is None:
            return None
        return self.spent.value / self.gain if self.gain > 0 else float('inf')


def text(rows: Sequence[Bought], monitor: str, per: float, over: int, verdict: str) -> str:
    """The table.

    Args:
        rows: One an epoch.
        monitor: The metric's name.
        per: How much of it the price is told for.
        over: Of how many epochs, at most, a price is.
        verdict: What is said below.

    Example:
        >>> first = Bought(0, 0.5, 0.5, Quantity(90, 'J'))
        >>> rows = [first, Bought(1, 0.6, 0.6, Quantity(180, 'J'), Quantity(90, 'J'), 0.1)]
        >>> print(text(rows, 'val_accuracy', 0.01, 3, 'Bought to the end.'))
        epoch  val_accuracy    best  energy  gained in 3  price of 0.01
            1        0.5000  0.5000  90.0 J
            2        0.6000  0.6000   180 J       0.1000          9.0 J
        Bought to the end.
    """
    head = ('epoch', monitor, 'best', 'energy', f'gained in {over}', f'price of {per:g}')
    cells = [head, *(_cells(row, per) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ('  '.join(f'{cell:>{width}}' for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return '\n'.join([*lines, verdict])


def _cells(row: Bought, per: float) -> tuple[str, ...]:
    price = row.price
    if price is None:
        bought = ('', '')
    elif row.gain is None or row.gain <= 0:
        bought = ('nothing', '')
    else:
        bought = (f'{row.gain:.4f}', joules(price * per))
    return (str(row.epoch + 1), f'{row.value:.4f}', f'{row.best:.4f}', joules(row.energy.to('J').value, 3), *bought)


def joules(value: float, digits: int = 2) -> str:
    """An amount of energy as a person reads it.

    Args:
        value: J.
        digits: How many of them are told.

    Example:
        >>> joules(9.04), joules(7234.0), joules(7234.0, 3), joules(1234.0)
        ('9.0 J', '2.0 Wh', '2.01 Wh', '1,200 J')
    """
    unit = units.readable(value, 'J')
    shown = float(f'{value * units.conversion("J", unit):.{digits - 1}e}')
    places = max(digits - 1 - math.floor(math.log10(abs(shown))), 0) if shown else 0
    return f'{shown:,.{places}f} {unit}'


def picture(rows: Sequence[Bought], path: Path, monitor: str, verdict: str, stopped: bool) -> None:
    """Draw a metric against the energy that it took, with that energy's 90 % interval as a band.

    Args:
        rows: One an epoch, at least one.
        path: Where to; its suffix says as what, such as .png, .svg or .pdf.
        monitor: The metric's name.
        verdict: What is said above.
        stopped: Whether the last epoch is where it stopped.

    Raises:
        ArgumentError: If matplotlib is not installed, there is nothing to draw, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ArgumentError(
            'plot: expected matplotlib, which is not installed. Run pip install "hefted[plots]".'
        ) from None
    if not rows:
        raise ArgumentError('plot: expected an epoch to draw, received none. Call it after fit.')
    figure: Any = Figure(figsize=(7.2, 4.4), dpi=160, layout='constrained', facecolor='white')
    FigureCanvasAgg(figure)
    _draw(figure.add_subplot(), rows, monitor, verdict, stopped)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f'path: expected a file that can be written, such as worth.png, received {str(path)!r}: {error}.'
        ) from error


def _draw(axes: Any, rows: Sequence[Bought], monitor: str, verdict: str, stopped: bool) -> None:
    unit = units.readable(rows[-1].energy.value, 'J')
    energy = [row.energy.to(unit) for row in rows]
    at, low, high = ([getattr(each, end) for each in energy] for end in ('value', 'low', 'high'))
    value, best = [row.value for row in rows], [row.best for row in rows]
    axes.fill_betweenx(best, low, high, color=_LINE, alpha=0.14, linewidth=0, label='90 % interval of the energy')
    axes.plot(at, best, color=_LINE, linewidth=2.0, label='best so far')
    axes.scatter(at, value, s=16, color=_LINE, alpha=0.55, linewidth=0, label='each epoch', zorder=3)
    # Where the best stays, the band has no height: the interval of the end is a bar.
    ends = [[at[-1] - low[-1]], [high[-1] - at[-1]]]
    colour = _STOP if stopped else _LINE
    axes.errorbar([at[-1]], [best[-1]], xerr=ends, color=colour, alpha=0.5, linewidth=1.2, capsize=3, zorder=2)
    if stopped:
        axes.axvline(at[-1], color=_STOP, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        axes.scatter(
            [at[-1]], [best[-1]], s=60, color=_STOP, zorder=4, label=f'stopped after epoch {rows[-1].epoch + 1}'
        )
    axes.set_xlim(left=0.0, right=max(high) * 1.03 or 1.0)  # no sensor may have moved yet
    axes.set_xlabel(f'energy since the training began ({unit})', color=_INK)
    axes.set_ylabel(monitor, color=_INK)
    axes.set_title(verdict.replace('. The last', '.\nThe last'), loc='left', fontsize=10, color=_INK, pad=12)
    axes.grid(axis='y', color='#ececec', linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    for side in ('left', 'bottom'):
        axes.spines[side].set_color('#c8c8c8')
    axes.tick_params(colors=_SOFT, labelsize=9)
    corner = 'lower right' if best[-1] >= best[0] else 'upper right'
    axes.legend(loc=corner, facecolor='white', edgecolor='none', framealpha=1.0, fontsize=9, labelcolor=_INK)
