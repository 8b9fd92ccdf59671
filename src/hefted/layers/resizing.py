"""More or fewer values along the spatial axes: up-sampling, padding with zeros, cropping."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.errors import ShapeError, unknown_name
from hefted.layers.windows import Shape, SpatialLayer, pairs, sizes
from hefted.variables import Array

_METHODS = {'nearest': None, 'bilinear': 'linear', 'bicubic': 'cubic', 'lanczos3': 'lanczos3', 'lanczos5': 'lanczos5'}


class _UpSampling(SpatialLayer):
    """Each value so many times along each axis."""

    factors: tuple[int, ...]

    def call(self, inputs: Array) -> Array:
        first = 1 if self.data_format == 'channels_last' else 2
        for axis, factor in enumerate(self.factors, first):
            inputs = jnp.repeat(inputs, factor, axis)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, spatial, channels = self.parts(input_shape)
        larger = (None if s is None else s * f for s, f in zip(spatial, self.factors, strict=True))
        return self.whole(batch, larger, channels)


class UpSampling1D(_UpSampling):
    """Each step of (batch, steps, channels) so many times.

    Args:
        size: How many times.
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__('channels_last', **kwargs)
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f'Expected size to be an int, received {size!r}.')
        self.factors = sizes('size', size, 1)
        self.size = size


class UpSampling2D(_UpSampling):
    """Larger images: values repeated, or interpolated between.

    Args:
        size: An int, or (height, width) factors.
        data_format: 'channels_last' (batch, height, width, channels) or 'channels_first'.
        interpolation: 'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5'.
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = 'nearest', **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self.factors = sizes('size', size, 2)
        self.interpolation = interpolation.lower()
        if self.interpolation not in _METHODS:
            raise unknown_name('interpolation', interpolation, _METHODS)

    def call(self, inputs: Array) -> Array:
        method = _METHODS[self.interpolation]
        if method is None:
            return super().call(inputs)
        shape = self.compute_output_shape(inputs.shape)
        return jax.image.resize(inputs, shape, method, antialias=False)


class UpSampling3D(_UpSampling):
    """Each value of (batch, depth, height, width, channels) repeated along each axis.

    Args:
        size: An int, or (depth, height, width) factors.
        data_format: 'channels_last' or 'channels_first'.
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self.factors = sizes('size', size, 3)


class _Edges(SpatialLayer):
    """Values added (or, below 0, cut off) before and behind each axis."""

    edges: tuple[tuple[int, ...], ...]

    def call(self, inputs: Array) -> Array:
        self.compute_output_shape(inputs.shape)
        spatial = [(low, high, 0) for low, high in self.edges]
        return lax.pad(inputs, np.zeros((), inputs.dtype)[()], self.whole((0, 0, 0), spatial, (0, 0, 0)))  # pyright: ignore[reportArgumentType]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, spatial, channels = self.parts(input_shape)
        outputs = tuple(None if s is None else s + sum(edge) for s, edge in zip(spatial, self.edges, strict=True))
        if any(size is not None and size <= 0 for size in outputs):
            raise ShapeError(
                f'Values in `cropping` argument should be smaller than the sizes of the input: {self.name!r} received '
                f'an input of shape {tuple(input_shape)} and crops {[tuple(-e for e in edge) for edge in self.edges]}.'
            )
        return self.whole(batch, outputs, channels)


class ZeroPadding1D(_Edges):
    """Zeros before and behind the steps of (batch, steps, channels).

    Args:
        padding: An int, or (before, behind).
        data_format: 'channels_last' or 'channels_first'.
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = sizes('padding', padding, 2, least=0)
        self.edges = (self.padding,)


class _ZeroPadding(_Edges):
    """Zeros around the spatial axes.

    Args:
        padding: An int, one for each axis, or (before, behind) for each axis.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = self.edges = pairs('padding', padding, self.rank)


class ZeroPadding2D(_ZeroPadding):
    __doc__ = f'Larger images: {_ZeroPadding.__doc__}'
    rank = 2


class ZeroPadding3D(_ZeroPadding):
    __doc__ = f'Larger volumes: {_ZeroPadding.__doc__}'
    rank = 3


class Cropping1D(_Edges):
    """Fewer steps of (batch, steps, channels).

    Args:
        cropping: An int, or (before, behind).
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__('channels_last', **kwargs)
        self.cropping = sizes('cropping', cropping, 2, least=0)
        self.edges = (tuple(-c for c in self.cropping),)


class Cropping2D(_Edges):
    """Smaller images.

    Args:
        cropping: An int, one for each axis, or (before, behind) for each axis.
        data_format: 'channels_last' or 'channels_first'.
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = pairs('cropping', cropping, 2)
        self.edges = tuple(tuple(-c for c in edge) for edge in self.cropping)


class Cropping3D(_Edges):
    """Smaller volumes.

    Args:
        cropping: An int, one for each axis, or (before, behind) for each axis.
        data_format: 'channels_last' or 'channels_first'.
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = pairs('cropping', cropping, 3)
        self.edges = tuple(tuple(-c for c in edge) for edge in self.cropping)
