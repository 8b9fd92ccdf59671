"""`BertEmbeddings`: tokens, places and segments, added and normalized."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ShapeError
from hefted.layers.layer import Layer
from hefted.layers.layer_normalization import LayerNormalization
from hefted.models.bert.attention import checked_share
from hefted.models.bert.dropping import dropped
from hefted.models.bert.weights import first_values
from hefted.random import SeedGenerator
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array


class BertEmbeddings(Layer):
    """The sum of three rows, one for the token, one for its place and one for its segment, normalized.

    Args:
        vocabulary_size: Tokens are 0 to `vocabulary_size - 1`; others give NaN.
        hidden_dim: Length of a row.
        max_sequence_length: Places.
        num_segments: Segments.
        dropout: The share that is zeroed in training.
        layer_norm_epsilon: Added to the variance.
        **kwargs: For `Layer`.

    Example:
        >>> BertEmbeddings(10, 4)(np.array([[1, 2, 3]])).shape
        (1, 3, 4)
    """

    rows_independent = True
    _config_tells_frozen = True

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-12,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.hidden_dim = vocabulary_size, hidden_dim
        self.max_sequence_length, self.num_segments = max_sequence_length, num_segments
        self.dropout, self.layer_norm_epsilon = checked_share('dropout', dropout), layer_norm_epsilon
        self.norm = LayerNormalization(epsilon=layer_norm_epsilon, name='norm', dtype=self.dtype_policy)
        if dropout > 0:
            self.seed_generator = SeedGenerator()
        self._freeze_parts_too()

    def build(self, input_shape: Any = None) -> None:
        del input_shape
        self.token_embedding = self._table(self.vocabulary_size, 'token_embedding')
        self.position_embedding = self._table(self.max_sequence_length, 'position_embedding')
        self.segment_embedding = self._table(self.num_segments, 'segment_embedding')
        self.norm.build((None, None, self.hidden_dim))

    def _table(self, rows: int, name: str) -> Any:
        return self.add_weight((rows, self.hidden_dim), first_values(), name=name)

    def call(
        self,
        token_ids: Array,
        segment_ids: Any = None,
        position_ids: Any = None,
        packing_ids: Any = None,
        training: bool = False,
    ) -> Array:
        """(batch, length, hidden_dim) for (batch, length) of each; segments are 0 if None.

        Places count if None, in a packed row from 0 for each text.

        Raises:
            ShapeError: More tokens than there are places.
        """
        length = token_ids.shape[1]
        if position_ids is None and length > self.max_sequence_length:
            raise ShapeError(
                f'Expected token_ids of at most max_sequence_length={self.max_sequence_length} tokens, received '
                f'{length}. Cut the texts, or make the model with more places.'
            )
        if position_ids is None and packing_ids is not None:
            position_ids = _places(jnp.asarray(packing_ids))
        # Cast after the look-up: the tables are large, and few of their rows are looked at.
        x = _rows(self.token_embedding.raw, token_ids)
        x = x + (
            self.position_embedding.raw[:length]
            if position_ids is None
            else _rows(self.position_embedding.raw, position_ids)
        )
        x = x + (
            self.segment_embedding.raw[0] if segment_ids is None else _rows(self.segment_embedding.raw, segment_ids)
        )
        x = self.norm(x.astype(self.compute_dtype))
        return dropped(x, self.dropout, self.seed_generator) if training and self.dropout > 0 else x

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)


def _places(packing_ids: Array) -> Array:
    """Each token's place in its own text, which begins where the number changes; 0 in padding."""
    count = jnp.broadcast_to(jnp.arange(packing_ids.shape[1], dtype='int32'), packing_ids.shape)
    begins = jnp.not_equal(packing_ids, jnp.roll(packing_ids, 1, axis=1))
    return jnp.where(packing_ids == 0, 0, count - lax.cummax(jnp.where(begins, count, 0), axis=1))


def _rows(table: Array, numbers: Any) -> Array:
    return jnp.take(table, jnp.asarray(numbers).astype('int32'), axis=0)
