"""Random numbers as Keras draws them on JAX: `SeedGenerator`, and the same bits without compiling anything.

`SeedGenerator` holds `[seed, count]`; each draw uses the pair as a threefry key and adds one to the count
(Keras 3.15). Initial weights are drawn on the host: `host_uniform` is threefry-2x32 in NumPy, so a model's
first start compiles no program per weight shape and yet gets the bits that Keras on JAX would draw.
"""

from __future__ import annotations

import math
import random as python_random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError
from hefted.utils.arrays import as_array
from hefted.utils.naming import auto_name, name_scope
from hefted.variables import Array, Variable

_SEED_MAX = 1_000_000_000
_runs = python_random.Random()
_told: list[int] = []  # the seed that the program gave last
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
        self.name = name or auto_name('SeedGenerator')
        start = make_default_seed() if seed is None else seed
        with name_scope(self.name, self):
            self.state = Variable(
                np.array([start & 0xFFFFFFFF, 0], np.uint32),
                dtype='uint32', trainable=False, autocast=False, name='seed_generator_state',
            )  # fmt: skip

    def next(self, ordered: bool = True) -> Array:
        """The next key, uint32 of shape (2,).

        Args:
            ordered: Whether keys count up; otherwise both words jump about, as the keys of unseeded draws do.
        """
        key = self.state.raw
        self.state.assign(key + np.array([0, 1], np.uint32) if ordered else (key + 1) * 5387 % 933199)
        return key

    def get_config(self) -> dict[str, Any]:
        return {'seed': self._initial_seed, 'name': self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def make_default_seed() -> int:
    """A seed from Python's `random`, which `set_random_seed` governs."""
    return python_random.randint(1, _SEED_MAX)


def make_run_seed() -> int:
    """A seed for one training, of a generator of its own: a `fit` changes no draw of the program's after it."""
    return _runs.randint(1, _SEED_MAX)


@contextmanager
def undrawn_run_seeds() -> Generator[None]:
    """Afterwards the seeds of trainings are those that would have come before."""
    before = _runs.getstate()
    try:
        yield
    finally:
        _runs.setstate(before)


def seed_runs(seed: int) -> None:
    """Let the seeds of trainings follow from this one."""
    _runs.seed(seed)
    _told[:] = [seed]


def told_seed() -> int | None:
    """The seed that the program gave last, with `set_random_seed`; None where it gave none."""
    return _told[0] if _told else None


def draw_seed(seed: int | SeedGenerator | Array | None) -> Array:
    """A threefry key, uint32 of shape (2,), from what a user may pass as `seed`."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return _global_generator().next(ordered=False)
    if isinstance(seed, int):
        return np.array([seed & 0xFFFFFFFF, 0], np.uint32)
    if isinstance(seed, (jax.Array, np.ndarray)):
        return seed
    raise ArgumentError(f'Expected seed to be an int, a SeedGenerator, a key or None, received {seed!r}.')


def reset_global_generator() -> None:
    """Forget the generator behind unseeded draws."""
    global _global
    _global = None


def _global_generator() -> SeedGenerator:
    global _global
    if isinstance(jax.lax.full((), 0.0), Tracer):
        raise ArgumentError(
            'Expected seed inside a compiled step to be a SeedGenerator, received None: an unseeded draw would be the '
            'same in every step. Make a hefted.random.SeedGenerator in the layer and pass it as seed.'
        )
    if _global is None:
        _global = SeedGenerator()
    return _global


# Draws. `seed` is an int (the same draws at every call), a SeedGenerator (which moves on), a JAX key, or None.


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """Normal draws.

    Example:
        >>> normal((2,), seed=3).shape
        (2,)
    """
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
    """Uniform draws in [minval, maxval).

    Raises:
        ArgumentError: `dtype` is not a floating one.
    """
    if not dtypes.is_float(dtype):
        raise ArgumentError(f'Expected a floating dtype, received {dtype!r}. Use randint for whole numbers.')
    return jax.random.uniform(draw_seed(seed), tuple(shape), dtypes.standardize(dtype), minval, maxval)


def randint(shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = 'int32', seed: Any = None) -> Array:
    """Whole numbers in [minval, maxval), each as likely as any other.

    Raises:
        ArgumentError: `dtype` is not one of whole numbers.
    """
    name = dtypes.standardize(dtype)
    if not name.startswith(('int', 'uint')):
        raise ArgumentError(f'Expected a dtype of whole numbers, received {dtype!r}. Use uniform for floats.')
    return jax.random.randint(draw_seed(seed), tuple(shape), minval, maxval, dtypes.on_device(name))


def categorical(logits: Any, num_samples: int, dtype: Any = 'int32', seed: Any = None) -> Array:
    """Classes drawn by their unnormalised log-probabilities.

    Args:
        logits: (rows, classes).
        num_samples: Draws for each row.
        dtype: Of the result.
        seed: As above.

    Returns:
        (rows, num_samples).

    Raises:
        ShapeError: `logits` has not two axes.
    """
    logits = as_array(logits)
    if logits.ndim != 2:
        raise ShapeError(f'Expected logits of shape (rows, classes), received {logits.shape}.')
    drawn = jax.random.categorical(draw_seed(seed), logits[..., None], axis=1, shape=(logits.shape[0], num_samples))
    return drawn.astype(dtypes.on_device(dtype))


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Gamma draws of shape parameter `alpha` and scale 1."""
    return jax.random.gamma(draw_seed(seed), alpha, tuple(shape), dtypes.standardize(dtype))


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Beta draws of parameters `alpha` and `beta`, which broadcast to `shape`."""
    key = draw_seed(seed)
    return jax.random.beta(key, jnp.asarray(alpha), jnp.asarray(beta), tuple(shape), dtypes.standardize(dtype))


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Successes among `counts` trials of `probabilities`, which broadcast to `shape`; floats unless `dtype` says."""
    counts, probabilities = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(draw_seed(seed), counts, probabilities, tuple(shape), dtypes.standardize(dtype))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Array:
    """The elements of x in another order along `axis`, each slice in an order of its own."""
    return jax.random.permutation(draw_seed(seed), as_array(x), axis, independent=True)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Array:
    """Zero a share `rate` of the inputs and scale the others by 1 / (1 - rate).

    Args:
        inputs: Any shape.
        rate: From 0 to 1.
        noise_shape: The shape of the mask, which is broadcast to the inputs'; None stands for the inputs' size.
        seed: As above.
    """
    inputs = as_array(inputs)
    if rate == 0.0:
        return inputs
    if rate == 1.0:
        return jnp.zeros_like(inputs)
    keep = 1.0 - rate
    shape = inputs.shape
    if noise_shape is not None:
        shape = tuple(size if given is None else given for given, size in zip(noise_shape, shape, strict=True))
    mask = jnp.broadcast_to(jax.random.bernoulli(draw_seed(seed), keep, shape), inputs.shape)
    # Not divided in 16 bits: bfloat16 has nothing nearer to 0.9 than 0.8984, which would raise the mean by 0.2 %.
    wide = inputs.astype(np.float32) if inputs.dtype.itemsize == 2 else inputs
    return jax.lax.select(mask, wide / keep, jnp.zeros_like(wide)).astype(inputs.dtype)


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
    draws = np.empty(math.prod(shape), np.float32)
    span, floor = np.float32(np.float32(maxval) - np.float32(minval)), np.float32(minval)
    for start in range(0, draws.size, HOST_BLOCK):
        block = draws[start : start + HOST_BLOCK]
        index = np.arange(start, start + block.size, dtype=np.uint64)
        high, low = (index >> np.uint64(32)).astype(np.uint32), index.astype(np.uint32)
        x, y = _threefry2x32(np.uint32(seed & 0xFFFFFFFF), np.uint32(0), high, low)
        bits = ((x ^ y) >> np.uint32(9)) | np.uint32(0x3F800000)  # the mantissa of a float in [1, 2)
        # XLA multiplies and adds with one rounding; float64 holds the product exactly, so this rounds once too.
        exact = (bits.view(np.float32) - np.float32(1.0)).astype(np.float64) * span + floor
        np.maximum(floor, exact.astype(np.float32), out=block)
    return draws.reshape(tuple(shape))


HOST_BLOCK = 1 << 15  # drawn at once: what is between fits in a core's cache
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _threefry2x32(key0: np.uint32, key1: np.uint32, x: Any, y: Any) -> tuple[Any, Any]:
    """Both words of each counter (x, y), enciphered in place."""
    keys = (key0, key1, key0 ^ key1 ^ np.uint32(0x1BD11BDA))
    with np.errstate(over='ignore'):
        x += keys[0]
        y += keys[1]
        for group in range(5):
            for rotation in _ROTATIONS[group % 2]:
                x += y
                lower = y >> np.uint32(32 - rotation)
                y <<= np.uint32(rotation)
                y |= lower
                y ^= x
            x += keys[(group + 1) % 3]
            y += keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y
