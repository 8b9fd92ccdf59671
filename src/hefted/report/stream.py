"""The stream that a person reads, made safe: whatever is wrong with it, no training stops.

It may be closed, full, a broken pipe, a terminal that hung up, or not there at all (a program without a
console). Where it cannot hold a character, it gets the nearest plain one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO

_PLAIN = str.maketrans(
    {'·': '-', '–': '-', '’': "'", '…': '...', 'µ': 'u', '×': 'x', '³': '3', '━': '=', '─': '-', '│': '|'}
    | dict.fromkeys('╭╮╰╯', '+')
    | dict.fromkeys('▏▎▍▌▋▊▉█', '#')
)


class Stream:
    """Writes to a text stream, and never raises.

    Args:
        stream: Where to; what `sys.stdout` is now if None.

    Example:
        >>> Stream().write('11 W · 9.8 J')
        11 W · 9.8 J
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    @property
    def encoding(self) -> str:
        """What the stream can hold; UTF-8 where it does not say."""
        return getattr(self._stream, 'encoding', None) or 'utf-8'

    def isatty(self) -> bool:
        """Whether a person sits before a terminal there."""
        try:
            return self._stream.isatty()
        except (AttributeError, OSError, ValueError):  # not there, or closed
            return False

    def fileno(self) -> int:
        """The descriptor, for whoever asks how wide a terminal is."""
        return self._stream.fileno()

    def write(self, text: str) -> None:
        """Write a text."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            text = text.translate(_PLAIN).encode(self.encoding, 'replace').decode(self.encoding)
        with suppress(AttributeError, OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Have it shown now."""
        with suppress(AttributeError, OSError, ValueError):
            self._stream.flush()

    def line(self, text: str) -> None:
        """Write a text as a line, shown now."""
        self.write(text + '\n')
        self.flush()
