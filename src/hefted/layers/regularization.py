"""Layers that act in training only, or add to the loss: Dropout and its kin, noise, ActivityRegularization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from hefted import random, regularizers
from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec
from hefted.layers.same_shape import SameShape
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array


class Noise(SameShape):
    """What these layers share: an amount, from 0 to 1, and a seed generator of their own where it is not 0.

    Args:
        amount: Checked.
        named: What the amount is called.
        seed: For the draws; from Python's `random` if None.
        **kwargs: For `Layer`.

    Raises:
        ArgumentError: The amount is not in 0 to 1.
    """

    seed_generator: random.SeedGenerator

    def __init__(self, amount: float, named: str, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
            raise ArgumentError(
                f'Expected {named} of {type(self).__name__} to be between 0 and 1, received {amount!r}.'
            )
        self.seed = seed
        if amount > 0:
            self.seed_generator = random.SeedGenerator(seed)


class Dropout(Noise):
    """Zero a share of the inputs in training and scale the others up (Srivastava et al. 2014).

    Args:
        rate: The share, 0 to 1.
        noise_shape: Shape of the mask; an axis of 1 shares it along that axis, None takes the input's size.
        seed: For the draws; from Python's `random` if None.

    Raises:
        ArgumentError: The rate is not in 0 to 1, or the noise's shape holds something else than positive sizes.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, 'rate', seed, **kwargs)
        self.rate = rate
        self.noise_shape = _checked(noise_shape)

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_of(inputs), self.seed_generator)

    def noise_of(self, inputs: Array) -> Sequence[int | None] | None:
        """The shape of the noise for these inputs."""
        del inputs
        return self.noise_shape


class _Spatial(Dropout):
    """Dropout of whole channels (Tompson et al. 2014)."""

    ndim = 3
    data_format = 'channels_last'

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self.ndim)

    def noise_of(self, inputs: Array) -> Sequence[int | None]:
        channels = 1 if self.data_format == 'channels_first' else self.ndim - 1
        return [size if axis in (0, channels) else 1 for axis, size in enumerate(inputs.shape)]

    def get_config(self) -> dict[str, Any]:
        return {'rate': self.rate, 'seed': self.seed, 'name': self.name, 'dtype': self.dtype}


class SpatialDropout1D(_Spatial):
    """Dropout of whole channels of (batch, steps, channels).

    Args:
        rate: The share of channels, 0 to 1.
        seed: For the draws; from Python's `random` if None.
        name: Made up if None.
        dtype: A dtype's or a policy's name.
    """


class _SpatialWithFormat(_Spatial):
    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = standardize_data_format(data_format)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {'data_format': self.data_format}


class SpatialDropout2D(_SpatialWithFormat):
    """Dropout of whole channels of (batch, height, width, channels).

    Args:
        rate: The share of channels, 0 to 1.
        data_format: 'channels_last', or 'channels_first' for (batch, channels, height, width).
        seed: For the draws; from Python's `random` if None.
        name: Made up if None.
        dtype: A dtype's or a policy's name.
    """

    ndim = 4


class SpatialDropout3D(_SpatialWithFormat):
    """Dropout of whole channels of (batch, depth, height, width, channels).

    Args:
        rate: The share of channels, 0 to 1.
        data_format: 'channels_last', or 'channels_first' for (batch, channels, depth, height, width).
        seed: For the draws; from Python's `random` if None.
        name: Made up if None.
        dtype: A dtype's or a policy's name.
    """

    ndim = 5


class GaussianDropout(Noise):
    """Multiply in training by normal draws of mean 1 and variance `rate / (1 - rate)` (Srivastava et al. 2014).

    Args:
        rate: As Dropout's, 0 to 1.
        seed: For the draws; from Python's `random` if None.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, 'rate', seed, **kwargs)
        self.rate = rate

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        spread = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, spread, self.compute_dtype, self.seed_generator)


class GaussianNoise(Noise):
    """Add in training normal draws of mean 0.

    Args:
        stddev: Their standard deviation, 0 to 1.
        seed: For the draws; from Python's `random` if None.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(stddev, 'stddev', seed, **kwargs)
        self.stddev = stddev

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, self.compute_dtype, self.seed_generator)


_LOWEST = -1.6732632423543772 * 1.0507009873554805  # what selu goes to far below 0


class AlphaDropout(Noise):
    """Dropout that keeps the mean and variance of selu's outputs: what is dropped takes selu's lowest value.

    Args:
        rate: The share, 0 to 1.
        noise_shape: Shape of the mask; None at an axis takes the input's size.
        seed: For the draws; from Python's `random` if None.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks".
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, 'rate', seed, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        given = self.noise_shape or (None,) * inputs.ndim
        shape = [size if own is None else own for own, size in zip(given, inputs.shape, strict=True)]
        kept = (random.uniform(shape, seed=self.seed_generator) >= self.rate).astype(inputs.dtype)
        scale = ((1 - self.rate) * (1 + self.rate * _LOWEST**2)) ** -0.5
        dropped = inputs * kept + jnp.asarray(_LOWEST, inputs.dtype) * (1 - kept)
        return scale * dropped - scale * _LOWEST * self.rate


class ActivityRegularization(SameShape):
    """The input itself; adds `l1 * sum(|x|) + l2 * sum(x^2)`, a mean over rows, to the loss.

    Args:
        l1: Weight of the absolute values.
        l2: Weight of the squares.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Array) -> Array:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop('activity_regularizer', None)
        return config


def _checked(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, str):
        try:
            sizes = tuple(noise_shape)
        except TypeError:
            sizes = (noise_shape, 0)  # refused below
        if all(size is None or (isinstance(size, int) and size > 0) for size in sizes):
            return sizes
    raise ArgumentError(f'Expected noise_shape of Dropout to be positive sizes or None, received {noise_shape!r}.')
