"""`SelfAttention`: the three projections as one product, and weights that are dropped."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted import initializers
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.core import product
from hefted.layers.layer import Layer
from hefted.models.bert.dropping import dropped
from hefted.models.bert.fusing import cuda_capability, fuses
from hefted.random import SeedGenerator
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array, Variable

_FAR = np.float32(-0.7 * np.finfo(np.float32).max)


class SelfAttention(Layer):
    """`softmax(q k^T / sqrt(size)) v` of each head, and a projection of all heads together (Vaswani et al. 2017).

    Args:
        num_heads: A divisor of the inputs' width.
        dropout: The share of the weights that is zeroed in training.
        kernel_initializer: For the four kernels.
        bias_initializer: For their biases.
        seed: For the dropout; from Python's `random` if None.
        **kwargs: For `Layer`.

    On NVIDIA's GPUs since Ampere, in 16 bits, for even lengths and where nothing is dropped, the scores are never
    written down (cuDNN's fused kernel).

    Raises:
        ShapeError: The heads do not divide the width.

    Example:
        >>> SelfAttention(num_heads=2)(np.ones((1, 3, 8), 'float32')).shape
        (1, 3, 8)
    """

    rows_independent = True
    query_kernel: Variable
    query_bias: Variable
    key_kernel: Variable
    key_bias: Variable
    value_kernel: Variable
    value_bias: Variable

    def __init__(
        self,
        num_heads: int,
        dropout: float = 0.0,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.seed = num_heads, checked_share('dropout', dropout), seed
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        width = input_shape[-1]
        if width % self.num_heads:
            raise ShapeError(
                f'Expected a width that num_heads={self.num_heads} divides, received {width}: each head has its share '
                'of it. Choose another number of heads.'
            )
        heads = self.num_heads, width // self.num_heads
        for name in ('query', 'key', 'value'):
            setattr(self, f'{name}_kernel', self._weight((width, *heads), name, 'kernel'))
            setattr(self, f'{name}_bias', self._weight(heads, name, 'bias'))
        self.output_kernel = self._weight((*heads, width), 'output', 'kernel')
        self.output_bias = self._weight((width,), 'output', 'bias')

    def _weight(self, shape: tuple[int, ...], name: str, kind: str) -> Any:
        initializer = self.kernel_initializer if kind == 'kernel' else self.bias_initializer
        if isinstance(initializer, initializers.Initializer):
            initializer = initializer.clone()  # one without a seed would give all four the same values
        return self.add_weight(shape, initializer, name=f'{name}_{kind}')

    def call(self, inputs: Array, attention_mask: Any = None, training: bool = False) -> Array:
        """What each place takes from the others.

        Args:
            inputs: (batch, length, width).
            attention_mask: Booleans that broadcast to (batch, heads, queries, keys), True where a query looks.
            training: Whether weights are dropped.

        Returns:
            As the inputs.
        """
        query, key, value = self._projected(inputs)
        mixed = self._attend(query, key, value, attention_mask, self.dropout if training else 0.0)
        kernel = self.output_kernel.value
        mixed = jnp.reshape(mixed, (*mixed.shape[:-2], -1))
        return product(mixed, jnp.reshape(kernel, (-1, kernel.shape[-1]))) + self.output_bias.value

    def _projected(self, inputs: Array) -> tuple[Array, Array, Array]:
        """Query, key and value, (batch, length, heads, size) each: one product keeps all cores busy for longer."""
        kernels = [self.query_kernel.value, self.key_kernel.value, self.value_kernel.value]
        bias = jnp.stack([self.query_bias.value, self.key_bias.value, self.value_bias.value], axis=1)
        together = jnp.reshape(_together(inputs, kernels), (*inputs.shape[:-1], *bias.shape)) + bias
        return together[:, :, :, 0], together[:, :, :, 1], together[:, :, :, 2]

    def _attend(self, query: Array, key: Array, value: Array, mask: Any, dropout: float) -> Array:
        scale = query.shape[-1] ** -0.5
        if dropout == 0 and fuses(query.dtype, query.shape[-1], (query.shape[1], key.shape[1]), cuda_capability()):
            mask = None if mask is None else _whole(mask, query, key)
            return jax.nn.dot_product_attention(query, key, value, mask=mask, scale=scale, implementation='cudnn')
        query = query * jnp.asarray(scale, query.dtype)
        scores = jnp.einsum('btnd,bsnd->bnts', query, key, preferred_element_type=np.float32)
        if mask is not None:
            scores = jnp.where(mask, scores, _FAR)
        weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
        if dropout > 0:
            weights = dropped(weights, dropout, self.seed_generator)
        return jnp.einsum('bnts,bsnd->btnd', weights, value)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)


@partial(jax.checkpoint, prevent_cse=False)  # else each block would keep a copy of its kernels, joined, until its slope
def _together(inputs: Array, kernels: list[Array]) -> Array:
    """(batch, length, heads x kernels x size): heads come first, so that those of a device stay on it."""
    joined = jnp.stack(kernels, axis=2)
    return product(inputs, jnp.reshape(joined, (joined.shape[0], -1)))


def _whole(mask: Any, query: Array, key: Array) -> Array:
    """The mask with all axes that cuDNN wants in full; heads that share one stay one."""
    mask = jnp.asarray(mask).astype(bool)
    heads = mask.shape[-3] if mask.ndim > 2 else 1
    return jnp.broadcast_to(mask, (query.shape[0], heads, query.shape[1], key.shape[1]))


def checked_share(argument: str, value: Any) -> float:
    """A share that may be dropped.

    Raises:
        ArgumentError: It is not from 0 to below 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ArgumentError(f'Expected {argument} from 0 to below 1, received {value!r}. BERT drops 0.1.')
    return float(value)
