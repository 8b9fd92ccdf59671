"""A comparison of forecasts as a picture: a panel for each figure, a bar for each choice, with its interval.

On white, as it is printed and as it is readable on a dark page too. Needs matplotlib, which comes with `hefted[plots]`.
"""

from __future__ import annotations

import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from hefted import units
from hefted.errors import ArgumentError
from hefted.forecast.compare import Comparison, Figure
from hefted.quantities import Quantity
from hefted.report.comparison import interval, same

_PANELS: tuple[Figure, ...] = ('duration', 'energy', 'carbon', 'cost')
_KINDS = ('.svg', '.png')
_LABELS = 28  # characters of a row's name on one line
# Inches.
_PANEL = 2.0
_CHARACTER = 0.075
_ROW = 0.34
_LINE = 0.17
_BELOW = 0.38
# Of ColorBrewer's scheme 'Blues': apart in print and to the colour-blind.
_BEST, _OTHER = '#2171b5', '#9ecae1'
_INK, _QUIET = '#222222', '#6b6b6b'
_LEGEND = 'Lines are intervals that are meant to hold nine in ten; the least is dark.'


def draw(comparison: Comparison, path: Path) -> None:
    """Draw a comparison into a file.

    Args:
        comparison: Its rows are drawn from above in their order.
        path: Ends in .svg or .png.

    Raises:
        ArgumentError: If the file is of another kind or cannot be written, or matplotlib is not installed.
    """
    check(path)
    save(_drawn(comparison), path, _title(comparison), described(comparison))


def check(path: Path) -> None:
    """Refuse a picture's file of another kind, and a picture where nothing draws it.

    Raises:
        ArgumentError: If the file is of another kind, or matplotlib is not installed.
    """
    if path.suffix.lower() not in _KINDS:
        raise ArgumentError(f'picture: expected a file that ends in .svg or .png, received {path.name!r}.')
    try:
        import_module('matplotlib')
    except ImportError as error:
        raise ArgumentError(
            "picture: expected matplotlib, which draws it, but it is not installed. pip install 'hefted[plots]'."
        ) from error


def save(figure: Any, path: Path, title: str, description: str) -> None:
    """Write a picture, the same bytes for the same figures.

    Args:
        figure: What matplotlib drew.
        path: Where to.
        title: Of it, for whoever looks at the file.
        description: The picture in words, for whoever cannot see it.

    Raises:
        ArgumentError: If it cannot be written.
    """
    import matplotlib

    library: Any = matplotlib
    words = {'Title': title, 'Description': description}
    reproducible = {'Date': None} if path.suffix.lower() == '.svg' else {}
    try:
        with library.rc_context({'svg.hashsalt': 'hefted'}):
            figure.savefig(path, dpi=200, facecolor='white', metadata=words | reproducible)
    except OSError as error:
        raise ArgumentError(f'picture: {path} cannot be written: {error.strerror}.') from error


def described(comparison: Comparison) -> str:
    """The picture in words, for whoever cannot see it: each row with its figures and their intervals."""
    rows = zip(comparison.names, comparison.rows, strict=True)
    told = [
        f'{name}: {", ".join(f"{panel} {interval(figure)}" for panel in _PANELS if (figure := row.figure(panel)))}'
        for name, row in rows
    ]
    verdict = comparison.verdict()
    return '; '.join(told) + '.' + (f' {verdict}' if verdict else '')


def _title(comparison: Comparison) -> str:
    return f'What it takes: {same(comparison)}'


def _drawn(comparison: Comparison) -> Any:
    from matplotlib.figure import Figure as Canvas  # no pyplot: it would keep windows and settings of the program's

    panels: list[Figure] = [name for name in _PANELS if _known(comparison, name)]
    labels = [textwrap.fill(name, _LABELS) for name in comparison.names]
    lines = [label.count('\n') + 1 for label in labels]
    left = 0.25 + _CHARACTER * max(len(line) for label in labels for line in label.splitlines())
    wide = left + _PANEL * max(len(panels), 1) + 0.1
    title = textwrap.wrap(_title(comparison), int(wide / (_CHARACTER * 1.2)))
    above = 0.45 + _LINE * len(title)
    rows = _ROW * len(labels) * (1.0 if max(lines) == 1 else 1.25)
    high = above + rows + _BELOW
    canvas: Any = Canvas(figsize=(wide, high))
    canvas.text(0.1 / wide, 1 - 0.1 / high, '\n'.join(title), va='top', fontsize=9, color=_INK, weight='bold')
    canvas.text(0.1 / wide, 0.1 / high, _LEGEND, va='bottom', fontsize=7, color=_QUIET)
    for number, name in enumerate(panels):
        x = (left + _PANEL * number) / wide
        axes: Any = canvas.add_axes((x, _BELOW / high, (_PANEL - 0.2) / wide, rows / high))
        _panel(axes, comparison, name)
        axes.set_yticks(range(len(labels)), labels if number == 0 else [], fontsize=8, color=_INK)
    if not panels:
        for number, row in enumerate(comparison.rows):
            told = f'{comparison.named(row)}: {"not known" if row.fits else "does not fit"}'
            canvas.text(0.1 / wide, (high - above - _ROW * number) / high, told, va='top', fontsize=8, color=_INK)
    return canvas


def _known(comparison: Comparison, name: Figure) -> list[Quantity]:
    """One figure of those rows that fit and know it."""
    return [figure for row in comparison.rows if row.fits and (figure := row.figure(name)) is not None]


def _panel(axes: Any, comparison: Comparison, name: Figure) -> None:
    """One figure of every row: its bar from nothing, its interval as a line, its value beside it."""
    known = _known(comparison, name)
    most = max(known, key=lambda figure: figure.high)
    least = min(figure.value for figure in known)
    unit = units.readable(most.value, most.unit)
    reach = most.to(unit).high
    for place, row in enumerate(comparison.rows):
        figure = row.figure(name)
        if figure is None or not row.fits:
            told = 'not known' if row.fits else 'does not fit'
            axes.text(0.03 * reach, place, told, va='center', fontsize=7, color=_QUIET)
            continue
        _bar(axes, place, figure.to(unit), _BEST if figure.value == least else _OTHER)
        axes.text(figure.to(unit).high + 0.03 * reach, place, figure.rounded, va='center', fontsize=7, color=_INK)
    axes.set_xlim(0, reach * 1.55)  # the values have room beside their bars
    axes.set_ylim(len(comparison.rows) - 0.5, -0.5)
    weight = 'bold' if name == comparison.by else None
    axes.set_title(name.capitalize(), fontsize=9, color=_INK, loc='left', weight=weight)
    for side in ('top', 'right', 'bottom'):
        axes.spines[side].set_visible(False)
    axes.spines['left'].set_color(_QUIET)
    axes.tick_params(left=False, bottom=False, labelbottom=False)


def _bar(axes: Any, place: int, figure: Quantity, colour: str) -> None:
    axes.barh(place, figure.value, height=0.62, color=colour)
    axes.plot([figure.low, figure.high], [place, place], color=_INK, linewidth=1.1, solid_capstyle='butt')
    for end in (figure.low, figure.high):
        axes.plot([end, end], [place - 0.13, place + 0.13], color=_INK, linewidth=1.1)
