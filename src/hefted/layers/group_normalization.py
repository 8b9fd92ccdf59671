"""GroupNormalization: by statistics of groups of channels."""

from __future__ import annotations

from typing import Any

from hefted import constraints, initializers, regularizers
from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec, check_axes
from hefted.layers.layer import Layer
from hefted.ops.normalizing import layer_normalization, scaled, widened
from hefted.variables import Array


class GroupNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, by row and group of channels (Wu & He 2018).

    Args:
        groups: How many; -1 for one a channel.
        axis: The axis of the channels.
        epsilon: Added to the variance.
        center: Whether to add beta.
        scale: Whether to multiply by gamma.
        beta_initializer: For beta.
        gamma_initializer: For gamma.
        beta_regularizer: Adds a loss on beta.
        gamma_regularizer: Adds a loss on gamma.
        beta_constraint: Applied to beta after each update.
        gamma_constraint: Applied to gamma after each update.

    Raises:
        ArgumentError: The channels are not a multiple of the groups, or their number is not known.
    """

    rows_independent = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = 'zeros',
        gamma_initializer: Any = 'ones',
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape: Any) -> None:
        check_axes(self.name, self.axis, input_shape)
        channels = input_shape[self.axis]
        if channels is None:
            raise ArgumentError(
                f'Expected axis {self.axis} of the input of {self.name!r} to have a size, received shape {input_shape}.'
            )
        self.groups = channels if self.groups == -1 else self.groups
        if channels % self.groups:
            raise ArgumentError(
                f'Expected the channels of {self.name!r} to be a multiple of groups={self.groups}, received '
                f'{channels} in axis {self.axis}.'
            )
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                (channels,), self.gamma_initializer, name='gamma', autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                (channels,), self.beta_initializer, name='beta', autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Array) -> Array:
        axis = self.axis % inputs.ndim
        shape = inputs.shape
        groups = inputs.reshape(*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        over = [a for a in range(1, groups.ndim) if a != axis]
        outputs = layer_normalization(widened(groups), None, None, over, self.epsilon).reshape(shape)
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        return scaled(outputs, gamma, beta, [axis]).astype(inputs.dtype).astype(self.compute_dtype)
