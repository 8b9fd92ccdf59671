"""Convolutions, plain and transposed, over one, two or three axes."""

from __future__ import annotations

from typing import Any, ClassVar

from hefted import activations
from hefted.errors import ArgumentError
from hefted.layers.core import as_float
from hefted.layers.input_spec import InputSpec
from hefted.layers.windows import (
    Shape,
    WeightedWindows,
    check_not_empty,
    known_padding,
    sizes,
    window_output,
)  # fmt: skip
from hefted.ops.convolution import convolve, convolve_transposed, transposed_pads
from hefted.variables import Array, Variable


class Convolving(WeightedWindows):
    """What all of them share: the window, the bias and the activation."""

    kernel: Variable
    may_be_causal: ClassVar[bool] = False

    def window(
        self, kernel_size: Any, strides: Any, padding: str, dilation_rate: Any, activation: Any, use_bias: bool
    ) -> None:
        """Keep the checked arguments of the window, and what comes after it."""
        self.kernel_size = sizes('kernel_size', kernel_size, self.rank)
        self.strides = sizes('strides', strides, self.rank)
        self.dilation_rate = sizes('dilation_rate', dilation_rate, self.rank)
        self.padding = known_padding(padding, causal=self.may_be_causal)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias = None

    def not_strided_and_dilated(self) -> None:
        """Refuse both at once, as Keras does."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f'Expected strides or dilation_rate of {type(self).__name__} to be 1, received strides={self.strides} '
                f'and dilation_rate={self.dilation_rate}.'
            )

    def channels(self, input_shape: Any) -> int:
        """The input's channels, which are asked for from now on."""
        channels = self.parts(input_shape)[2]
        if channels is None:
            raise ArgumentError(
                f'Expected a known number of channels for {type(self).__name__} {self.name!r}, received shape '
                f'{tuple(input_shape)}. Give Input the size of axis {self.channel_axis}.'
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self.channel_axis: channels})
        return channels

    def convolved_shape(self, input_shape: Any, filters: int | None) -> Shape:
        """The output's shape, if any window fits."""
        batch, spatial, _ = self.parts(input_shape)
        reach = ((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        each = zip(spatial, reach, self.strides, strict=True)
        outputs = tuple(window_output(*one, self.padding) for one in each)
        check_not_empty(self, input_shape, outputs)
        return self.whole(batch, outputs, filters)


class _Convolution(Convolving):
    """`activation(conv(inputs, kernel) + bias)`.

    Args:
        filters: Number of output channels.
        kernel_size: An int, or one for each axis.
        strides: An int, or one for each axis.
        padding: 'valid', 'same', or (1D only) 'causal': no output sees a later input.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
        dilation_rate: An int, or one for each axis; strides must be 1 then.
        groups: Channels are convolved in so many separate groups.
        activation: A name, a function, or None.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (…, channels / groups, filters) kernel.
        bias_initializer: For the (filters,) bias.
        kernel_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Raises:
        ArgumentError: Sizes that are not positive, or filters or channels that do not divide into the groups.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = 'valid',
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        super().__init__(data_format, activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive('filters', filters)
        self.groups = positive('groups', groups)
        if filters % groups:
            raise ArgumentError(f'Expected filters to be a multiple of groups={groups}, received {filters}.')
        self.window(kernel_size, strides, padding, dilation_rate, activation, use_bias)
        self.not_strided_and_dilated()
        self.keep(
            kernel_initializer=kernel_initializer, kernel_regularizer=kernel_regularizer,
            kernel_constraint=kernel_constraint, bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        if channels % self.groups:
            raise ArgumentError(
                f'Expected the number of channels to be a multiple of groups={self.groups}, received {channels} '
                f'(input shape {tuple(input_shape)}).'
            )
        self.compute_output_shape(input_shape)
        self.kernel = self.weight('kernel', (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self.weight('bias', (self.filters,)) if self.use_bias else None

    def call(self, inputs: Array) -> Array:
        x = self.channels_last(as_float(inputs, self.compute_dtype))
        return self.finish(convolve(x, self.kernel.value, self.strides, self.padding, self.dilation_rate, self.groups))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self.convolved_shape(input_shape, self.filters)


class Conv1D(_Convolution):
    __doc__ = f'1D convolution over (batch, steps, channels): {_Convolution.__doc__}'
    rank = 1
    may_be_causal = True


class Conv2D(_Convolution):
    __doc__ = f'2D convolution over (batch, height, width, channels): {_Convolution.__doc__}'
    rank = 2


class Conv3D(_Convolution):
    __doc__ = f'3D convolution over (batch, depth, height, width, channels): {_Convolution.__doc__}'
    rank = 3


class _Transposed(Convolving):
    """`activation(conv_transpose(inputs, kernel) + bias)`: from the shape of a convolution's output to its input's.

    Args:
        filters: Number of output channels.
        kernel_size: An int, or one for each axis.
        strides: By how much the output is larger than the input.
        padding: 'valid' or 'same'.
        output_padding: Added to the output's size behind, less than the strides; None for the smallest output that
            a convolution with these arguments would bring to the input's size.
        data_format: 'channels_last' (batch, …, channels) or 'channels_first'.
        dilation_rate: An int, or one for each axis; strides must be 1 then.
        activation: A name, a function, or None.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (…, filters, channels) kernel.
        bias_initializer: For the (filters,) bias.
        kernel_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = 'valid',
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        super().__init__(data_format, activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive('filters', filters)
        self.window(kernel_size, strides, padding, dilation_rate, activation, use_bias)
        self.not_strided_and_dilated()
        extra = None if output_padding is None else sizes('output_padding', output_padding, self.rank, least=0)
        if extra is not None and any(e >= s for e, s in zip(extra, self.strides, strict=True)):
            raise ArgumentError(f'Expected output_padding to be less than strides={self.strides}, received {extra}.')
        self.output_padding = extra
        self.keep(
            kernel_initializer=kernel_initializer, kernel_regularizer=kernel_regularizer,
            kernel_constraint=kernel_constraint, bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        self.kernel = self.weight('kernel', (*self.kernel_size, self.filters, channels))
        self.bias = self.weight('bias', (self.filters,)) if self.use_bias else None

    def call(self, inputs: Array) -> Array:
        x = self.channels_last(as_float(inputs, self.compute_dtype))
        window = self.strides, self.padding, self.dilation_rate, self.output_padding
        return self.finish(convolve_transposed(x, self.kernel.value, *window))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, spatial, _ = self.parts(input_shape)
        extras = self.output_padding or (None,) * self.rank
        outputs: list[int | None] = []
        for size, k, d, stride, extra in zip(
            spatial, self.kernel_size, self.dilation_rate, self.strides, extras, strict=True
        ):
            reach = (k - 1) * d + 1
            added = sum(transposed_pads(reach, stride, extra, self.padding)) - reach + 2
            outputs.append(None if size is None else (size - 1) * stride + added)
        return self.whole(batch, outputs, self.filters)


class Conv1DTranspose(_Transposed):
    __doc__ = f'Transposed 1D convolution: {_Transposed.__doc__}'
    rank = 1


class Conv2DTranspose(_Transposed):
    __doc__ = f'Transposed 2D convolution: {_Transposed.__doc__}'
    rank = 2


class Conv3DTranspose(_Transposed):
    __doc__ = f'Transposed 3D convolution: {_Transposed.__doc__}'
    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = 'valid',
        data_format: str | None = None,  # in 3D, Keras has these two the other way round
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
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
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


def positive(argument: str, value: Any) -> int:
    """A positive int, as it is."""
    if not isinstance(value, int) or value <= 0:
        raise ArgumentError(f'Expected {argument} to be a positive int, received {value!r}.')
    return value
