"""The network between the hosts of a training, as a line of its own in their receipt.

What switches and optics draw hardly depends on what is sent (`hefted.metering.switches`): it is counted by time, for
each link that leaves a host, as a forecast of many machines counts it too. How many bytes a step sends is told by
`hefted.train.collectives`; they are not priced as well, for the same watts would be counted twice.

A host with accelerators has one link for each, as fast as such machines are sold (`hefted.forecast.chips`); one without
has a single one. Where that is not known it is taken to be of 10 Gbit/s. Each process counts its own accelerators'
links, or its part of the host's, so that a sum over processes has each link once.

A training on one host sends nothing over any of them.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from hefted.metering.meter import Meter
from hefted.metering.switches import SwitchesSensor
from hefted.world import World

_ETHERNET = 1.25  # GB/s, of 10 Gbit/s

_linked: weakref.WeakSet[Meter] = weakref.WeakSet()


def link(run: Any, world: World) -> None:
    """Have a run count its part of the network, where its training is of several hosts.

    Args:
        run: An open run; one that is not metered counts nothing.
        world: Of the training.
    """
    meter = getattr(run, 'meter', None)
    if world.machines < 2 or meter is None or meter in _linked:
        return
    import jax

    kinds = [device.device_kind for device in jax.local_devices() if device.platform != 'cpu']
    links, gb_per_s = links_of(kinds, world.local_size or 1)
    _linked.add(meter)
    meter.add([SwitchesSensor(links, gb_per_s)])


def links_of(kinds: Sequence[str], local_size: int) -> tuple[int, float]:
    """How many links are a process's, and GB/s of one, one way.

    Args:
        kinds: The names of its accelerators.
        local_size: How many processes its host has.

    Example:
        >>> links_of(['NVIDIA A100-SXM4-80GB'] * 4, 2), links_of([], 2)
        ((4, 25.0), (1, 0.625))
    """
    if not kinds:
        return 1, _ETHERNET / local_size
    from hefted.errors import ArgumentError
    from hefted.forecast.called import called
    from hefted.forecast.chips import chip

    try:
        return len(kinds), chip(called(kinds[0]).accelerator).network_gb_per_s
    except ArgumentError:  # one that no table knows
        return len(kinds), _ETHERNET
