"""The story of BERT's price as a picture: carbon and hours, each on a scale of powers of ten, then above today.

On white, as it is printed and as it is readable on a dark page too. Needs matplotlib, which comes with `hefted[plots]`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hefted.forecast.story import Story, Told
from hefted.quantities import Quantity
from hefted.report.comparison import interval
from hefted.report.picture import check, save

# ColorBrewer's scheme 'Blues', and a grey: apart in print and to the colour-blind.
_PUBLISHED, _THEN, _NOW = '#969696', '#6baed6', '#08519c'
_INK, _QUIET = '#222222', '#6b6b6b'
_LABELS = 40  # characters of a row's name on one line
_TITLE = 'What the training of BERT takes: as published in 2019, forecast for its machines, and today'
_LEGEND = (
    'Grey: published. Light: forecast for the machines of then; dark: the modern recipe. Lines are intervals that are '
    'meant to hold nine in ten, rings what was published. Scales go by powers of ten.'
)


class Mark(NamedTuple):
    """One row of the picture.

    Attributes:
        name: What it is of.
        carbon: Its CO2e; None where it is not known.
        duration: How long it takes; None where it has none.
        colour: Of its mark.
        published: Its duration as published, where one was forecast.
    """

    name: str
    carbon: Quantity | None
    duration: Quantity | None
    colour: str
    published: Quantity | None = None


def draw(story: Story, path: Path) -> None:
    """Draw the story into a file.

    Args:
        story: What is drawn.
        path: Ends in .svg or .png.

    Raises:
        ArgumentError: If the file is of another kind or cannot be written, or matplotlib is not installed.
    """
    check(path)
    marks = marks_of(story)
    save(_drawn(marks), path, _TITLE, described(marks))


def described(marks: Sequence[Mark]) -> str:
    """The picture in words, for whoever cannot see it."""
    told = [
        f'{mark.name}: {", ".join(interval(figure) for figure in (mark.carbon, mark.duration) if figure is not None)}'
        for mark in marks
    ]
    return '; '.join(told) + '.'


def marks_of(story: Story) -> list[Mark]:
    """The rows, from above."""
    printed = story.printed
    flight = printed.carbon / printed.flights
    places = {each.forecast.footprint.place for each in story.now}
    return [
        Mark('A passenger, New York to San Francisco and back', flight, None, _PUBLISHED),
        Mark('As published: BERT base, 64 V100', printed.carbon, printed.duration, _PUBLISHED),
        Mark('What 64 V100s draw in those hours', story.drawn_carbon, printed.duration, _THEN),
        *(_mark(f'{each.name} · {_short(each)}', each, _THEN) for each in story.then),
        *(_mark(f'Today · {_today(each, len(places) > 1)}', each, _NOW) for each in story.now),
    ]


def _mark(name: str, told: Told, colour: str) -> Mark:
    return Mark(name, told.forecast.footprint.carbon, told.forecast.duration, colour, told.published)


def _short(told: Told) -> str:
    return told.forecast.on.replace('Tesla ', '').partition(' SXM')[0]


def _today(told: Told, several: bool) -> str:
    place = told.forecast.footprint.place.name.partition(',')[0]
    return f'{told.forecast.on} · {place}' if several else told.forecast.on


def _drawn(marks: Sequence[Mark]) -> Any:
    from matplotlib.figure import Figure as Canvas  # no pyplot: it would keep windows and settings of the program's

    wide, rows = 9.6, 0.38 * len(marks)
    above, below, left, panel = 0.62, 0.62, 2.75, 3.35
    high = above + rows + below
    canvas: Any = Canvas(figsize=(wide, high))
    canvas.text(0.1 / wide, 1 - 0.1 / high, _TITLE, va='top', fontsize=10, color=_INK, weight='bold')
    canvas.text(0.1 / wide, 0.08 / high, textwrap.fill(_LEGEND, 130), va='bottom', fontsize=7, color=_QUIET)
    labels = [textwrap.fill(mark.name, _LABELS) for mark in marks]
    panels = (
        ('Carbon', 'kg CO2e', [mark.carbon for mark in marks], [None for _ in marks]),
        ('Duration', 'h', [mark.duration for mark in marks], [mark.published for mark in marks]),
    )
    for number, (title, unit, figures, published) in enumerate(panels):
        axes: Any = canvas.add_axes(((left + panel * number) / wide, below / high, (panel - 0.25) / wide, rows / high))
        _panel(axes, unit, figures, published, [mark.colour for mark in marks])
        axes.set_title(f'{title} ({unit.replace("CO2e", "CO₂e")})', fontsize=9, color=_INK, loc='left', weight='bold')
        axes.set_yticks(range(len(marks)), labels if number == 0 else [], fontsize=7.5, color=_INK)
    return canvas


def _panel(
    axes: Any,
    unit: str,
    figures: Sequence[Quantity | None],
    published: Sequence[Quantity | None],
    colours: Sequence[str],
) -> None:
    """One figure of every row on a scale of powers of ten: a dot, its interval as a line, its value beside it."""
    known = [figure.to(unit) for figure in figures if figure is not None]
    beside = [figure.to(unit) for figure in published if figure is not None]
    start, most = min(_low(figure) for figure in known) / 2, max(figure.high for figure in [*known, *beside])
    for place, (figure, real, colour) in enumerate(zip(figures, published, colours, strict=True)):
        if figure is None:
            axes.text(start * 1.2, place, '–', va='center', fontsize=7, color=_QUIET)
            continue
        _mark_in(axes, place, figure.to(unit), None if real is None else real.to(unit), colour)
    axes.set_xscale('log')
    ends = [most * (most / start) ** 0.3, *(each.value * (each.value / start) ** 0.75 for each in beside)]
    axes.set_xlim(start, max(ends))  # values have room beside their dots, and published ones beside those
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.grid(axis='x', color='#e6e6e6', linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ('top', 'right', 'bottom', 'left'):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelsize=7, labelcolor=_QUIET)
    axes.minorticks_off()


def _mark_in(axes: Any, place: int, shown: Quantity, real: Quantity | None, colour: str) -> None:
    """A dot and its interval; where a figure was published for it, that as a ring, and in words."""
    axes.plot([_low(shown), shown.high], [place, place], color=colour, linewidth=2.2, solid_capstyle='butt')
    axes.plot([shown.value], [place], 'o', color=colour, markersize=6.5)
    told, right = _told(shown), shown.high
    if real is not None:
        axes.plot([real.value], [place], 'o', markersize=7, markerfacecolor='none', markeredgecolor=_INK)
        told, right = f'{told}; published {real.value:g} {real.unit}', max(right, real.value)
    axes.text(right * 1.6, place, told, va='center', fontsize=7, color=_INK)


def _told(shown: Quantity) -> str:
    """As people read it; durations of days in hours, as published ones are."""
    return f'{shown.value:.3g} h' if shown.unit == 'h' and 48 <= shown.value < 1000 else shown.rounded


def _low(figure: Quantity) -> float:
    """The low end; where that is nothing, a hundredth of the value, as the scale has no nought."""
    return max(figure.low, figure.value / 100)
