"""Activations that are layers: they have arguments, weights or a mask of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import logsumexp

from hefted import activations, constraints, initializers, regularizers
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.input_spec import InputSpec, check_axes
from hefted.layers.same_shape import SameShape
from hefted.variables import Array


class Activation(SameShape):
    """An activation as a layer.

    Args:
        activation: A name or a function.
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Ours are; a function handed in may do anything."""
        return activations.is_builtin(self.activation)

    def call(self, inputs: Array) -> Array:
        return activations.apply(self.activation, inputs)


class ReLU(SameShape):
    """`max(x, 0)`, with a ceiling, a slope below and a threshold.

    Args:
        max_value: The ceiling; None for none.
        negative_slope: The slope below the threshold.
        threshold: Where the slope ends.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0:
            raise ArgumentError(f'Expected max_value of ReLU to be None or at least 0, received {max_value!r}.')
        for name, value in (('negative_slope', negative_slope), ('threshold', threshold)):
            if value is None or value < 0:
                raise ArgumentError(f'Expected {name} of ReLU to be at least 0, received {value!r}.')
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Array) -> Array:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(SameShape):
    """X where positive, `negative_slope * x` elsewhere (Maas et al. 2013).

    Args:
        negative_slope: At least 0.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if 'alpha' in kwargs:
            warnings.warn('Argument `alpha` of LeakyReLU is now `negative_slope`.', stacklevel=2)
            negative_slope = kwargs.pop('alpha')
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ArgumentError(f'Expected negative_slope of LeakyReLU to be at least 0, received {negative_slope!r}.')
        self.negative_slope = negative_slope

    def call(self, inputs: Array) -> Array:
        return activations.leaky_relu(inputs, self.negative_slope)


class ELU(SameShape):
    """X where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al. 2015).

    Args:
        alpha: How far below 0 it goes.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Array) -> Array:
        return activations.elu(inputs, self.alpha)


class PReLU(SameShape):
    """X where positive, `alpha * x` elsewhere, with a learned alpha for each element (He et al. 2015).

    Args:
        alpha_initializer: For alpha, of the input's shape without the batch axis.
        alpha_regularizer: Adds a loss on alpha.
        alpha_constraint: Applied to alpha after each update.
        shared_axes: Axes (from 1) along which one alpha serves all.
    """

    def __init__(
        self,
        alpha_initializer: Any = 'Zeros',
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        shared = list(self.shared_axes or ())
        check_axes(self.name, shared, input_shape)
        for axis in shared:
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            shape, self.alpha_initializer, name='alpha',
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint,
        )  # fmt: skip
        own = {i: input_shape[i] for i in range(1, len(input_shape)) if i not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Array) -> Array:
        return activations.relu(inputs) - self.alpha.value * activations.relu(-inputs)


class Softmax(SameShape):
    """`exp(x) / sum(exp(x))` over an axis, or several.

    Args:
        axis: One, or a list.

    `mask` (of the inputs' shape, or one that broadcasts to it) is false where a value does not count: it becomes 0.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self._over_rows = False

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self._over_rows

    def call(self, inputs: Array, mask: Any = None) -> Array:
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        check_axes(self.name, axes, inputs.shape)
        self._over_rows = any(axis % inputs.ndim == 0 for axis in axes)
        if mask is not None:
            mask = _fitting(mask, inputs)
            lowest = -3e4 if inputs.dtype == 'float16' else -1e9  # finite: a row of nothing but masked values is no NaN
            inputs = jnp.where(mask, inputs, jnp.asarray(lowest, inputs.dtype))
        if len(axes) > 1:
            outputs = jnp.exp(inputs - logsumexp(inputs, axis=tuple(axes), keepdims=True))
        else:
            outputs = activations.softmax(inputs, axes[0])
        return outputs if mask is None else jnp.where(mask, outputs, jnp.zeros((), outputs.dtype))


def _fitting(mask: Any, inputs: Array) -> Array:
    """The mask as booleans, whose shape broadcasts to the inputs'."""
    shape = tuple(mask.shape)
    fits = len(shape) <= inputs.ndim and all(
        size in (1, other) for size, other in zip(shape[::-1], inputs.shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"Expected mask of Softmax of a shape that broadcasts to the inputs' {inputs.shape}, received {shape}."
        )
    return mask if mask.dtype == 'bool' else mask > 0.5
