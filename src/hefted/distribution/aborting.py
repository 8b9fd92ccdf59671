"""How a process outlives its coordinator for long enough to say so.

JAX's client ends its process by SIGABRT, from a thread of its own, within milliseconds of its coordinator's end
(`LOG(FATAL)` on an error that it polls for; a callback from Python would not do: its argument cannot be converted and
that aborts as well, JAX 0.10 and 0.12). What a handler in C does with that signal is up to the handler: this one asks,
for threads that Python did not start, whether the abort is the coordinator's doing, and if it is keeps that thread for
good. All others go on, raise, write their journals and leave. Any other abort goes its way.

Source: POSIX.1-2017, abort(): "unless the signal SIGABRT is being caught and the signal handler does not return".
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_kept: list[Any] = []  # what C points to must not be collected


def _library() -> Any:
    library = ctypes.CDLL(None)
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    return library


def keep(ours: Callable[[], bool]) -> bool:
    """From now on ask at an abort outside Python's threads.

    Args:
        ours: Whether it is to be stopped.

    Returns:
        Whether aborts can be caught here (not on Windows).
    """
    if sys.platform == 'win32':
        return False
    library = _library()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)
    known = threading._active  # type: ignore[attr-defined]
    former = None

    def caught(number: int) -> None:
        if threading.get_ident() not in known and ours():
            while True:
                time.sleep(3600)
        library.signal(number, former)
        getattr(library, 'raise')(number)

    handler = kind(caught)
    _kept.append(handler)
    former = library.signal(int(signal.SIGABRT), ctypes.cast(handler, ctypes.c_void_p))
    _kept.append(former)
    return True


def forget(*, hold: bool = False) -> None:
    """Ask no longer: at its end Python cannot be called any more.

    Args:
        hold: Whether a thread that aborts from now on is kept for good, without being asked.
    """
    if _kept:
        library = _library()
        library.signal(int(signal.SIGABRT), ctypes.cast(library.pause, ctypes.c_void_p) if hold else _kept[-1])


def answers(host: str, port: int, seconds: float = 2.0) -> bool:
    """Whether somebody listens at an address."""
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True
