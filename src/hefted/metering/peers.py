"""Which processes of this machine are metered: each that is shows a name, and counts those that it sees.

The names are those of abstract unix sockets (Linux), which are bound and never listen. No file is left behind: the
kernel forgets a name with its process. Containers with a network of their own do not see one another's. Elsewhere a
process is taken to be the only one.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from hefted import host

_PREFIX = '@hefted-meter-'  # as /proc/net/unix writes the zero byte of an abstract name


class Peers:
    """The metered processes of a machine.

    Args:
        table: The kernel's list of unix sockets.
    """

    def __init__(self, table: str = '/proc/net/unix'):
        self._table = table
        self._descriptor: int | None = None
        _all.add(self)

    def count(self, own: frozenset[int] = frozenset()) -> int:
        """How many processes are metered, this one among them; it is shown to the others from now on.

        Args:
            own: This process and its descendants: what they take, it takes.

        Raises:
            OSError: If the kernel does not list them.
        """
        if not host.LINUX:
            return 1
        if self._descriptor is None:
            self._descriptor = _shown()
        own |= {os.getpid()}
        lines = Path(self._table).read_text('utf-8', 'replace').splitlines()
        names = {name for line in lines if (name := line.rpartition(' ')[2]).startswith(_PREFIX)}
        return 1 + sum(_pid(name) not in own for name in names)

    def leave(self) -> None:
        """Be shown no longer."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _pid(name: str) -> int | None:
    number = name.removeprefix(_PREFIX).partition('-')[0]
    return int(number) if number.isdigit() else None


def _shown() -> int:
    """The descriptor of a socket with this process's name."""
    import _socket  # `socket` itself, which is built on it, takes 7 ms to import

    shown = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        shown.bind(f'\0{_PREFIX[1:]}{os.getpid()}-{os.urandom(4).hex()}')
        return shown.detach()
    finally:
        shown.close()


_all: weakref.WeakSet[Peers] = weakref.WeakSet()


def _leave_all() -> None:
    """In a fork's child, which is counted with its parent: else its copy would keep the name after the parent's end."""
    for peers in list(_all):
        peers.leave()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_leave_all)
