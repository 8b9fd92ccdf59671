"""Dense: a product with a matrix, and a bias."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax

from hefted import activations, constraints, dtypes, initializers, regularizers
from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.variables import Array


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`.

    Args:
        units: Size of the output's last axis.
        activation: A name, a function, or None for none.
        use_bias: Whether to add a bias.
        kernel_initializer: For the (inputs, units) kernel.
        bias_initializer: For the (units,) bias.
        kernel_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        activity_regularizer: Adds a loss on the output.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        quantization_config: Kept for Keras's archives; only None.

    Input (batch, …, inputs), output (batch, …, units).

    Example:
        >>> import numpy as np
        >>> Dense(4, activation='relu')(np.ones((2, 3))).shape
        (2, 4)
    """

    rows_independent = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(units, int) or isinstance(units, bool) or units <= 0:
            raise ArgumentError(f'Expected units of Dense to be a positive integer, received {units!r}.')
        if quantization_config is not None:
            raise ArgumentError(f'Expected quantization_config to be None, received {quantization_config!r}.')
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.quantization_config = None
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        inputs = input_shape[-1]
        self.kernel = self.add_weight(
            (inputs, self.units), self.kernel_initializer, name='kernel',
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name='bias',
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})

    def call(self, inputs: Array) -> Array:
        inputs = as_float(inputs, self.compute_dtype)
        bias = None if self.bias is None else self.bias.value
        if activations.is_builtin(self.activation):
            return _dense(inputs, self.kernel.value, bias, self.activation)
        return activations.apply(self.activation, _affine(inputs, self.kernel.value, bias))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config.get('activity_regularizer') is None:  # Keras leaves it out
            config.pop('activity_regularizer', None)
        return config


def _affine(inputs: Array, kernel: Array, bias: Array | None) -> Array:
    outputs = product(inputs, kernel)
    if bias is None:
        return outputs  # lax: an operator of jax.numpy would be traced as a program of its own
    return lax.add(outputs, lax.broadcast_in_dim(bias, outputs.shape, (outputs.ndim - 1,)))


@partial(jax.jit, static_argnums=3)
def _dense(inputs: Array, kernel: Array, bias: Array | None, activation: Callable[[Array], Array]) -> Array:
    """Layers that are alike are traced once, slopes too."""
    return activation(_affine(inputs, kernel, bias))


def product(inputs: Array, kernel: Array) -> Array:
    """`inputs @ kernel`, over the inputs' last axis.

    All other axes are one: with two of them the kernel's slope comes out transposed, and on a CPU its way back costs a
    twentieth of a transformer's step.

    A small one by a single column is a sum: for a product with a vector XLA on CPUs writes code of its own, which
    takes 60 to 100 ms to compile together with its gradient, where large products are calls of a library.
    """
    features, units = kernel.shape
    if units == 1 and inputs.dtype == kernel.dtype == np.float32 and _is_small(inputs.shape):
        column = lax.broadcast_in_dim(lax.reshape(kernel, (features,)), inputs.shape, (inputs.ndim - 1,))
        return lax.reshape(lax.reduce_sum(lax.mul(inputs, column), (inputs.ndim - 1,)), (*inputs.shape[:-1], 1))
    rows = inputs if inputs.ndim <= 2 else lax.reshape(inputs, (math.prod(inputs.shape[:-1]), features))
    outputs = lax.dot_general(rows, kernel, (((rows.ndim - 1,), (0,)), ((), ())))
    return outputs if inputs.ndim <= 2 else lax.reshape(outputs, (*inputs.shape[:-1], units))


_SMALL = 4096  # numbers: up to there a step takes no longer


def _is_small(shape: tuple[int, ...]) -> bool:
    """Known and small; in an exported program the number of rows may be a symbol."""
    return all(isinstance(size, int) for size in shape) and math.prod(shape) <= _SMALL


def as_float(inputs: Array, dtype: str) -> Array:
    """Integers as floats, floats as they are: what a product with a float kernel needs."""
    return inputs if dtypes.is_float(inputs.dtype) else inputs.astype(dtype)
