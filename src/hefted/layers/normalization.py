"""Layers that normalize by statistics of the batch."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted import constraints, initializers, regularizers
from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer, context
from hefted.variables import Array


class BatchNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` (Ioffe and Szegedy 2015).

    In training the batch's mean and (biased) variance, else their moving averages, which training updates as
    `moving * momentum + batch * (1 - momentum)`. Padding rows of a short batch do not count.

    Args:
        axis: The axis that is normalized by itself: the channels.
        momentum: Of the moving averages.
        epsilon: Added to the variance.
        center: Whether to add beta.
        scale: Whether to multiply by gamma.
        beta_initializer: For beta.
        gamma_initializer: For gamma.
        moving_mean_initializer: For the moving mean.
        moving_variance_initializer: For the moving variance.
        beta_regularizer: Adds a loss on beta.
        gamma_regularizer: Adds a loss on gamma.
        beta_constraint: Applied to beta after each update.
        gamma_constraint: Applied to gamma after each update.
        synchronized: Statistics over all devices; there is one here.
        renorm: Kept for Keras's archives; only False.
        renorm_clipping: The same; not used.
        renorm_momentum: The same; not used.
    """

    rows_independent = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = 'zeros',
        gamma_initializer: Any = 'ones',
        moving_mean_initializer: Any = 'zeros',
        moving_variance_initializer: Any = 'ones',
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if renorm:
            raise ArgumentError('Expected renorm=False, received True: batch renormalization is not supported.')
        self.synchronized, self.renorm = synchronized, renorm
        self.renorm_clipping, self.renorm_momentum = renorm_clipping, renorm_momentum
        self.axis = int(axis)
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[self.axis],)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name='gamma', autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, name='beta', autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, name='moving_mean', trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, name='moving_variance', trainable=False, autocast=False
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: input_shape[self.axis]})

    def call(self, inputs: Array, training: bool | None = None) -> Array:
        x = inputs.astype('float32')  # 16-bit sums overflow
        if training and self.trainable:
            mean, variance = self._moments(x)
            rest = 1.0 - self.momentum
            self.moving_mean.assign(self.moving_mean.value * self.momentum + mean * rest)
            self.moving_variance.assign(self.moving_variance.value * self.momentum + variance * rest)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        shape = [1] * x.ndim
        shape[self.axis] = -1
        factor = lax.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * self.gamma.value
        offset = -mean * factor
        if self.beta is not None:
            offset = offset + self.beta.value
        return (x * factor.reshape(shape) + offset.reshape(shape)).astype(self.compute_dtype)

    def _moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and biased variance over all axes but the channels', of real rows only; two passes, for accuracy."""
        axes = tuple(a for a in range(x.ndim) if a != self.axis % x.ndim)
        if context.rows is None:
            mean = jnp.mean(x, axes, keepdims=True)
            return mean.reshape(-1), jnp.mean(lax.square(x - mean), axes)
        rows = context.rows.reshape((-1,) + (1,) * (x.ndim - 1))
        count = context.rows.sum() * (x.size / (x.shape[0] * x.shape[self.axis]))
        mean = jnp.sum(x * rows, axes, keepdims=True) / count
        return mean.reshape(-1), jnp.sum(lax.square(x - mean) * rows, axes) / count
