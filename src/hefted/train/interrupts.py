"""Ctrl-C, acted on where the state is whole.

An interrupt that strikes while JAX traces leaves caches behind that fail later; in a dispatch, buffers that nobody
owns; in a hook of the garbage collector, it is lost without a trace. So while Hefted works, the first Ctrl-C is kept
until the next safe point (a chunk's edge, a fifth of a second away), and is raised there. In the user's own code it is
raised at once, as is a second one anywhere.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class _Kept:
    """What is known of Ctrl-C in this process."""

    depth = 0
    struck = False
    again = False
    at_once = False


_kept = _Kept()


@contextmanager
def deferred() -> Generator[None]:
    """Keep Ctrl-C for `safe_point` in this block, or for its end; a handler of the user's own is left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outermost = _kept.depth == 0 and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not outermost and _kept.depth == 0:
        yield
        return
    before, _kept.at_once = _kept.at_once, False
    _kept.depth += 1
    try:
        if outermost:
            signal.signal(signal.SIGINT, _strike)
        yield
        safe_point()
    finally:
        _kept.depth -= 1
        _kept.at_once = before
        if outermost:
            _kept.struck = _kept.again = False
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def at_once() -> Generator[None]:
    """Let Ctrl-C be raised where it strikes: in the user's own code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    safe_point()
    before, _kept.at_once = _kept.at_once, True
    try:
        yield
    finally:
        _kept.at_once = before


def safe_point() -> None:
    """Raise KeyboardInterrupt if Ctrl-C has struck; the state is whole here."""
    if _kept.struck and threading.current_thread() is threading.main_thread():
        _kept.struck = False
        raise KeyboardInterrupt


def heard() -> bool:
    """An interrupt came through, and is not raised again; whether it was a second one, which nothing shall follow."""
    again, _kept.struck, _kept.again = _kept.again, False, False
    return again


def _strike(_number: int, _frame: FrameType | None) -> None:
    again, _kept.struck = _kept.struck, True
    _kept.again = again
    if again or _kept.at_once:
        raise KeyboardInterrupt
