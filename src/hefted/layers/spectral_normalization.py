"""SpectralNormalization: a layer's kernel, divided by its largest singular value."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted import initializers
from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.layers.wrapper import Wrapper
from hefted.variables import Array


class SpectralNormalization(Wrapper):
    """Divides the kernel by its largest singular value, estimated by power iteration (Miyato et al. 2018).

    Args:
        layer: One with a `kernel` or `embeddings`.
        power_iterations: How many steps of the iteration a call in training takes.

    Raises:
        ArgumentError: No positive number of iterations, or a layer without such a weight.
    """

    kernel: Any

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ArgumentError(f'Expected power_iterations to be positive, received {power_iterations!r}.')
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, 'kernel', None)
        self.kernel = getattr(self.layer, 'embeddings', None) if kernel is None else kernel
        if self.kernel is None:
            raise ArgumentError(
                f'Expected layer of {self.name!r} to have a kernel or embeddings, received {type(self.layer).__name__}.'
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02), self.kernel.dtype,
            trainable=False, name='vector_u',
        )  # fmt: skip

    def call(self, inputs: Array, training: bool = False) -> Array:
        if training:
            self.normalized_weights()
        return self.layer(inputs).astype(inputs.dtype)

    def normalized_weights(self) -> None:
        """Improve the estimate, and divide the kernel by it; a kernel of zeros stays."""
        kernel, u = self.kernel.raw, self.vector_u.raw
        weights = kernel.reshape(-1, kernel.shape[-1])
        nothing = jnp.all(kernel == 0)
        v = u
        for _ in range(self.power_iterations):
            v = _unit(u @ weights.T)
            u = _unit(v @ weights)
        u, v = lax.stop_gradient(u), lax.stop_gradient(v)
        spread = (v @ weights @ u.T).reshape(())
        self.vector_u.assign(jnp.where(nothing, self.vector_u.raw, u))
        self.kernel.assign(jnp.where(nothing, kernel, kernel / jnp.where(nothing, 1, spread)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The layer's."""
        return self.layer.compute_output_shape(input_shape)


def _unit(x: Array) -> Array:
    """Of norm 1."""
    return x * jnp.minimum(lax.rsqrt(jnp.sum(x * x)), 1e7)
