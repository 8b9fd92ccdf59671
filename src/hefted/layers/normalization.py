"""Layers that normalize by statistics of the batch."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted import constraints, initializers, regularizers
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.input_spec import InputSpec, check_axes
from hefted.layers.layer import Layer, context
from hefted.variables import Array, Variable


class BatchNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` (Ioffe and Szegedy 2015).

    In training the batch's mean and (biased) variance, else their moving averages, which training updates as
    `moving * momentum + batch * (1 - momentum)`. Padding rows of a short batch do not count, nor do masked steps.

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
        renorm: Whether training, too, comes near to the moving statistics, by a factor r and an offset d for which
            no gradient is taken (batch renormalization, Ioffe 2017).
        renorm_clipping: Bounds: 'rmin' and 'rmax' of r, 'dmax' of the size of d; those not given are none.
        renorm_momentum: Of the averages that r and d are taken from.
        synchronized: Statistics over all devices; there is one here.

    Raises:
        ArgumentError: A bound of renormalization that is not one.
        ShapeError: An axis that the input does not have, or a mask without one axis less than the input.
    """

    rows_independent = True
    renorm_mean: Variable
    renorm_stddev: Variable
    moving_stddev: Variable

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
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.synchronized, self.renorm = synchronized, renorm
        self.renorm_clipping = _checked_bounds(renorm_clipping or {}) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
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
        check_axes(self.name, self.axis, input_shape)
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
        if self.renorm:

            def stddev(shape: Any, dtype: Any = None) -> Any:
                return np.sqrt(np.asarray(self.moving_variance_initializer(shape, dtype)))

            for name, initializer in (
                ('moving_stddev', stddev), ('renorm_mean', self.moving_mean_initializer), ('renorm_stddev', stddev),
            ):  # fmt: skip
                setattr(self, name, self.add_weight(shape, initializer, name=name, trainable=False, autocast=False))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: input_shape[self.axis]})

    def call(self, inputs: Array, training: bool | None = None, mask: Array | None = None) -> Array:
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ShapeError(
                f'Expected mask of {self.name!r} to have one axis less than the input, received shapes {mask.shape} '
                f'and {inputs.shape}.'
            )
        x = inputs.astype('float32')  # 16-bit sums overflow
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            if self.renorm:
                gamma, beta = self._renormalized(mean, variance, gamma, beta)
            else:
                _move(self.moving_mean, mean, self.momentum)
                _move(self.moving_variance, variance, self.momentum)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        shape = [1] * x.ndim
        shape[self.axis] = -1
        factor = lax.rsqrt(variance + self.epsilon)
        if gamma is not None:
            factor = factor * gamma
        offset = -mean * factor
        if beta is not None:
            offset = offset + beta
        return (x * factor.reshape(shape) + offset.reshape(shape)).astype(self.compute_dtype)

    def _moments(self, x: Array, mask: Array | None) -> tuple[Array, Array]:
        """Mean and biased variance over all axes but the channels', of what counts only; two passes, for accuracy."""
        axes = tuple(a for a in range(x.ndim) if a != self.axis % x.ndim)
        counts = _counting(x, mask, context.rows)
        if counts is None:
            mean = jnp.mean(x, axes, keepdims=True)
            return mean.reshape(-1), jnp.mean(lax.square(x - mean), axes)
        if mask is None and context.rows is not None:
            count = context.rows.sum() * (x.size / (x.shape[0] * x.shape[self.axis]))
        else:
            count = jnp.sum(jnp.broadcast_to(counts, x.shape), axes, keepdims=True) + 1e-7
        mean = jnp.sum(x * counts, axes, keepdims=True) / count
        variance = jnp.sum(lax.square(x - mean) * counts, axes, keepdims=True) / count
        return mean.reshape(-1), variance.reshape(-1)

    def _renormalized(self, mean: Array, variance: Array, gamma: Any, beta: Any) -> tuple[Array, Array]:
        """Gamma and beta with r and d in them; the averages are moved."""
        stddev = jnp.sqrt(variance + self.epsilon)
        spread = jnp.maximum(self.renorm_stddev.value, np.float32(self.epsilon**0.5))
        bounds = self.renorm_clipping
        r = jnp.clip(stddev / spread, bounds.get('rmin'), bounds.get('rmax'))
        far = bounds.get('dmax')
        d = jnp.clip((mean - self.renorm_mean.value) / spread, None if far is None else -far, far)
        r, d = lax.stop_gradient(r), lax.stop_gradient(d)
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(jnp.maximum(lax.square(self.moving_stddev.value) - self.epsilon, 0))
        offset = d if gamma is None else d * gamma
        return r if gamma is None else r * gamma, offset if beta is None else offset + beta


def _move(average: Variable, value: Array, momentum: float) -> None:
    average.assign(average.value * momentum + value * (1.0 - momentum))


def _counting(x: Array, mask: Array | None, rows: Array | None) -> Array | None:
    """1 where a value counts and 0 where not, broadcast to `x`; None where all do."""
    real = None if rows is None else rows.reshape((-1,) + (1,) * (x.ndim - 1))
    if mask is None:
        return real
    steps = mask.astype(bool).astype(x.dtype)[..., None]
    return steps if real is None else steps * real


def _checked_bounds(bounds: dict[str, Any]) -> dict[str, Any]:
    rmin, rmax, dmax = (bounds.get(name) for name in ('rmin', 'rmax', 'dmax'))
    wrong = set(bounds) - {'rmin', 'rmax', 'dmax'}
    if wrong or (rmin is not None and rmax is not None and rmax < rmin) or (dmax is not None and dmax < 0):
        raise ArgumentError(
            f"Expected renorm_clipping to be a dict of 'rmin' <= 'rmax' and 'dmax' >= 0, received {bounds}."
        )
    return bounds
