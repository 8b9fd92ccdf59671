"""What attention layers with heads share."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import constraints, initializers, regularizers
from hefted.errors import ArgumentError, ShapeError
from hefted.layers.einsum_dense import EinsumDense
from hefted.layers.layer import Layer
from hefted.layers.regularization import Dropout
from hefted.ops.attending import causal_mask, dot_product_attention, joined, softmax, window_mask
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array

Shape = tuple[int | None, ...]


class HeadedAttention(Layer):
    """What attention layers with heads share: settings of their projections, masks, the weighing of values.

    Args:
        dropout: The share of attention weights that is zeroed in training.
        use_bias: Whether the projections have biases.
        sliding_window: Queries attend to the keys less than so many steps away; None for all.
        flash_attention: Whether to use the accelerator's fused kernel; not with dropout or scores.
        kernel_initializer: For the projections' kernels.
        bias_initializer: For their biases.
        kernel_regularizer: Adds a loss on the kernels.
        bias_regularizer: Adds a loss on the biases.
        activity_regularizer: Adds a loss on the projections' outputs.
        kernel_constraint: Applied to the kernels after each update.
        bias_constraint: Applied to the biases after each update.
        use_gate: Whether what the heads give is multiplied by a sigmoid of a projection of the query.
        seed: For dropout.
    """

    rows_independent = True
    _scale: float
    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _gate_dense: EinsumDense
    _output_dense: EinsumDense
    _dropout_layer: Dropout

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ArgumentError(
                f'Expected sliding_window to be a positive integer or None, received {sliding_window!r}.'
            )
        if flash_attention and dropout > 0:
            raise ArgumentError(f'Expected dropout to be 0 with flash_attention=True, received {dropout!r}.')
        self.supports_masking = True
        self.dropout, self.use_bias, self.use_gate, self.seed = dropout, use_bias, use_gate, seed
        self.sliding_window, self._flash_attention = sliding_window, flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        # The projections', not this layer's own: `activity_regularizer` stays None, as in Keras.
        self._projections_activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def projection(self, equation: str, output_shape: Any, bias_axes: str, name: str, **more: Any) -> EinsumDense:
        """A dense layer with this layer's settings."""
        dense = EinsumDense(
            equation, output_shape, bias_axes=bias_axes if self.use_bias else None, name=name, dtype=self.dtype_policy,
            kernel_initializer=_another(self.kernel_initializer), bias_initializer=_another(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer, bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._projections_activity_regularizer,
            kernel_constraint=self.kernel_constraint, bias_constraint=self.bias_constraint, **more,
        )  # fmt: skip
        dense.supports_masking = True  # the masks are this layer's to heed
        return dense

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self._flash_attention and return_attention_scores:
            raise ArgumentError('Expected return_attention_scores=False with flash_attention=True, received True.')
        key = value if key is None else key
        mask = self._mask(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        gate = self._gate_dense(query) if self.use_gate else None
        heads = self._heads(self._query_dense(query), self._key_dense(key), self._value_dense(value))
        outputs, scores = self._attend(*heads, mask, training, return_attention_scores)
        outputs = self._output_dense(outputs if gate is None else outputs * gate)
        return (outputs, scores) if return_attention_scores else outputs

    def _heads(self, query: Array, key: Array, value: Array) -> tuple[Array, Array, Array]:
        """The projections, each with as many heads as the query's."""
        return query, key, value

    def _mask(
        self,
        query: Array,
        value: Array,
        query_mask: Any,
        value_mask: Any,
        key_mask: Any,
        attention_mask: Any,
        use_causal_mask: bool,
    ) -> Any:
        """True where a query attends to a key: all masks in one that broadcasts to (batch, queries, keys)."""
        queries, keys = query.shape[1], value.shape[1]
        return joined(
            None if attention_mask is None else jnp.asarray(attention_mask).astype(bool),
            None if query_mask is None else jnp.asarray(query_mask).astype(bool)[..., :, None],
            None if value_mask is None else jnp.asarray(value_mask).astype(bool)[..., None, :],
            None if key_mask is None else jnp.asarray(key_mask).astype(bool)[..., None, :],
            causal_mask(queries, keys)[None] if use_causal_mask else None,
            None if self.sliding_window is None else window_mask(queries, keys, self.sliding_window)[None],
        )

    def _attend(
        self, query: Array, key: Array, value: Array, mask: Any, training: Any, wants_scores: bool
    ) -> tuple[Array, Any]:
        """What each head gives, and its weights where they are wanted."""
        if self.dropout == 0 and not wants_scores and query.ndim == 4:
            mask = None if mask is None else self._over_heads(mask, 4)
            return dot_product_attention(query, key, value, mask, self._scale, self._flash_attention), None
        into, back = self._equations()
        scores = jnp.einsum(into, key, query * jnp.asarray(self._scale, query.dtype))
        mask = None if mask is None else self._over_heads(mask, scores.ndim)
        weights = self._weights(scores, mask)
        dropped = self._dropout_layer(weights, training=training) if self.dropout > 0 else weights
        return jnp.einsum(back, dropped, value), weights

    def _weights(self, scores: Array, mask: Any) -> Array:
        """The softmax of scores where the mask allows, 0 elsewhere."""
        if mask is not None:
            scores = jnp.where(mask, scores, jnp.asarray(-3e4 if scores.dtype == 'float16' else -1e9, scores.dtype))
        count = self._summed_axes()
        flat = softmax(scores.reshape(*scores.shape[: scores.ndim - count], -1)).reshape(scores.shape)
        return flat if mask is None else jnp.where(mask, flat, jnp.zeros_like(flat))

    def _summed_axes(self) -> int:
        """How many axes a softmax goes over."""
        return 1

    def _over_heads(self, mask: Array, rank: int) -> Array:
        """A mask with axes of 1 for the heads."""
        place = -2 * self._summed_axes() - 1
        for _ in range(rank - mask.ndim):
            mask = jnp.expand_dims(mask, place)
        return mask

    def _equations(self) -> tuple[str, str]:
        """From keys and queries to scores, and from scores and values to outputs."""
        return 'bshd,bthd->bhts', 'bhts,bshd->bthd'

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)

    def _check_shapes(self, value_shape: Shape, key_shape: Shape) -> None:
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ShapeError(
                f'Expected key and value of {self.name!r} to have the same axes but for the last, received '
                f'key_shape={key_shape} and value_shape={value_shape}.'
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop('flash_attention', None)
        return config

    def _argument(self, name: str) -> Any:
        return self._projections_activity_regularizer if name == 'activity_regularizer' else super()._argument(name)


def _another(initializer: Any) -> Any:
    """One of the same config: an initializer without a seed would give every projection the same values."""
    return initializer.clone() if isinstance(initializer, initializers.Initializer) else initializer
