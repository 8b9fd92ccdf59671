"""CPU time and memory of this process and of all that it started.

Memory that several processes share is counted once: each has its proportional part of it (PSS), which the kernel works
out page by page, 1 ms for every 100 MB. So that is asked rarely, and what it makes of the resident bytes (RSS), which
cost microseconds, is taken as a ratio between.
"""

from __future__ import annotations

import os
import time

from hefted import host

_FRESH_SECONDS = 0.05  # a gigabyte that came meanwhile takes 20 mJ
_LISTED_FROM_SECONDS = 5.0  # a short run does not pay for the list of its pages
_MOST_SHARE = 1 / 500  # and a long one at most this part of its time


class ProcessTree:
    """What a process and its descendants use.

    Children are looked at only by `look`, which costs more the more processes there are; between looks what
    they did last counts. Their CPU time never falls: when a child has been waited for, its time moves to
    another counter.

    Attributes:
        pids: The process and its descendants, at the last look.
    """

    __slots__ = (
        '_children_bytes',
        '_children_seconds',
        '_children_unshared',
        '_own_at',
        '_own_bytes',
        '_pages_at',
        '_unshared',
        'pids',
    )

    def __init__(self, *, pages_from: float = _LISTED_FROM_SECONDS) -> None:
        self.pids = frozenset((os.getpid(),))
        self._children_seconds = 0.0
        self._children_bytes = 0
        self._own_bytes = 0
        self._own_at = 0.0
        self._unshared = 1.0  # PSS over RSS of this process
        self._children_unshared = 1.0  # and of its children
        self._pages_at = time.monotonic() + pages_from

    def cpu_seconds(self) -> float:
        """Cumulative CPU seconds of the tree."""
        times = os.times()  # children that ended and were waited for
        self._children_seconds = max(self._children_seconds, times.children_user + times.children_system)
        return host.process_cpu_seconds() + self._children_seconds

    def resident_bytes(self) -> int:
        """Bytes of the tree in RAM: this process (to 50 ms), its children at the last look; what is shared, in part."""
        now = time.monotonic()
        if now >= self._own_at:
            self._own_bytes, self._own_at = host.resident_bytes(), now + _FRESH_SECONDS
        return int(self._own_bytes * self._unshared) + self._children_bytes

    def look(self) -> None:
        """Look at the children that live, and now and then at what memory is shared."""
        children: list[int] = []
        if not _has_children():
            self._children_bytes = 0
        else:
            times = os.times()
            seconds, resident, children = _children_by_proc() if host.LINUX else _children_by_psutil()
            waited = times.children_user + times.children_system
            self._children_seconds = max(self._children_seconds, waited + seconds)
            self._children_bytes = int(resident * self._children_unshared)
        self.pids = frozenset((os.getpid(), *children))
        begun = time.monotonic()
        if host.LINUX and begun >= self._pages_at:
            self._unshared = _ratio([os.getpid()])
            self._children_unshared = _ratio(children)
            self._pages_at = begun + max(1.0, (time.monotonic() - begun) / _MOST_SHARE)


def _ratio(pids: list[int]) -> float:
    """What the proportional parts of processes' memory come to, over all that is resident; 1 where it is not told."""
    resident, proportional = 0, 0
    for pid in pids:
        try:
            lines = host.read_start(f'/proc/{pid}/smaps_rollup').splitlines()
            sizes = {words[0]: int(words[1]) for line in lines[1:] if len(words := line.split()) > 1}
            resident, proportional = resident + sizes['Rss:'], proportional + sizes['Pss:']
        except (OSError, ValueError, KeyError):  # it ended, or is another user's
            continue
    return proportional / resident if resident else 1.0


def _has_children() -> bool:
    """Whether this process has children, found without waiting for any of them."""
    if not hasattr(os, 'waitid'):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children_by_proc() -> tuple[float, int, list[int]]:
    """CPU seconds, bytes and numbers of all living descendants, by the parents that /proc names."""
    parents: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in os.listdir('/proc'):  # noqa: PTH208
        if entry.isdigit():
            try:
                fields = host.stat_fields(f'/proc/{entry}/stat')
                parents.setdefault(int(fields[1]), []).append(int(entry))
                # user, system, and those of its own children that it has waited for
                ticks[int(entry)] = sum(int(field) for field in fields[11:15])
            except (OSError, ValueError, IndexError):  # it ended meanwhile
                continue
    waiting, tree = [os.getpid()], list[int]()
    while waiting:
        found = parents.pop(waiting.pop(), [])
        tree += found
        waiting += found
    pages = 0
    for pid in tree:
        try:
            pages += int(host.read_start(f'/proc/{pid}/statm').split()[1])
        except (OSError, ValueError, IndexError):
            continue
    seconds = sum(ticks[pid] for pid in tree) / os.sysconf('SC_CLK_TCK')
    return seconds, pages * os.sysconf('SC_PAGE_SIZE'), tree


def _children_by_psutil() -> tuple[float, int, list[int]]:
    import psutil

    seconds, resident, pids = 0.0, 0, list[int]()
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
            seconds += times.user + times.system
            resident += child.memory_info().rss
            pids.append(child.pid)
        except psutil.Error:
            continue
    return float(seconds), int(resident), pids
