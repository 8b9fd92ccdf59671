"""Pooling of all of a row: one value a channel."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.layers.windows import Shape, SpatialLayer
from hefted.variables import Array


class _GlobalPooling(SpatialLayer):
    """One value of each channel.

    Args:
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
        keepdims: Whether the axes stay, of size 1.
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims
        self.built = True

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are reduced."""
        first = 1 if self.data_format == 'channels_last' else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, _, channels = self.parts(input_shape)
        return self.whole(batch, (1,) * self.rank if self.keepdims else (), channels)


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Array) -> Array:
        return jnp.max(inputs, self.axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    __doc__ = f'The largest value of (batch, steps, channels): {_GlobalPooling.__doc__}'
    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    __doc__ = f'The largest value of (batch, height, width, channels): {_GlobalPooling.__doc__}'
    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    __doc__ = f'The largest value of (batch, depth, height, width, channels): {_GlobalPooling.__doc__}'
    rank = 3


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Array) -> Array:
        return jnp.mean(inputs, self.axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(_GlobalPooling):
    __doc__ = f"""The mean of (batch, steps, channels), of the steps that count where there is a mask:
    {_GlobalPooling.__doc__}"""
    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        if mask is None:
            return jnp.mean(inputs, self.axes, keepdims=self.keepdims)
        counts = jnp.expand_dims(mask, self.channel_axis).astype(bool)
        total = jnp.sum(jnp.where(counts, inputs, 0), self.axes, keepdims=self.keepdims)
        return total / jnp.sum(counts.astype(inputs.dtype), self.axes, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """None: there are no steps any more."""
        del inputs, previous_mask


class GlobalAveragePooling2D(_GlobalAveragePooling):
    __doc__ = f'The mean of (batch, height, width, channels): {_GlobalPooling.__doc__}'
    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    __doc__ = f'The mean of (batch, depth, height, width, channels): {_GlobalPooling.__doc__}'
    rank = 3
