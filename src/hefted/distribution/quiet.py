"""What a library writes to the standard error stream by itself, less a line that says nothing to a user."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def without_lines(holding: bytes, descriptor: int = _STDERR) -> Generator[None]:
    r"""While it lasts, pass on what is written to a descriptor, by whatever language, but for some lines.

    Args:
        holding: What the lines hold that are left out; all others pass.
        descriptor: Of the stream.

    Example:
        >>> here, there = os.pipe()
        >>> with without_lines(b'experimental', there):
        ...     _ = os.write(there, b'W an experimental thing\nE a real one\n')
        >>> os.read(here, 100)
        b'E a real one\n'
        >>> os.close(here), os.close(there)
        (None, None)
    """
    whither = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(writing, descriptor)
    os.close(writing)
    passing = threading.Thread(target=_pass_on, args=(reading, whither, holding), daemon=True)
    passing.start()
    try:
        yield
    finally:
        os.dup2(whither, descriptor)  # the pipe's last end: the thread reads to its end
        passing.join(1.0)
        os.close(whither)


def _pass_on(reading: int, whither: int, holding: bytes) -> None:
    with open(reading, 'rb') as lines:
        for line in lines:
            if holding not in line:
                os.write(whither, line)
