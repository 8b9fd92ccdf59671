"""Layers that normalize each row by its own statistics: LayerNormalization, RMSNormalization, UnitNormalization."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted import constraints, initializers, regularizers
from hefted.layers.input_spec import check_axes
from hefted.layers.layer import Layer
from hefted.ops.normalizing import layer_normalization, rms_normalization, scaled, unit_normalization, widened
from hefted.variables import Array


class _OverAxes(Layer):
    """A layer whose `axis` is one axis or several."""

    axis: Any
    _over_rows = False

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Unless the rows' own axis is among those normalized over."""
        return not self._over_rows

    def _sizes(self, input_shape: Any) -> tuple[int, ...]:
        """The sizes of the axes, in order; from here on `axis` is a list."""
        self.axis = sorted(self.axis) if isinstance(self.axis, (list, tuple)) else [self.axis]
        check_axes(self.name, self.axis, input_shape)
        self._over_rows = any(axis % len(input_shape) == 0 for axis in self.axis)
        return tuple(input_shape[axis] for axis in self.axis)


class LayerNormalization(_OverAxes):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each row (Ba et al. 2016).

    Args:
        axis: The axis, or the axes, over which mean and variance are taken.
        epsilon: Added to the variance.
        center: Whether to add beta.
        scale: Whether to multiply by gamma.
        beta_initializer: For beta.
        gamma_initializer: For gamma.
        beta_regularizer: Adds a loss on beta.
        gamma_regularizer: Adds a loss on gamma.
        beta_constraint: Applied to beta after each update.
        gamma_constraint: Applied to gamma after each update.

    `rms_scaling=True`, which Keras deprecated, leaves out beta, and the mean but for the variance.

    Example:
        >>> float(LayerNormalization()(np.array([[1.0, 2.0, 3.0]]))[0, 1])
        0.0
    """

    def __init__(
        self,
        axis: Any = -1,
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
        self.rms_scaling = kwargs.pop('rms_scaling', False)
        if self.rms_scaling:
            warnings.warn(
                'rms_scaling=True of LayerNormalization is deprecated: it divides by the standard deviation, not by '
                'the root mean square. Use RMSNormalization.',
                stacklevel=2,
            )
        super().__init__(**kwargs)
        self.axis = axis_or_axes(axis)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        shape = self._sizes(input_shape)
        self.gamma = self.beta = None
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name='gamma', autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                shape, self.beta_initializer, name='beta', autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip

    def call(self, inputs: Array) -> Array:
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        if self.rms_scaling:
            x = widened(inputs)
            factor = lax.rsqrt(jnp.var(x, tuple(self.axis), keepdims=True) + self.epsilon)
            outputs = scaled(x * factor, gamma, None, self.axis).astype(inputs.dtype)
        else:
            outputs = layer_normalization(inputs, gamma, beta, self.axis, self.epsilon)
        return outputs.astype(self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'rms_scaling': self.rms_scaling}


class RMSNormalization(_OverAxes):
    """`scale * x / sqrt(mean(x^2) + epsilon)` of each row (Zhang & Sennrich 2019).

    Args:
        axis: The axis, or the axes, over which the mean is taken.
        epsilon: Added to the mean square.
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis_or_axes(axis), epsilon

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(self._sizes(input_shape), 'ones', name='scale')

    def call(self, x: Array) -> Array:
        return rms_normalization(x, self.scale.value, self.axis, self.epsilon)


class UnitNormalization(_OverAxes):
    """`x / |x|`, the norm of each row over `axis`.

    Args:
        axis: The axis, or the axes, over which the norm is taken.

    Example:
        >>> UnitNormalization()(np.array([[3.0, 4.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis_or_axes(axis)
        self.supports_masking = True
        self.built = True

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where the axis can only be one of a row's own."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        return all(axis > 0 or axis == -1 for axis in axes)

    def call(self, inputs: Array) -> Array:
        check_axes(self.name, self.axis, inputs.shape)
        return unit_normalization(inputs, self.axis if isinstance(self.axis, list) else [self.axis])


def axis_or_axes(axis: Any) -> int | list[int]:
    """An int, or a list of ints.

    Raises:
        TypeError: Anything else.
    """
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(f'Expected axis to be an int or a list or tuple of ints, received {axis!r}.')
    return axis
