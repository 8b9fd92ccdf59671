"""Whether a training's rows stay on its devices."""

from __future__ import annotations

import math
from functools import cache

import jax

from hefted import host
from hefted.distribution import lead

_SHARE = 0.25  # of the device's memory: the rest is for weights, activations and other programs


def keeps(nbytes: int, on_each: bool = False) -> bool:
    """Whether rows of so many bytes fit in a quarter of a device's memory, in every process.

    Args:
        nbytes: Of the rows.
        on_each: Whether each device gets all of them: those that are one processor's share its memory.
    """
    sharing = len(jax.local_devices()) if on_each and jax.default_backend() == 'cpu' else 1
    fits = nbytes * sharing <= _SHARE * _of_a_device()
    if lead.watch() is None:
        return fits
    from hefted.distribution import hosts

    return all(hosts.gather(fits, 'whether rows fit the devices'))  # blocks and passes take other programs


@cache
def _of_a_device() -> float:
    device = jax.local_devices()[0]
    if device.platform != 'cpu' and (stats := device.memory_stats()):
        return float(stats.get('bytes_limit', math.inf))
    return float(host.total_memory_bytes() or math.inf)
