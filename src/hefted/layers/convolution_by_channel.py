"""Convolutions of each channel by itself: depthwise, and separable, which mixes the channels afterwards."""

from __future__ import annotations

from typing import Any

from hefted.layers.convolution import Convolving, positive
from hefted.layers.core import as_float
from hefted.layers.windows import Shape
from hefted.ops.convolution import convolve, depthwise
from hefted.variables import Array, Variable


class _Depthwise(Convolving):
    """`activation(conv(inputs, kernel) + bias)`, each channel with kernels of its own.

    Args:
        kernel_size: An int, or one for each axis.
        strides: An int, or one for each axis.
        padding: 'valid' or 'same'.
        depth_multiplier: Output channels for each input channel.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
        dilation_rate: An int, or one for each axis.
        activation: A name, a function, or None.
        use_bias: Whether to add a bias.
        depthwise_initializer: For the (…, channels, depth_multiplier) kernel.
        bias_initializer: For the (channels * depth_multiplier,) bias.
        depthwise_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        depthwise_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = 'valid',
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive('depth_multiplier', depth_multiplier)
        self.window(kernel_size, strides, padding, dilation_rate, activation, use_bias)
        self.keep(
            depthwise_initializer=depthwise_initializer, depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint, bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        self.compute_output_shape(input_shape)
        self.kernel = self.weight('kernel', (*self.kernel_size, channels, self.depth_multiplier), of='depthwise')
        self.bias = self.weight('bias', (channels * self.depth_multiplier,)) if self.use_bias else None

    def call(self, inputs: Array) -> Array:
        x = self.channels_last(as_float(inputs, self.compute_dtype))
        return self.finish(depthwise(x, self.kernel.value, self.strides, self.padding, self.dilation_rate))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        channels = self.parts(input_shape)[2]
        return self.convolved_shape(input_shape, None if channels is None else channels * self.depth_multiplier)


class DepthwiseConv1D(_Depthwise):
    __doc__ = f'Depthwise 1D convolution: {_Depthwise.__doc__}'
    rank = 1


class DepthwiseConv2D(_Depthwise):
    __doc__ = f'Depthwise 2D convolution: {_Depthwise.__doc__}'
    rank = 2


class _Separable(Convolving):
    """A depthwise convolution, then one of kernel size 1 over its channels, a bias and an activation.

    Args:
        filters: Number of output channels.
        kernel_size: An int, or one for each axis; of the depthwise convolution, as the next four.
        strides: An int, or one for each axis.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
        dilation_rate: An int, or one for each axis.
        depth_multiplier: Channels between the two for each input channel.
        activation: A name, a function, or None.
        use_bias: Whether to add a bias.
        depthwise_initializer: For the (…, channels, depth_multiplier) kernel.
        pointwise_initializer: For the (1, …, channels * depth_multiplier, filters) kernel.
        bias_initializer: For the (filters,) bias.
        depthwise_regularizer: Adds a loss on the first kernel.
        pointwise_regularizer: Adds a loss on the second.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        depthwise_constraint: Applied to the first kernel after each update.
        pointwise_constraint: Applied to the second.
        bias_constraint: Applied to the bias.
    """

    depthwise_kernel: Variable
    pointwise_kernel: Variable

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = 'valid',
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = 'glorot_uniform',
        pointwise_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive('filters', filters)
        self.depth_multiplier = positive('depth_multiplier', depth_multiplier)
        self.window(kernel_size, strides, padding, dilation_rate, activation, use_bias)
        self.keep(
            depthwise_initializer=depthwise_initializer, depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint, pointwise_initializer=pointwise_initializer,
            pointwise_regularizer=pointwise_regularizer, pointwise_constraint=pointwise_constraint,
            bias_initializer=bias_initializer, bias_regularizer=bias_regularizer, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        self.compute_output_shape(input_shape)
        first = (*self.kernel_size, channels, self.depth_multiplier)
        second = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.weight('depthwise_kernel', first, of='depthwise')
        self.pointwise_kernel = self.weight('pointwise_kernel', second, of='pointwise')
        self.bias = self.weight('bias', (self.filters,)) if self.use_bias else None

    def call(self, inputs: Array) -> Array:
        x = self.channels_last(as_float(inputs, self.compute_dtype))
        x = depthwise(x, self.depthwise_kernel.value, self.strides, self.padding, self.dilation_rate)
        ones = (1,) * self.rank
        return self.finish(convolve(x, self.pointwise_kernel.value, ones, 'valid', ones))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self.convolved_shape(input_shape, self.filters)


class SeparableConv1D(_Separable):
    __doc__ = f'Separable 1D convolution: {_Separable.__doc__}'
    rank = 1


class SeparableConv2D(_Separable):
    __doc__ = f'Separable 2D convolution: {_Separable.__doc__}'
    rank = 2
