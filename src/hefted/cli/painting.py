"""Lines of styled pieces on a terminal, plain everywhere else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import Any

import click

from hefted.report.columns import Piece
from hefted.report.stream import Stream

_PIPED = 120  # columns where nobody has a terminal
_STYLES: dict[str, dict[str, Any]] = {
    'head': {'dim': True},
    'quiet': {'dim': True},
    'strong': {'bold': True},
    'name': {'fg': 'cyan'},
    'good': {'fg': 'green'},
    'poor': {'fg': 'yellow'},
}


def width() -> int:
    """Columns that there are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED


def paint(lines: Iterable[Iterable[Piece]]) -> None:
    """Print lines; without colours where no terminal is."""
    out: Any = Stream()  # where it holds no '·', it gets '-'
    for line in lines:
        click.echo(''.join(click.style(text, **_STYLES[style]) if style else text for text, style in line), out)
