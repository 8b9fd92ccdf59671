"""`TransformerEncoder`: one block of an encoder, by KerasHub's name and arguments."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import initializers
from hefted.layers.core import Dense
from hefted.layers.layer import Layer
from hefted.layers.layer_normalization import LayerNormalization
from hefted.models.bert.activations import activation_of
from hefted.models.bert.attention import SelfAttention, checked_share
from hefted.models.bert.dropping import dropped
from hefted.random import SeedGenerator
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array


class TransformerEncoder(Layer):
    """Self-attention, then two dense layers, each added to what came in and normalized (Vaswani et al. 2017).

    Args:
        intermediate_dim: The width between the dense layers.
        num_heads: A divisor of the inputs' width.
        dropout: The share that is zeroed in training: of the attention's weights, and of what each part adds.
        activation: Between the dense layers.
        layer_norm_epsilon: Added to the variance.
        kernel_initializer: For all kernels.
        bias_initializer: For their biases.
        normalize_first: Whether a part's input is normalized, and not the sum after it (Xiong et al. 2020).
        attention_dropout: The attention's own share; `dropout` if None.
        seed: For the dropout; from Python's `random` if None.
        **kwargs: For `Layer`.

    Example:
        >>> block = TransformerEncoder(intermediate_dim=32, num_heads=2)
        >>> block(np.ones((1, 3, 8), 'float32'), padding_mask=np.array([[1, 1, 0]])).shape
        (1, 3, 8)
    """

    rows_independent = True
    _config_tells_frozen = True

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: Any = 'relu',
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        normalize_first: bool = False,
        attention_dropout: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.intermediate_dim, self.num_heads, self.seed = intermediate_dim, num_heads, seed
        self.dropout, self.attention_dropout = checked_share('dropout', dropout), attention_dropout
        self.activation = activation_of(activation)
        self.layer_norm_epsilon, self.normalize_first = layer_norm_epsilon, normalize_first
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        within = dropout if attention_dropout is None else attention_dropout
        self.attention = SelfAttention(num_heads, within, **self._initial(), seed=seed, **self._named('attention'))
        self.attention_norm = self._norm('attention_norm')
        self.intermediate = Dense(intermediate_dim, self.activation, **self._initial(), **self._named('intermediate'))
        self.output_norm = self._norm('output_norm')
        self.output_dense = Dense(1, **self._initial(), **self._named('output_dense'))  # made as wide as the inputs
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self._freeze_parts_too()

    def _initial(self) -> dict[str, Any]:
        return {
            'kernel_initializer': _another(self.kernel_initializer),
            'bias_initializer': _another(self.bias_initializer),
        }

    def _named(self, name: str) -> dict[str, Any]:
        return {'name': name, 'dtype': self.dtype_policy}

    def _norm(self, name: str) -> LayerNormalization:
        return LayerNormalization(epsilon=self.layer_norm_epsilon, **self._named(name))

    def build(self, input_shape: Any) -> None:
        wide = (*input_shape[:-1], self.intermediate_dim)
        self.output_dense.units = input_shape[-1]
        self.attention.build(input_shape)
        self.attention_norm.build(input_shape)
        self.intermediate.build(input_shape)
        self.output_dense.build(wide)
        self.output_norm.build(input_shape)

    def call(
        self, inputs: Array, padding_mask: Any = None, attention_mask: Any = None, training: bool = False
    ) -> Array:
        """The block's output.

        Args:
            inputs: (batch, length, width).
            padding_mask: (batch, length), 0 or False at padding, which nothing attends to.
            attention_mask: (batch, length, length), or what broadcasts to (batch, heads, length, length): True
                where a query looks at a key.
            training: Whether to drop.

        Returns:
            As the inputs.
        """
        mask = joint_mask(padding_mask, attention_mask)
        if self.normalize_first:
            x = inputs + self._drop(self.attention(self.attention_norm(inputs), attention_mask=mask), training)
            return x + self._drop(self._feed(self.output_norm(x)), training)
        x = self.attention_norm(inputs + self._drop(self.attention(inputs, attention_mask=mask), training))
        return self.output_norm(x + self._drop(self._feed(x), training))

    def _feed(self, x: Array) -> Array:
        return self.output_dense(self.intermediate(x))

    def _drop(self, x: Array, training: Any) -> Array:
        return dropped(x, self.dropout, self.seed_generator) if training and self.dropout > 0 else x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)


def joint_mask(padding_mask: Any, attention_mask: Any) -> Any:
    """Both masks as one that broadcasts to (batch, heads, queries, keys); None if there is neither."""
    if attention_mask is not None:
        attention_mask = jnp.asarray(attention_mask).astype(bool)
        attention_mask = attention_mask[:, None] if attention_mask.ndim == 3 else attention_mask
    if padding_mask is None:
        return attention_mask
    keys = jnp.asarray(padding_mask).astype(bool)[:, None, None, :]
    return keys if attention_mask is None else jnp.logical_and(keys, attention_mask)


def _another(initializer: Any) -> Any:
    """One of the same config: an initializer without a seed would give every kernel the same values."""
    return initializer.clone() if isinstance(initializer, initializers.Initializer) else initializer
