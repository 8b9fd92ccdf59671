"""Pooling of windows: the largest or the mean value of each, of a given size or so many of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hefted.errors import ArgumentError
from hefted.layers.windows import Shape, SpatialLayer, check_not_empty, known_padding, sizes, window_output
from hefted.ops import pooling
from hefted.variables import Array


class _Pooling(SpatialLayer):
    """One value of each window.

    Args:
        pool_size: An int, or one for each axis.
        strides: An int, or one for each axis; `pool_size` if None.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
    """

    pool: ClassVar[Callable[..., Array]]

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = 'valid',
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, name=name, **kwargs)
        self.pool_size = sizes('pool_size', pool_size, self.rank)
        self.strides = self.pool_size if strides is None else sizes('strides', strides, self.rank)
        self.padding = known_padding(padding)
        self.built = True

    def call(self, inputs: Array) -> Array:
        x = self.channels_last(inputs)
        return self.channels_back(type(self).pool(x, self.pool_size, self.strides, self.padding))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, spatial, channels = self.parts(input_shape)
        each = zip(spatial, self.pool_size, self.strides, strict=True)
        outputs = tuple(window_output(*one, self.padding) for one in each)
        check_not_empty(self, input_shape, outputs)
        return self.whole(batch, outputs, channels)


class MaxPooling1D(_Pooling):
    __doc__ = f'The largest value of windows over (batch, steps, channels): {_Pooling.__doc__}'
    rank, pool = 1, staticmethod(pooling.max_pool)


class MaxPooling2D(_Pooling):
    __doc__ = f'The largest value of windows over (batch, height, width, channels): {_Pooling.__doc__}'
    rank, pool = 2, staticmethod(pooling.max_pool)


class MaxPooling3D(_Pooling):
    __doc__ = f'The largest value of windows over (batch, depth, height, width, channels): {_Pooling.__doc__}'
    rank, pool = 3, staticmethod(pooling.max_pool)


class _AveragePooling(_Pooling):
    __doc__ = f'The mean of what lies in each window and in the input. {_Pooling.__doc__}'
    pool = staticmethod(pooling.average_pool)

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = 'valid',
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(_AveragePooling):
    __doc__ = f'The mean of windows over (batch, steps, channels): {_Pooling.__doc__}'
    rank = 1


class AveragePooling2D(_AveragePooling):
    __doc__ = f'The mean of windows over (batch, height, width, channels): {_Pooling.__doc__}'
    rank = 2


class AveragePooling3D(_AveragePooling):
    __doc__ = f'The mean of windows over (batch, depth, height, width, channels): {_Pooling.__doc__}'
    rank = 3


class _AdaptivePooling(SpatialLayer):
    """One value of each of so many windows, which cover the input evenly.

    Args:
        output_size: An int, or one for each axis.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
    """

    pool: ClassVar[Callable[..., Array]]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        if not isinstance(output_size, (int, tuple, list)):
            raise TypeError(
                f'Expected output_size to be an int or a tuple of {self.rank} of them, received {output_size!r}.'
            )
        self.output_size = sizes('output_size', output_size, self.rank)

    def call(self, inputs: Array) -> Array:
        return self.channels_back(type(self).pool(self.channels_last(inputs), self.output_size))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, spatial, channels = self.parts(input_shape)
        if None in spatial:
            raise ArgumentError(
                f'Expected the sizes of {type(self).__name__} {self.name!r} to be known, received shape '
                f'{tuple(input_shape)}. Give Input its whole shape.'
            )
        return self.whole(batch, self.output_size, channels)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    __doc__ = f'The largest values along (batch, steps, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 1, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    __doc__ = f'The largest values of (batch, height, width, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 2, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    __doc__ = f'The largest values of (batch, depth, height, width, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 3, staticmethod(pooling.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    __doc__ = f'Means along (batch, steps, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 1, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    __doc__ = f'Means over (batch, height, width, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 2, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    __doc__ = f'Means over (batch, depth, height, width, channels): {_AdaptivePooling.__doc__}'
    rank, pool = 3, staticmethod(pooling.adaptive_average_pool)
