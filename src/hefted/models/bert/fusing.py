"""Whether cuDNN's fused attention is there, and takes what it would be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

Capability = tuple[int, ...]

_AMPERE: Capability = (8, 0)


def fuses(dtype: Any, size: int, lengths: Sequence[int], capability: Capability | None) -> bool:
    """Whether cuDNN has a kernel for it, forwards and backwards: what JAX refuses to give it is not asked for.

    Args:
        dtype: Of query, key and value.
        size: Of a head.
        lengths: How many queries there are, and how many keys.
        capability: Of the GPU; None where it is none of NVIDIA's.

    Example:
        >>> fuses('bfloat16', 64, (512, 512), (9, 0)), fuses('bfloat16', 64, (511, 511), (9, 0))
        (True, False)
    """
    if capability is None or capability < _AMPERE:
        return False
    even = all(length % 2 == 0 for length in lengths)  # backwards it takes no others, with or without a mask
    return jnp.dtype(dtype).name in ('bfloat16', 'float16') and size % 8 == 0 and size <= 128 and even


def cuda_capability(devices: Sequence[Any] | None = None) -> Capability | None:
    """The compute capability of the least able of some devices; None if one of them is none of NVIDIA's.

    Args:
        devices: JAX's; those that are computed on if None.
    """
    able = [_capability_of(device) for device in (_computed_on() if devices is None else devices)]
    known = [each for each in able if each is not None]
    return min(known) if known and len(known) == len(able) else None


def _capability_of(device: Any) -> Capability | None:
    # AMD's GPUs are of the platform 'gpu' too, and have a capability such as 'gfx90a'.
    if device.platform != 'gpu' or 'cuda' not in device.client.platform_version:
        return None
    return tuple(int(part) for part in device.compute_capability.split('.'))


def _computed_on() -> Sequence[Any]:
    config: Any = jax.config
    chosen = config.jax_default_device
    if chosen is None or isinstance(chosen, str):
        return jax.local_devices(backend=chosen)
    return [chosen]
