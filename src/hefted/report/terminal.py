"""A receipt on a terminal: aligned and quietly coloured there, plain text everywhere else.

Both are laid out by the same function; rich (40 ms to import) only paints what a terminal shows.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import TextIO

from hefted.report.receipt import Line, Receipt, blocks
from hefted.report.stream import Stream
from hefted.utils.painting import import_rich

_WIDEST = 100
_NARROWEST = 40
_LABEL = 12  # columns, as those below
_VALUE = 14
_DETAIL = 8
_NARROWEST_DETAIL = 20
_SHARE = 6
_BLOCKS = ' ▏▎▍▌▋▊▉█'

Piece = tuple[str, str]  # a text and its style

_STYLES = {'figure': 'bold', 'part': '', 'phase': '', 'note': '', 'warning': 'yellow'}


def show(receipt: Receipt, file: TextIO | None = None) -> None:
    """Print a receipt: painted on a terminal, plain into a file or a pipe."""
    out = Stream(file)
    out.line(painted(receipt, shutil.get_terminal_size().columns).rstrip('\n') if out.isatty() else plain(receipt))


def plain(receipt: Receipt, width: int = 88) -> str:
    """The receipt as text without colours or blocks."""
    body = (''.join(text for text, _ in row).rstrip() for row in rows(receipt, width, bars=False))
    return f'Hefted · {receipt.titled(width - 9)}\n\n' + '\n'.join(body)


def painted(receipt: Receipt, width: int) -> str:
    """The receipt in a frame, with a terminal's colours."""
    import_rich()
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    outer = max(_NARROWEST, min(width, _WIDEST))
    body = Text('\n').join(Text.assemble(*row) for row in rows(receipt, outer - 4, bars=True))
    console = Console(width=outer, force_terminal=True, highlight=False)
    title = Text.assemble(('Hefted', 'bold green'), (f' · {receipt.titled(outer - 15)}', 'default'))
    with console.capture() as capture:
        console.print(Panel(body, title=title, title_align='left', border_style='bright_black', padding=(1, 1, 0, 1)))
    return capture.get()


def rows(receipt: Receipt, width: int, *, bars: bool) -> Iterator[list[Piece]]:
    """Lay a receipt out: rows of styled pieces, each at most `width` columns."""
    for number, block in enumerate(blocks(receipt.lines)):
        if number:
            yield []
        for line in block:
            yield from _phase(line, width, bars=bars) if line.kind == 'phase' else _row(line, width)


def _row(line: Line, width: int) -> Iterator[list[Piece]]:
    label = ('  ' if line.kind == 'part' else '') + line.label
    head: Piece = (f'{label:<{_LABEL}}', 'cyan' if line.kind != 'part' else 'bright_black')
    style = _STYLES[line.kind]
    if line.kind in ('figure', 'part'):
        below = width - _LABEL - _VALUE < _NARROWEST_DETAIL  # then the detail has lines of its own
        indent = _LABEL + (0 if below else _VALUE)
        detail = textwrap.wrap(line.detail, width - indent)
        beside, rest = ('', detail) if below else ((detail or [''])[0], detail[1:])
        yield [head, (f'{line.value:<{_VALUE - 1}} ', style), (beside, 'bright_black')]
        yield from ([(' ' * indent, ''), (more, 'bright_black')] for more in rest)
        return
    first, *others = textwrap.wrap(line.value, width - _LABEL, break_on_hyphens=False) or ['']
    yield [head, (first, style)]
    yield from ([(' ' * _LABEL, ''), (more, style)] for more in others)


def _phase(line: Line, width: int, *, bars: bool) -> Iterator[list[Piece]]:
    value = min(_VALUE, width - _LABEL - _DETAIL - _SHARE)
    row: list[Piece] = [(f'{line.label:<{_LABEL}}', 'cyan'), (f'{line.value:<{value}}', '')]
    row.append((f'{line.detail:<{_DETAIL}}', 'bright_black'))
    if line.share is not None:
        percent = f'{100 * line.share:.0f}' if line.share >= 0.005 else '<1'
        row.append((f'{percent:>{_SHARE - 2}} %', ''))
        room = min(width - _LABEL - _VALUE - _DETAIL - _SHARE - 2, 40)
        if bars and room >= 6:
            row.append(('  ' + _bar(line.share, room), 'green'))
    yield row


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    return _BLOCKS[8] * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else '')
