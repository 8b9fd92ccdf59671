"""Initializers that draw: variance scaling by fans, and the plain distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hefted import dtypes, random
from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.initializers.constant import Initializer, Shape
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array


class RandomInitializer(Initializer):
    """One with a seed: an int, a `SeedGenerator`, or None for one drawn now.

    Called twice, an initializer with an int seed (or None) gives the same values.
    """

    def __init__(self, seed: Any = None) -> None:
        self._seed_given = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, random.SeedGenerator)):
            raise ArgumentError(f'Expected seed to be an int, a SeedGenerator or None, received {seed!r}.')
        self.seed: int | random.SeedGenerator = seed

    def get_config(self) -> dict[str, Any]:
        return {'seed': serialize_keras_object(self._seed_given)}

    def _uniform(self, shape: Shape, low: float, high: float, dtype: Any) -> Array:
        if isinstance(self.seed, int) and dtypes.standardize(dtype) == 'float32':
            return random.host_uniform(shape, low, high, self.seed)
        return random.uniform(shape, low, high, dtype, self.seed)

    def _normal(self, shape: Shape, mean: float, stddev: float, dtype: Any) -> Array:
        if isinstance(self.seed, int) and dtypes.standardize(dtype) == 'float32':
            draws = _host_normal(shape, float(np.nextafter(np.float32(-1.0), np.float32(0.0))), 1.0, self.seed)
            return draws * np.float32(stddev) + np.float32(mean)
        return random.normal(shape, mean, stddev, dtype, self.seed)

    def _truncated_normal(self, shape: Shape, mean: float, stddev: float, dtype: Any) -> Array:
        if isinstance(self.seed, int) and dtypes.standardize(dtype) == 'float32':
            edge = math.erf(2 / math.sqrt(2))
            two = np.nextafter(np.float32(2), np.float32(0))
            draws = np.clip(_host_normal(shape, -edge, edge, self.seed), -two, two)
            return draws * np.float32(stddev) + np.float32(mean)
        return random.truncated_normal(shape, mean, stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return self._uniform(shape, self.minval, self.maxval, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'minval': self.minval, 'maxval': self.maxval}


class RandomNormal(RandomInitializer):
    """Normal."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return self._normal(shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'mean': self.mean, 'stddev': self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal, within two standard deviations of the mean."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return self._truncated_normal(shape, self.mean, self.stddev, dtype)


class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal rows or columns (Saxe et al. 2014)."""

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        if len(shape) < 2:
            raise ShapeError(f'Expected a shape of two or more axes for Orthogonal, received {tuple(shape)}.')
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = self._normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, dtype)
        q, r = np.linalg.qr(np.asarray(drawn, np.float32))
        q = q * np.sign(np.diag(r))  # makes the draw uniform over orthogonal matrices
        q = q if rows >= columns else q.T
        return (self.gain * q.reshape(tuple(shape))).astype(dtypes.standardize(dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'gain': self.gain}


class VarianceScaling(RandomInitializer):
    """Draws of variance `scale / n`, where n is the fan in, the fan out, or the mean of both.

    Args:
        scale: Positive.
        mode: 'fan_in', 'fan_out' or 'fan_avg'.
        distribution: 'truncated_normal' (or 'normal'), 'untruncated_normal' or 'uniform'.
        seed: See `RandomInitializer`.
        input_axes: The axes that make up the fan in, if not those of a dense or convolution kernel.
        output_axes: The axes that make up the fan out.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = 'fan_in',
        distribution: str = 'truncated_normal',
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        if not scale > 0:
            raise ArgumentError(f'Expected scale to be positive, received {scale!r}.')
        if mode not in ('fan_in', 'fan_out', 'fan_avg'):
            raise unknown_name('mode', mode, ('fan_in', 'fan_out', 'fan_avg'))
        distribution = 'truncated_normal' if distribution.lower() == 'normal' else distribution.lower()
        if distribution not in ('uniform', 'truncated_normal', 'untruncated_normal'):
            raise unknown_name('distribution', distribution, ('uniform', 'truncated_normal', 'untruncated_normal'))
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        fan_in, fan_out = _fans(tuple(shape), self.input_axes, self.output_axes)
        fan = {'fan_in': fan_in, 'fan_out': fan_out, 'fan_avg': (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == 'uniform':
            limit = math.sqrt(3.0 * variance)
            return self._uniform(shape, -limit, limit, dtype)
        if self.distribution == 'untruncated_normal':
            return self._normal(shape, 0.0, math.sqrt(variance), dtype)
        # 0.8796… is the standard deviation of a standard normal cut at two.
        return self._truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), 'scale': self.scale, 'mode': self.mode, 'distribution': self.distribution,
            'input_axes': self.input_axes, 'output_axes': self.output_axes,
        }  # fmt: skip


class _Scaled(VarianceScaling):
    """A `VarianceScaling` whose scale, mode and distribution are its name."""

    settings: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(*self.settings, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        kept = ('seed', 'input_axes', 'output_axes')
        return {name: value for name, value in super().get_config().items() if name in kept}


class GlorotUniform(_Scaled):
    """Uniform within `sqrt(6 / (fan_in + fan_out))` (Glorot & Bengio 2010)."""

    settings = (1.0, 'fan_avg', 'uniform')


class GlorotNormal(_Scaled):
    """Truncated normal of variance `2 / (fan_in + fan_out)` (Glorot & Bengio 2010)."""

    settings = (1.0, 'fan_avg', 'truncated_normal')


class LecunUniform(_Scaled):
    """Uniform within `sqrt(3 / fan_in)` (LeCun et al. 1998)."""

    settings = (1.0, 'fan_in', 'uniform')


class LecunNormal(_Scaled):
    """Truncated normal of variance `1 / fan_in` (LeCun et al. 1998)."""

    settings = (1.0, 'fan_in', 'truncated_normal')


class HeUniform(_Scaled):
    """Uniform within `sqrt(6 / fan_in)` (He et al. 2015)."""

    settings = (2.0, 'fan_in', 'uniform')


class HeNormal(_Scaled):
    """Truncated normal of variance `2 / fan_in` (He et al. 2015)."""

    settings = (2.0, 'fan_in', 'truncated_normal')


def _fans(shape: tuple[int, ...], input_axes: Any, output_axes: Any) -> tuple[int, int]:
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _host_normal(shape: Shape, low: float, high: float, seed: int) -> np.ndarray[Any, Any]:
    """`sqrt(2) * erfinv(u)`, u uniform in [low, high): JAX's normal draws, to the last bits."""
    draws = random.host_uniform(shape, low, high, seed)
    flat = draws.reshape(-1)
    for start in range(0, flat.size, random.HOST_BLOCK):
        block = flat[start : start + random.HOST_BLOCK]
        block[:] = np.float32(math.sqrt(2)) * _erfinv(block)
    return draws


_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def _erfinv(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The inverse error function in single precision.

    Source: Giles 2011, "Approximating the erfinv function" (GPU Computing Gems), which XLA uses too.
    """
    w = -np.log1p(-x * x)
    central = np.polyval(np.array(_CENTRE, np.float32), w - np.float32(2.5))
    tail = np.polyval(np.array(_TAIL, np.float32), np.sqrt(w) - np.float32(3))
    return np.where(w < 5, central, tail) * x
