"""Everything that Hefted asks of the operating system, in one file: Linux, macOS, Windows.

Linux is read through /proc and `time`, because importing psutil costs 11 ms of a start; psutil, imported
late, serves elsewhere. A function that can be asked of a constructed tree takes its root.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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
            ticks = int(_stat_fields('/proc/self/stat')[19])
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


def _read(path: str, most: int = 4096) -> str:
    """The beginning of a file of /proc or /sys, in one read."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, most).decode('utf-8', 'replace')
    finally:
        os.close(descriptor)


def _stat_fields(path: str) -> list[str]:
    """The fields of /proc/<pid>/stat from the third (state) on; the name before them may hold anything."""
    return _read(path).rpartition(')')[2].split()


def resident_bytes() -> int:
    """Memory of this process that is in RAM, in bytes."""
    if LINUX:
        return int(_read('/proc/self/statm').split()[1]) * os.sysconf('SC_PAGE_SIZE')
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory_bytes() -> int:
    """The most memory this process had in RAM at once, in bytes."""
    if LINUX:  # not ru_maxrss, which a process inherits from the one that started it
        for line in _read('/proc/self/status').splitlines():
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


def machine_busy_seconds(stat: str = '/proc/stat') -> float:
    """CPU time that the whole machine has spent busy since it booted, all threads together, in seconds."""
    if LINUX:
        # user nice system idle iowait irq softirq steal; guests are counted in user already
        fields = [int(field) for field in _read(stat, 512).split('\n', 1)[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf('SC_CLK_TCK')
    import psutil

    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, 'iowait', 0.0))


def threads_given(root: str = '/') -> float:
    """Hardware threads this process may use: its affinity, cut by the quota of its control group.

    Args:
        root: Where `proc` and `sys` are (a constructed tree in tests).

    Returns:
        Threads, not always whole (a quota may be 1.5).
    """
    affinity = getattr(os, 'sched_getaffinity', None)  # not on macOS, nor on Windows
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    quota = _cgroup_quota(root) if sys.platform == 'linux' else None
    return count if quota is None else max(0.01, min(count, quota))


def _cgroup_quota(root: str) -> float | None:
    """The smallest CPU quota from this process's control group up to the root (versions 1 and 2)."""
    try:
        groups = _read(f'{root}/proc/self/cgroup').splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in groups:
        hierarchy, controllers, path, *_ = [*line.split(':', 2), '', '']
        if hierarchy == '0':
            base, files = f'{root}/sys/fs/cgroup', ('cpu.max',)
        elif 'cpu' in controllers.split(','):
            base, files = f'{root}/sys/fs/cgroup/{controllers}', ('cpu.cfs_quota_us', 'cpu.cfs_period_us')
        else:
            continue
        parts = [part for part in path.split('/') if part and part != '..']
        for depth in range(len(parts), -1, -1):
            folder = '/'.join([base, *parts[:depth]])
            try:
                quota, period = ' '.join(_read(f'{folder}/{name}') for name in files).split()[:2]
                if quota not in ('max', '-1'):
                    quotas.append(int(quota) / int(period))
            except (OSError, ValueError, ZeroDivisionError):
                continue
    return min(quotas, default=None)


class CpuIdentity(NamedTuple):
    """What the processor says it is (a virtual machine may hide or fake it).

    Attributes:
        vendor: CPUID vendor ('GenuineIntel', 'AuthenticAMD'), or 'ARM', 'Ampere', 'Apple'; '' when unknown.
        family: CPUID family; None on Arm.
        model: CPUID model; on Arm the part number.
        stepping: CPUID stepping.
        name: The marketing name, for people.
        hypervisor: Whether this is a virtual machine; None when that cannot be told.
    """

    vendor: str = ''
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    name: str = ''
    hypervisor: bool | None = None


_ARM_IMPLEMENTERS = {0x41: 'ARM', 0x43: 'Cavium', 0x46: 'Fujitsu', 0x61: 'Apple', 0xC0: 'Ampere'}


def cpu_identity(cpuinfo: str = '/proc/cpuinfo') -> CpuIdentity:
    """Identify the processor, by numbers rather than by its marketing name.

    Args:
        cpuinfo: The file that Linux describes processors in.

    Returns:
        What is known; empty fields where nothing is.
    """
    try:
        if sys.platform == 'linux':
            return _linux_identity(_read(cpuinfo, 8192))  # the first processor: on 256 threads all of it takes 20 ms
        if sys.platform == 'darwin':
            return _mac_identity()
        return _windows_identity()
    except (OSError, ValueError):
        return CpuIdentity()


def _linux_identity(text: str) -> CpuIdentity:
    fields: dict[str, str] = {}
    for line in text.split('\n\n', 1)[0].splitlines():
        key, _, value = line.partition(':')
        fields[key.strip()] = value.strip()
    if 'CPU implementer' in fields:
        vendor = _ARM_IMPLEMENTERS.get(int(fields['CPU implementer'], 0), '')
        return CpuIdentity(vendor, None, int(fields.get('CPU part', '0'), 0), None, fields.get('model name', ''))
    number = {key: int(fields[key]) for key in ('cpu family', 'model', 'stepping') if fields.get(key, '').isdigit()}
    return CpuIdentity(
        fields.get('vendor_id', ''),
        number.get('cpu family'),
        number.get('model'),
        number.get('stepping'),
        fields.get('model name', ''),
        'hypervisor' in fields['flags'].split() if 'flags' in fields else None,
    )


def _mac_identity() -> CpuIdentity:
    import ctypes

    library = ctypes.CDLL(None)

    def value(name: str) -> bytes:
        size = ctypes.c_size_t(256)
        buffer = ctypes.create_string_buffer(256)
        failed = library.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
        return b'' if failed else buffer.raw[: size.value]

    def number(name: str) -> int | None:
        raw = value(name)
        return int.from_bytes(raw, 'little') if raw else None

    brand = value('machdep.cpu.brand_string').rstrip(b'\0').decode()
    if brand.startswith('Apple'):
        return CpuIdentity('Apple', None, None, None, brand, bool(number('kern.hv_vmm_present')))
    return CpuIdentity(
        value('machdep.cpu.vendor').rstrip(b'\0').decode(),
        number('machdep.cpu.family'),
        number('machdep.cpu.model'),
        number('machdep.cpu.stepping'),
        brand,
        bool(number('kern.hv_vmm_present')),
    )


def _windows_identity() -> CpuIdentity:
    # PROCESSOR_IDENTIFIER reads 'Intel64 Family 6 Model 158 Stepping 10, GenuineIntel'
    words = os.environ.get('PROCESSOR_IDENTIFIER', '').replace(',', ' ').split()
    number = {word: int(words[at + 1]) for at, word in enumerate(words[:-1]) if words[at + 1].isdigit()}
    name = ''
    if sys.platform == 'win32':
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r'HARDWARE\DESCRIPTION\System\CentralProcessor\0') as key:
            name = str(winreg.QueryValueEx(key, 'ProcessorNameString')[0]).strip()
    vendor = words[-1] if words else ''
    return CpuIdentity(vendor, number.get('Family'), number.get('Model'), number.get('Stepping'), name)


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


class ProcessTree:
    """CPU time and memory of this process and of all that it started.

    Children are looked at only by `look`, which costs more the more processes there are; between looks what
    they did last counts. Their CPU time never falls: when a child has been waited for, its time moves to
    another counter.
    """

    __slots__ = ('_children_bytes', '_children_seconds', '_page')

    def __init__(self) -> None:
        self._children_seconds = 0.0
        self._children_bytes = 0
        self._page = os.sysconf('SC_PAGE_SIZE') if LINUX else 1

    def cpu_seconds(self) -> float:
        """Cumulative CPU seconds of the tree."""
        times = os.times()  # children that ended and were waited for
        self._children_seconds = max(self._children_seconds, times.children_user + times.children_system)
        return process_cpu_seconds() + self._children_seconds

    def resident_bytes(self) -> int:
        """Bytes of the tree in RAM: this process now, its children at the last look."""
        return resident_bytes() + self._children_bytes

    def look(self) -> None:
        """Look at the children that live."""
        if not _has_children():
            self._children_bytes = 0
            return
        times = os.times()
        seconds, resident = _children_by_proc(self._page) if LINUX else _children_by_psutil()
        waited = times.children_user + times.children_system
        self._children_seconds = max(self._children_seconds, waited + seconds)
        self._children_bytes = resident


def _has_children() -> bool:
    """Whether this process has children, found without waiting for any of them."""
    if not hasattr(os, 'waitid'):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children_by_proc(page: int) -> tuple[float, int]:
    """CPU seconds and bytes of all living descendants, by the parents that /proc names."""
    parents: dict[str, list[str]] = {}
    ticks: dict[str, int] = {}
    for entry in os.listdir('/proc'):  # noqa: PTH208
        if entry.isdigit():
            try:
                fields = _stat_fields(f'/proc/{entry}/stat')
                parents.setdefault(fields[1], []).append(entry)
                # user, system, and those of its own children that it has waited for
                ticks[entry] = sum(int(field) for field in fields[11:15])
            except (OSError, ValueError, IndexError):  # it ended meanwhile
                continue
    waiting, tree = [str(os.getpid())], list[str]()
    while waiting:
        found = parents.pop(waiting.pop(), [])
        tree += found
        waiting += found
    resident = 0
    for entry in tree:
        try:
            _, whole, shared = _read(f'/proc/{entry}/statm').split()[:3]
            resident += (int(whole) - int(shared)) * page  # what is shared with the parent is counted there
        except (OSError, ValueError):
            continue
    return sum(ticks[entry] for entry in tree) / os.sysconf('SC_CLK_TCK'), resident


def _children_by_psutil() -> tuple[float, int]:
    import psutil

    seconds, resident = 0.0, 0
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
            seconds += times.user + times.system
            resident += child.memory_info().rss
        except psutil.Error:
            continue
    return float(seconds), int(resident)


def is_private_folder(folder: Path) -> bool:
    """Whether a folder is this user's own and nobody else can write to it.

    On Windows the user's profile is private by its access lists, which mode bits do not show.
    """
    if not hasattr(os, 'getuid'):
        return True
    stat = folder.lstat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o077 and not folder.is_symlink()


def cpu_features(cpuinfo: str = '/proc/cpuinfo') -> str:
    """The processor's instruction sets as one string: machine code made for others may not run here."""
    for line in _read(cpuinfo, 16384).split('\n\n', 1)[0].splitlines():
        name, _, value = line.partition(':')
        if name.strip() in ('flags', 'Features'):
            return value.strip()
    import platform

    return f'{platform.machine()} {platform.processor()}'
