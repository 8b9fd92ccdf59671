"""Random numbers as Keras draws them on JAX: `SeedGenerator`, and the same bits without compiling anything.

`SeedGenerator` holds `[seed, count]`; each draw uses the pair as a threefry key and adds one to the count
(Keras 3.15). Initial weights are drawn on the host: `host_uniform` is threefry-2x32 in NumPy, so a model's
first start compiles no program per weight shape and yet gets the bits that Keras on JAX would draw.
"""

from __future__ import annotations

import math
import random as python_random
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError
from hefted.variables import Array, Variable, current_scope

_SEED_MAX = 1_000_000_000
_global: SeedGenerator | None = None


class SeedGenerator:
    """A source of seeds with a state that training carries along.

    Args:
        seed: An int; drawn from Python's `random` if None.
        name: Made up if None.

    Raises:
        ArgumentError: The seed is not an int.

    Example:
        >>> generator = SeedGenerator(7)
        >>> [int(n) for n in generator.next()], [int(n) for n in generator.next()]
        ([7, 0], [7, 1])
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ArgumentError(f'Expected seed to be an int or None, received {seed!r}.')
        self._initial_seed = seed
        self.name = name or 'seed_generator'
        start = make_default_seed() if seed is None else seed
        self.state = Variable(
            np.array([start & 0xFFFFFFFF, 0], np.uint32),
            dtype='uint32', trainable=False, autocast=False, name='seed_generator_state',
        )  # fmt: skip

    def next(self) -> Array:
        """The next key, uint32 of shape (2,)."""
        key = self.state.raw
        self.state.assign(key + np.array([0, 1], np.uint32))
        return key

    def get_config(self) -> dict[str, Any]:
        return {'seed': self._initial_seed, 'name': self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def make_default_seed() -> int:
    """A seed from Python's `random`, which `set_random_seed` governs."""
    return python_random.randint(1, _SEED_MAX)


def draw_seed(seed: int | SeedGenerator | Array | None) -> Array:
    """A threefry key, uint32 of shape (2,), from what a user may pass as `seed`."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return _global_generator().next()
    if isinstance(seed, int):
        return np.array([seed & 0xFFFFFFFF, 0], np.uint32)
    return seed


def reset_global_generator() -> None:
    """Forget the generator behind unseeded draws."""
    global _global
    _global = None


def _global_generator() -> SeedGenerator:
    global _global
    if current_scope() is not None:
        raise ArgumentError(
            'Expected seed inside a compiled step to be a SeedGenerator, received None: an unseeded draw would be the '
            'same in every step. Make a hefted.random.SeedGenerator in the layer and pass it as seed.'
        )
    if _global is None:
        _global = SeedGenerator()
    return _global


# Draws


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """Normal draws."""
    return jax.random.normal(draw_seed(seed), tuple(shape), dtypes.standardize(dtype)) * stddev + mean


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Array:
    """Normal draws, those beyond two standard deviations drawn again."""
    key = draw_seed(seed)
    return jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtypes.standardize(dtype)) * stddev + mean


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Array:
    """Uniform draws in [minval, maxval)."""
    return jax.random.uniform(draw_seed(seed), tuple(shape), dtypes.standardize(dtype), minval, maxval)


def dropout(inputs: Array, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Array:
    """Zero a share `rate` of the inputs and scale the others by 1 / (1 - rate)."""
    if rate == 0.0:
        return inputs
    if rate == 1.0:
        return jnp.zeros_like(inputs)
    keep = 1.0 - rate
    shape = inputs.shape
    if noise_shape is not None:
        shape = tuple(given or size for given, size in zip(noise_shape, shape, strict=True))
    mask = jnp.broadcast_to(jax.random.bernoulli(draw_seed(seed), keep, shape), inputs.shape)
    return jax.lax.select(mask, inputs / keep, jnp.zeros_like(inputs))


# The same bits on the host


def host_uniform(shape: Sequence[int], minval: float, maxval: float, seed: int) -> np.ndarray[Any, Any]:
    """float32 draws equal to `jax.random.uniform` with the raw key `[seed, 0]`, made by NumPy.

    Args:
        shape: Of the result.
        minval: Inclusive.
        maxval: Exclusive.
        seed: Taken modulo 2**32.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (threefry-2x32, 20 rounds); JAX's
    partitionable layout: counter of element i is (i >> 32, i & 0xffffffff), the two output words are xored.
    """
    count = math.prod(shape)
    index = np.arange(count, dtype=np.uint64)
    high, low = (index >> np.uint64(32)).astype(np.uint32), index.astype(np.uint32)
    x, y = _threefry2x32(np.uint32(seed & 0xFFFFFFFF), np.uint32(0), high, low)
    bits = ((x ^ y) >> np.uint32(9)) | np.uint32(0x3F800000)  # the mantissa of a float in [1, 2)
    span, floor = np.float32(np.float32(maxval) - np.float32(minval)), np.float32(minval)
    # XLA multiplies and adds with one rounding; float64 holds the product exactly, so this rounds once too.
    draws = (bits.view(np.float32) - np.float32(1.0)).astype(np.float64) * span + floor
    return np.maximum(floor, draws.astype(np.float32)).reshape(tuple(shape))


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _threefry2x32(key0: np.uint32, key1: np.uint32, x: Any, y: Any) -> tuple[Any, Any]:
    keys = (key0, key1, key0 ^ key1 ^ np.uint32(0x1BD11BDA))
    with np.errstate(over='ignore'):
        x, y = x + keys[0], y + keys[1]
        for group in range(5):
            for rotation in _ROTATIONS[group % 2]:
                x = x + y
                y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
                y = y ^ x
            x = x + keys[(group + 1) % 3]
            y = y + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
