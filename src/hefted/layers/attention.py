"""Attention without heads: by dot products, and by sums."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import random
from hefted.errors import ArgumentError, unknown_name
from hefted.layers.layer import Layer
from hefted.ops.attending import causal_mask, joined, softmax
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array


class Attention(Layer):
    """`softmax(query key^T) value` (Luong et al. 2015).

    Args:
        use_scale: Whether to multiply the scores by a weight.
        score_mode: 'dot', or 'concat' for `weight * sum(tanh(query + key))`.
        dropout: The share of attention weights that is zeroed in training.
        seed: For the draws; from Python's `random` if None.

    Call it on `[query, value]` or `[query, value, key]`, of shapes (batch, queries, size), (batch, keys, value
    size) and (batch, keys, size); `mask=[query_mask, value_mask]` takes booleans, (batch, queries) and (batch, keys).
    Returns (batch, queries, value size), and with `return_attention_scores=True` the weights, (batch, queries, keys).

    Raises:
        ArgumentError: Anything but a list of two or three.

    Example:
        >>> Attention()([np.ones((2, 3, 4), 'float32'), np.ones((2, 5, 4), 'float32')]).shape
        (2, 3, 4)
    """

    rows_independent = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = 'dot',
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ('dot', 'concat'):
            raise unknown_name('score_mode', score_mode, ('dot', 'concat'))
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), 'ones', name='scale')
        if self.score_mode == 'concat':
            self.concat_score_weight = self.add_weight((), 'ones', name='concat_score_weight')

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask else (None, None)
        scores = self._scores(query, key)
        allowed = joined(
            None if value_mask is None else value_mask[:, None, :],
            causal_mask(scores.shape[-2], scores.shape[-1])[None] if use_causal_mask else None,
        )
        if allowed is not None:
            scores = jnp.where(allowed, scores, scores - (65504.0 if scores.dtype == 'float16' else 1e9))
        weights = softmax(scores)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = jnp.matmul(weights, value)
        if query_mask is not None:
            outputs = jnp.where(query_mask[..., None], outputs, 0)
        return (outputs, weights) if return_attention_scores else outputs

    def _scores(self, query: Array, key: Array) -> Array:
        """(batch, queries, keys)."""
        if self.concat_score_weight is None:
            scores = jnp.matmul(query, jnp.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale.value
        sums = query[..., :, None, :] + key[..., None, :, :]
        sums = sums if self.scale is None else self.scale.value * sums
        return self.concat_score_weight.value * jnp.tanh(sums).sum(-1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The query's."""
        self._check(inputs, previous_mask)
        return previous_mask[0] if previous_mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)

    def _check(self, inputs: Any, mask: Any = None) -> None:
        for argument, given in (('inputs', inputs), ('mask', mask)):
            if given is None and argument == 'mask':
                continue
            if not isinstance(given, list) or not 2 <= len(given) <= 3:
                parts = '[query, value] or [query, value, key]' if argument == 'inputs' else '[query_mask, value_mask]'
                raise ArgumentError(
                    f'Expected {argument} of {self.name!r} ({type(self).__name__}) to be a list, {parts}, '
                    f'received {given!r}.'
                )


class AdditiveAttention(Attention):
    """`softmax(sum(scale * tanh(query + key))) value` (Bahdanau et al. 2015).

    Args:
        use_scale: Whether there is a weight for each feature.
        dropout: The share of attention weights that is zeroed in training.
        **kwargs: See `Attention`, which also says how it is called.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), 'glorot_uniform', name='scale')

    def _scores(self, query: Array, key: Array) -> Array:
        sums = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return (sums if self.scale is None else self.scale.value * sums).sum(-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'seed': self.seed}
