"""What this machine can do: products, memory, dispatches, disk. Measured once, in 0.3 s, and kept with the cache.

Nothing here runs at a plain fit's start: it is for forecasts that were asked for, and for those that no pilot can make.
What is kept is only read back where it was written by the same version of JAX, for the same device and processor, and
where every figure of it makes sense; anything else is measured anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxlib.version import __version__ as jaxlib_version

from hefted import host, processor, settings

_SIDE = 1024  # of the product's matrices: 2.1 GFLOP, 12 MB
_STREAM_BYTES = 64 << 20  # more than caches hold
_DISK_BYTES = 8 << 20
_SECONDS = 0.06  # for each of the first two


class Calibration(NamedTuple):
    """What this machine reaches.

    Attributes:
        flops: Operations a second of a matrix product in float32.
        bandwidth: Bytes a second, read and written.
        dispatch: Seconds of a compiled call that does nothing.
        disk: Bytes a second, written and synced where checkpoints go.
    """

    flops: float
    bandwidth: float
    dispatch: float
    disk: float


@cache
def calibration() -> Calibration:
    """This machine's, read from the cache or measured now (about 0.3 s)."""
    path = _path()
    found = None if path is None else load(path)
    if found is None:
        found = measure()
        if path is not None:
            store(path, found)
    return found


def of_devices(count: int) -> Calibration:
    """What so many devices reach together: accelerators add up, a processor's virtual devices are one processor.

    Args:
        count: Of all hosts.
    """
    found, here = calibration(), jax.local_device_count()
    times = max(count / here, 1.0) if jax.local_devices()[0].platform == 'cpu' else float(count)
    return found._replace(flops=times * found.flops, bandwidth=times * found.bandwidth)


def measure(clock: Callable[[], float] = time.perf_counter) -> Calibration:
    """Measure them.

    Args:
        clock: Seconds.
    """
    side = np.ones((_SIDE, _SIDE), np.float32)
    stream = np.ones(_STREAM_BYTES // 8, np.float32)  # read and written: half of the bytes each
    product = _best(jax.jit(lambda a: a @ a), side, clock)
    adding = _best(jax.jit(lambda a: a + 1), stream, clock)
    nothing = _best(jax.jit(lambda a: a + 1), np.ones(1, np.float32), clock, 0.005)
    return Calibration(2 * _SIDE**3 / product, _STREAM_BYTES / adding, nothing, _disk_speed(clock))


def _best(
    function: Callable[..., object], argument: object, clock: Callable[[], float], most: float = _SECONDS
) -> float:
    """The least seconds of a call, of as many as there is time for."""
    given = jax.device_put(argument)
    jax.block_until_ready(function(given))
    begun, least = clock(), math.inf
    while math.isinf(least) or clock() - begun < most:
        at = clock()
        jax.block_until_ready(function(given))
        least = min(least, clock() - at)
    return max(least, 1e-9)


def _disk_speed(clock: Callable[[], float]) -> float:
    """Bytes a second into the cache's folder; of memory's order where it cannot be written."""
    folder = settings.cache_folder()
    path = folder / f'calibration.{os.getpid()}.tmp'
    begun = clock()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open('wb') as file:
            file.write(b'\1' * _DISK_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return 1e8
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return _DISK_BYTES / max(clock() - begun, 1e-9)


def _path() -> Path | None:
    try:
        folder = settings.cache_folder() / 'calibration'
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return folder / f'{_key()}.json' if host.is_private_folder(folder) else None


def _key() -> str:
    device = jax.local_devices()[0]
    parts = jax.__version__, jaxlib_version, device.platform, device.device_kind, str(host.threads_given())
    return hashlib.sha256('\0'.join((*parts, processor.cpu_features())).encode()).hexdigest()[:16]


def load(path: Path) -> Calibration | None:
    """What was kept; None where nothing was, or what is there makes no sense."""
    try:
        found = Calibration(**json.loads(path.read_text('utf-8')))
        good = all(math.isfinite(figure) and figure > 0 for figure in found)
    except (OSError, ValueError, TypeError):
        return None
    return found if good else None


def store(path: Path, found: Calibration) -> None:
    """Keep it, written aside and renamed; where that cannot be, the next process measures again."""
    aside = path.with_suffix(f'.{os.getpid()}.tmp')
    try:
        aside.write_text(json.dumps(found._asdict()), 'utf-8')
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
