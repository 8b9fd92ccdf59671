"""Convolution and pooling over images."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import activations, constraints, initializers, regularizers
from hefted.errors import ArgumentError, unknown_name
from hefted.layers.core import as_float
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.ops.convolution import conv2d, max_pool2d
from hefted.variables import Array


class Conv2D(Layer):
    """2D convolution: `activation(conv(inputs, kernel) + bias)`.

    Args:
        filters: Number of output channels.
        kernel_size: An int, or (height, width).
        strides: An int, or (height, width).
        padding: 'valid' or 'same'.
        data_format: 'channels_last' (batch, height, width, channels) or 'channels_first'.
        dilation_rate: An int, or (height, width).
        groups: Channels are convolved in so many separate groups.
        activation: A name, a function, or None.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (height, width, channels / groups, filters) kernel.
        bias_initializer: For the (filters,) bias.
        kernel_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
    """

    rows_independent = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = 'valid',
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if filters <= 0 or filters % groups:
            raise ArgumentError(f'Expected filters to be a positive multiple of groups={groups}, received {filters!r}.')
        self.filters = filters
        self.kernel_size = pair('kernel_size', kernel_size)
        self.strides = pair('strides', strides)
        self.padding = known_padding(padding)
        self.data_format = data_format or 'channels_last'
        self.dilation_rate = pair('dilation_rate', dilation_rate)
        self.groups = groups
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        axis = -1 if self.data_format == 'channels_last' else 1
        channels = input_shape[axis]
        if channels % self.groups:
            raise ArgumentError(f'Expected channels to be a multiple of groups={self.groups}, received {channels}.')
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters), self.kernel_initializer, name='kernel',
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,), self.bias_initializer, name='bias',
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=4, axes={axis: channels})

    def call(self, inputs: Array) -> Array:
        inputs = channels_last(as_float(inputs, self.compute_dtype), self.data_format)
        outputs = conv2d(inputs, self.kernel.value, self.strides, self.padding.upper(), self.dilation_rate, self.groups)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return channels_back(self.activation(outputs), self.data_format)


class MaxPooling2D(Layer):
    """The largest value of each window.

    Args:
        pool_size: An int, or (height, width).
        strides: An int, or (height, width); `pool_size` if None.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
    """

    rows_independent = True

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = 'valid',
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = pair('pool_size', pool_size)
        self.strides = self.pool_size if strides is None else pair('strides', strides)
        self.padding = known_padding(padding)
        self.data_format = data_format or 'channels_last'
        self.input_spec = InputSpec(ndim=4)
        self.built = True

    def call(self, inputs: Array) -> Array:
        inputs = channels_last(inputs, self.data_format)
        return channels_back(max_pool2d(inputs, self.pool_size, self.strides, self.padding.upper()), self.data_format)


def pair(argument: str, value: Any) -> tuple[int, int]:
    """An int or a pair of positive ints as a pair."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or not all(isinstance(v, int) and v > 0 for v in both):
        raise ArgumentError(f'Expected {argument} to be a positive int or a pair of them, received {value!r}.')
    return both[0], both[1]


def known_padding(padding: str) -> str:
    """'valid' or 'same', in lower case."""
    if padding.lower() not in ('valid', 'same'):
        raise unknown_name('padding', padding, ('valid', 'same'))
    return padding.lower()


def channels_last(x: Array, data_format: str) -> Array:
    return x if data_format == 'channels_last' else jnp.moveaxis(x, 1, -1)


def channels_back(x: Array, data_format: str) -> Array:
    return x if data_format == 'channels_last' else jnp.moveaxis(x, -1, 1)
