"""Everything that Hefted asks of the operating system, in one file: Linux, macOS, Windows.

Linux is read through /proc and `time`, because importing psutil costs 11 ms of a start; psutil, imported
late, serves elsewhere. A function that can be asked of a constructed tree takes its root.
"""

from __future__ import annotations

import math
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

LINUX = sys.platform == 'linux' and os.path.exists('/proc/self/stat')  # noqa: PTH110 (pathlib costs a start)

monotonic = time.monotonic
"""Seconds that never go back, and that stand still while the machine is suspended (not on Windows)."""

process_cpu_seconds = time.process_time
"""CPU time of this process, all its threads, without its children."""


def boot_clock() -> float | None:
    """Seconds of a clock that also counts suspends; None where there is none beside `monotonic`."""
    if sys.platform == 'linux':
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == 'darwin':  # there CLOCK_MONOTONIC counts sleep, and time.monotonic does not
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return None


def process_started() -> float:
    """When this process started, in seconds of `monotonic` (to 10 ms on Linux)."""
    now = monotonic()
    try:
        if LINUX:
            ticks = int(stat_fields('/proc/self/stat')[19])
            started = now - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf('SC_CLK_TCK'))
        else:
            import psutil

            started = now - (time.time() - psutil.Process().create_time())
    except (
        OSError,
        ValueError,
        IndexError,
    ):  # a sandbox without /proc/self/stat: the CPU time is the least it took
        started = now - process_cpu_seconds()
    return min(started, now)


def read_start(path: str, most: int = 4096) -> str:
    """The beginning of a file of /proc or /sys, in one read."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, most).decode('utf-8', 'replace')
    finally:
        os.close(descriptor)


def stat_fields(path: str) -> list[str]:
    """The fields of /proc/<pid>/stat from the third (state) on; the name before them may hold anything."""
    return read_start(path).rpartition(')')[2].split()


def resident_bytes() -> int:
    """Memory of this process that is in RAM, in bytes."""
    if LINUX:
        return int(read_start('/proc/self/statm').split()[1]) * os.sysconf('SC_PAGE_SIZE')
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory_bytes() -> int:
    """The most memory this process had in RAM at once, in bytes."""
    if LINUX:  # not ru_maxrss, which a process inherits from the one that started it
        for line in read_start('/proc/self/status').splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    if sys.platform != 'win32':
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == 'darwin' else peak * 1024
    import psutil

    return int(psutil.Process().memory_info().peak_wset)


def total_memory_bytes() -> int:
    """The machine's memory, in bytes."""
    if hasattr(os, 'sysconf') and 'SC_PHYS_PAGES' in os.sysconf_names:
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    import psutil

    return int(psutil.virtual_memory().total)


def available_memory_bytes(meminfo: str = '/proc/meminfo') -> int | None:
    """Memory that programs may still take, in bytes, as Linux tells it in a file; None elsewhere."""
    rows = read_start(meminfo).splitlines() if LINUX else []
    told = next((row.split()[1] for row in rows if row.startswith('MemAvailable:')), None)
    return None if told is None else min(int(told) * 1024, memory_given())


def machine_busy_seconds(stat: str = '/proc/stat', cpus: frozenset[int] | None = None) -> float:
    """CPU time that the machine has spent busy since it booted, all threads together, in seconds.

    Args:
        stat: The file in which Linux counts it, in ticks of 10 ms.
        cpus: Count these hardware threads alone (Linux).
    """
    if LINUX:
        lines = read_start(stat, 512 if cpus is None else 192 * (max(cpus, default=0) + 2)).splitlines()
        wanted = {'cpu'} if cpus is None else {f'cpu{number}' for number in cpus}
        rows = [fields for line in lines if (fields := line.split(None, 9)) and fields[0] in wanted]
        # user nice system (idle iowait) irq softirq. Guests are counted in user; what a hypervisor stole was not ours,
        # nor is it in the times of processes.
        return sum(int(row[at]) for row in rows for at in (1, 2, 3, 6, 7)) / os.sysconf('SC_CLK_TCK')
    import psutil

    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, 'iowait', 0.0))


def cpus_given() -> frozenset[int] | None:
    """The hardware threads that this process may run on; None where the system does not say."""
    affinity = getattr(os, 'sched_getaffinity', None)  # not on macOS, nor on Windows
    return frozenset(affinity(0)) if affinity else None


def threads_given(root: str = '/') -> float:
    """Hardware threads this process may use: its affinity, cut by the quota of its control group.

    Args:
        root: Where `proc` and `sys` are (a constructed tree in tests).

    Returns:
        Threads, not always whole (a quota may be 1.5).
    """
    count = float(len(cpus_given() or ()) or os.cpu_count() or 1)
    quotas = [quota for quota, _ in _cgroup_quotas(root)]
    return max(0.01, min([count, *quotas]))


def memory_given(root: str = '/') -> int:
    """Memory this process may use, in bytes: the machine's, cut by the limit of its control group.

    Args:
        root: Where `proc` and `sys` are (a constructed tree in tests).
    """
    limits: list[int] = []
    for unified, folder in _cgroup_folders(root, 'memory'):
        try:
            limits.append(int(read_start(f'{folder}/{"memory.max" if unified else "memory.limit_in_bytes"}')))
        except (OSError, ValueError):  # 'max': no limit here
            continue
    return min([total_memory_bytes(), *limits])


def given_busy_seconds(root: str = '/') -> Callable[[], float]:
    """How to read the CPU time that was spent on the threads given to this process, by whomever, in seconds.

    Args:
        root: Where `proc` and `sys` are (a constructed tree in tests).

    Returns:
        A function: the accounting of the control group whose quota is the tightest, else that of the threads of the
        affinity, else the machine's.
    """
    quota, folder = min(_cgroup_quotas(root), default=(math.inf, ''))
    cpus = cpus_given()
    if quota < len(cpus or ()):
        for name, unit in (('cpu.stat', 1e6), ('cpuacct.usage', 1e9)):
            path = f'{folder}/{name}'
            try:
                _usage(path, unit)
            except (OSError, ValueError, IndexError):  # version 1 has its throttling alone in cpu.stat
                continue
            return lambda: _usage(path, unit)
    some = cpus if cpus is not None and len(cpus) < (os.cpu_count() or 1) else None
    return lambda: machine_busy_seconds(cpus=some)


def _usage(path: str, unit: float) -> float:
    """The CPU seconds of a control group: 'usage_usec <number>' (version 2), or a number of ns (version 1)."""
    return int(read_start(path).removeprefix('usage_usec').split()[0]) / unit


def _cgroup_quotas(root: str) -> list[tuple[float, str]]:
    """The CPU quotas, in threads, from this process's control group up to the root, each with its folder."""
    quotas: list[tuple[float, str]] = []
    for unified, folder in _cgroup_folders(root, 'cpu'):
        files = ('cpu.max',) if unified else ('cpu.cfs_quota_us', 'cpu.cfs_period_us')
        try:
            quota, period = ' '.join(read_start(f'{folder}/{name}') for name in files).split()[:2]
            if quota not in ('max', '-1'):
                quotas.append((int(quota) / int(period), folder))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return quotas


def _cgroup_folders(root: str, controller: str) -> Generator[tuple[bool, str]]:
    """This process's control groups, from its own up to the root, each with whether it is of version 2."""
    if sys.platform != 'linux':
        return
    try:
        groups = read_start(f'{root}/proc/self/cgroup').splitlines()
    except OSError:
        return
    for line in groups:
        hierarchy, controllers, path, *_ = [*line.split(':', 2), '', '']
        if hierarchy != '0' and controller not in controllers.split(','):
            continue
        base = f'{root}/sys/fs/cgroup' + ('' if hierarchy == '0' else f'/{controllers}')
        parts = [part for part in path.split('/') if part and part != '..']
        for depth in range(len(parts), -1, -1):
            yield hierarchy == '0', '/'.join([base, *parts[:depth]])


def nvidia_driver_present() -> bool:
    """Whether an NVIDIA driver seems to be installed, found without loading anything."""
    if sys.platform == 'win32':
        library = os.path.join(os.environ.get('SYSTEMROOT', r'C:\Windows'), 'System32', 'nvml.dll')  # noqa: PTH118
        return os.path.exists(library)  # noqa: PTH110
    return any(os.path.exists(path) for path in ('/dev/nvidiactl', '/proc/driver/nvidia'))  # noqa: PTH110


def amd_driver_present() -> bool:
    """Whether AMD's compute driver is loaded, found without loading anything."""
    return os.path.exists('/dev/kfd')  # noqa: PTH110


def user_folder(kind: str) -> str:
    """The user's folder for Hefted's own files.

    Args:
        kind: 'data', 'cache' or 'config'.
    """
    if sys.platform != 'linux':
        import platformdirs

        return str(getattr(platformdirs, f'user_{kind}_dir')('hefted', appauthor=False))
    # What platformdirs answers on Linux (XDG Base Directory Specification 0.8), without its 15 ms of import.
    base = os.environ.get(f'XDG_{kind.upper()}_HOME', '').strip()
    if not os.path.isabs(base):  # noqa: PTH117
        below = {'data': '.local/share', 'cache': '.cache', 'config': '.config'}[kind]
        base = os.path.expanduser(f'~/{below}')  # noqa: PTH111
    return f'{base}/hefted'


def is_private_folder(folder: Path) -> bool:
    """Whether a folder is this user's own and nobody else can write to it.

    On Windows the user's profile is private by its access lists, which mode bits do not show.
    """
    if not hasattr(os, 'getuid'):
        return True
    stat = folder.lstat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o077 and not folder.is_symlink()


def machine_id() -> str:
    """What tells this machine from others, as a hash: the system's own number for it, else its network card's."""
    import hashlib
    import uuid

    try:
        told = read_start('/etc/machine-id').strip()
    except OSError:
        told = ''
    return hashlib.sha256(f'hefted {told or uuid.getnode()}'.encode()).hexdigest()[:16]


def boot_id() -> str:
    """What tells this machine, as it runs now, from all others, as a hash: the same in each of its containers.

    An image that many machines were made from has one machine's number; a kernel that was booted has its own.
    """
    import hashlib

    try:
        told = read_start('/proc/sys/kernel/random/boot_id').strip()
    except OSError:
        return machine_id()
    return hashlib.sha256(f'hefted {told}'.encode()).hexdigest()[:16]
