"""Dropout with a quarter of the cipher: four places share a block of threefry, 16 random bits for each."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.variables import Array

_PLACES = 4  # that a block of 64 bits serves
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def dropped(inputs: Array, rate: float, generator: Any) -> Array:
    """The inputs, a share `rate` of them zeroed and the others scaled up (Srivastava et al. 2014).

    A share is a multiple of 1/65,536, and the scale is that share's own, so the mean is exact; in 16 bits each product
    is rounded once, and the scale is not. The bits are those of threefry-2x32 with 20 rounds (Salmon et al. 2011) over
    the places' numbers: the same on any number of devices.

    Args:
        inputs: Any shape of one axis or more.
        rate: From 0 to below 1.
        generator: A `SeedGenerator`, which moves on by one.

    Example:
        >>> from hefted.random import SeedGenerator
        >>> kept = dropped(np.ones((64, 64), 'float32'), 0.25, SeedGenerator(3))
        >>> sorted(set(kept.ravel().tolist())), 0.7 < float((kept > 0).mean()) < 0.8
        ([0.0, 1.3333333730697632], True)
    """
    return _dropped(inputs, generator.next(), rate=rate)


@partial(jax.jit, static_argnames='rate')  # traced once for each shape
def _dropped(inputs: Array, key: Array, rate: float) -> Array:
    zeroed = min(round(rate * 65_536), 65_535)
    kept = lax.ge(sixteen_bits(key, inputs.shape), np.uint32(zeroed))
    wide = jnp.promote_types(inputs.dtype, np.float32)  # bfloat16 has no scale nearer to 1/0.9 than 1.1094
    scaled = inputs.astype(wide) * jnp.asarray(65_536 / (65_536 - zeroed), wide)
    return jnp.where(kept, scaled.astype(inputs.dtype), jnp.zeros((), inputs.dtype))


def sixteen_bits(key: Array, shape: tuple[int, ...]) -> Array:
    """Random whole numbers below 65,536, uint32, of a key of two words.

    The last axis is cut in four, and a place's number is that of its quarter: rows keep their own, so a batch that is
    spread over devices is drawn where it lies.
    """
    *lead, last = shape
    quarter = (*lead, -(-last // _PLACES))
    number = lax.reshape(lax.iota(np.uint32, int(np.prod(quarter))), quarter)
    first, second = _threefry(key[0], key[1], number)
    half = np.uint32(0xFFFF)
    parts = [first & half, first >> np.uint32(16), second & half, second >> np.uint32(16)]
    return lax.slice_in_dim(lax.concatenate(parts, len(lead)), 0, last, axis=len(lead))


def _threefry(key_0: Array, key_1: Array, number: Array) -> tuple[Array, Array]:
    """Both words of the block of each (number, 0)."""
    keys = (key_0, key_1, key_0 ^ key_1 ^ np.uint32(0x1BD11BDA))
    x, y = number + keys[0], jnp.broadcast_to(keys[1], number.shape)
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
            y = y ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
