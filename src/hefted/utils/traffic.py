"""Who wants to know of bytes that come over the network: the library's own downloads tell it here.

A download stands below what meters it, so it cannot call it; whoever counts bytes listens.

    >>> heard = []
    >>> listen(heard.append)
    >>> received(1024)
    >>> heard
    [1024]
    >>> _listeners.remove(heard.append)
"""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[int], None]] = []


def listen(listener: Callable[[int], None]) -> None:
    """Have bytes told from now on.

    Args:
        listener: Called with how many came, in whichever thread they came.
    """
    _listeners.append(listener)


def received(count: int) -> None:
    """Tell who listens that bytes have come over the network just now."""
    for listener in _listeners:
        listener(count)
