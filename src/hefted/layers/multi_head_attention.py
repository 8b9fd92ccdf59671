"""Attention over several heads, each with projections of its own: MultiHeadAttention, GroupedQueryAttention."""

from __future__ import annotations

import math
from string import ascii_lowercase
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError
from hefted.layers.headed_attention import HeadedAttention, Shape
from hefted.layers.regularization import Dropout
from hefted.utils.serialization import register_builtin
from hefted.variables import Array


class MultiHeadAttention(HeadedAttention):
    """Several heads of `softmax(q k^T / sqrt(key_dim)) v`, projected and put together (Vaswani et al. 2017).

    Args:
        num_heads: How many heads.
        key_dim: Size of a head's queries and keys.
        value_dim: Size of a head's values; `key_dim` if None.
        dropout: The share of attention weights that is zeroed in training.
        use_bias: Whether the projections have biases.
        output_shape: The output's last axis, or axes; the query's last if None.
        attention_axes: The axes attended over; all but batch and features if None.
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
        seed: For dropout; from Python's `random` if None.

    Called with `query` (batch, queries, size), `value` (batch, keys, size) and maybe `key`; `attention_mask` takes
    booleans that broadcast to (batch, queries, keys), True where to attend. Returns (batch, queries, output size), and
    with `return_attention_scores=True` the weights, (batch, heads, queries, keys).

    Raises:
        ArgumentError: A size that is not a positive integer.
        ShapeError: Key and value differ before their last axis.

    Example:
        >>> x = np.ones((2, 5, 16), 'float32')
        >>> MultiHeadAttention(num_heads=4, key_dim=4)(x, x, use_causal_mask=True).shape
        (2, 5, 16)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        value_dim = key_dim if value_dim is None else value_dim
        for argument, size in (('num_heads', num_heads), ('key_dim', key_dim), ('value_dim', value_dim)):
            if not isinstance(size, int) or size <= 0:
                raise ArgumentError(f'Expected {argument} to be a positive integer, received {size!r}.')
        if attention_axes and not isinstance(attention_axes, (int, list, tuple)):
            raise ArgumentError(f'Expected attention_axes to be an int, list or tuple, received {attention_axes!r}.')
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint,
            use_gate, seed, **kwargs,
        )  # fmt: skip
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self._output_shape = _as_sizes(output_shape)
        self._scale = 1.0 / math.sqrt(key_dim)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(tuple(value_shape), tuple(key_shape))
        self._query_dense = self._to_heads(query_shape, self.key_dim, 'query')
        self._key_dense = self._to_heads(key_shape, self.key_dim, 'key')
        if self.use_gate:
            self._gate_dense = self._to_heads(query_shape, self.value_dim, 'gate', activation='sigmoid')
        self._value_dense = self._to_heads(value_shape, self.value_dim, 'value')
        rank = len(query_shape)
        axes = range(1, rank - 1) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axis if axis >= 0 else rank + axis for axis in axes)
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)
        sizes = self._output_shape or (query_shape[-1],)
        free, out = ascii_lowercase[: rank - 1], ascii_lowercase[rank + 1 : rank + 1 + len(sizes)]
        bound = ascii_lowercase[rank - 1 : rank + 1]
        shape = (*(None,) * (rank - 2), *sizes)
        self._output_dense = self.projection(f'{free}{bound},{bound}{out}->{free}{out}', shape, out, 'attention_output')
        self._output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))

    def _to_heads(self, shape: Any, size: int, name: str, **more: Any) -> Any:
        """The projection of an input to (…, heads, size)."""
        rank = len(shape)
        free, bound, out = ascii_lowercase[: rank - 1], ascii_lowercase[rank - 1], ascii_lowercase[rank : rank + 2]
        sizes = (*(None,) * (rank - 2), self.num_heads, size)
        dense = self.projection(f'{free}{bound},{bound}{out}->{free}{out}', sizes, out, name, **more)
        dense.build(tuple(shape))
        return dense

    @property
    def query_dense(self) -> Any:
        return self._query_dense

    @property
    def key_dense(self) -> Any:
        return self._key_dense

    @property
    def value_dense(self) -> Any:
        return self._value_dense

    @property
    def output_dense(self) -> Any:
        return self._output_dense

    def _summed_axes(self) -> int:
        return len(self.attention_axes)

    def _equations(self) -> tuple[str, str]:
        """(…, keys, heads, size) and (…, queries, heads, size) to (…, heads, queries, keys), and back with values."""
        rank = self._query_dense.input_spec.ndim + 1
        queries = ascii_lowercase[:rank]
        over = [axis for axis in range(rank - 1) if axis in self.attention_axes]
        keys = ''.join(letter.upper() if axis in over else letter for axis, letter in enumerate(queries))
        batch = ''.join(letter for axis, letter in enumerate(queries[:-1]) if axis not in over)
        scores = (
            batch + ''.join(queries[a] for a in self.attention_axes) + ''.join(keys[a] for a in self.attention_axes)
        )
        return f'{keys},{queries}->{scores}', f'{scores},{keys}->{queries}'

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        """As the query's, but for the last axis where `output_shape` says so."""
        self._check_shapes(tuple(value_shape), tuple(value_shape if key_shape is None else key_shape))
        return (*query_shape[:-1], *self._output_shape) if self._output_shape else tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'output_shape': self._output_shape}


class GroupedQueryAttention(HeadedAttention):
    """Attention whose heads of queries share fewer heads of keys and values (Ainslie et al. 2023).

    Args:
        head_dim: Size of a head.
        num_query_heads: How many heads the queries have.
        num_key_value_heads: How many keys and values have; a divisor of the queries'.
        dropout: See `MultiHeadAttention`, as for all that follow and for how it is called.
        use_bias: Whether the projections have biases.
        sliding_window: Queries attend to the keys less than so many steps away.
        flash_attention: Whether to use the accelerator's fused kernel.
        kernel_initializer: For the projections' kernels.
        bias_initializer: For their biases.
        kernel_regularizer: Adds a loss on the kernels.
        bias_regularizer: Adds a loss on the biases.
        activity_regularizer: Adds a loss on the projections' outputs.
        kernel_constraint: Applied to the kernels after each update.
        bias_constraint: Applied to the biases after each update.
        use_gate: Whether what the heads give is multiplied by a sigmoid of a projection of the query.
        seed: For dropout.

    Raises:
        ArgumentError: The queries' heads are not a multiple of the others.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if num_query_heads % num_key_value_heads:
            raise ArgumentError(
                f'Expected num_query_heads to be a multiple of num_key_value_heads={num_key_value_heads}, '
                f'received {num_query_heads}.'
            )
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer,
            kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint,
            use_gate, seed, **kwargs,
        )  # fmt: skip
        self.head_dim = head_dim
        self.num_query_heads, self.num_key_value_heads = num_query_heads, num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads
        self._scale = 1.0 / math.sqrt(head_dim)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._query_dense = self._to_heads(query_shape, self.num_query_heads, 'query')
        self._key_dense = self._to_heads(key_shape, self.num_key_value_heads, 'key')
        if self.use_gate:
            self._gate_dense = self._to_heads(query_shape, self.num_query_heads, 'gate', activation='sigmoid')
        self._value_dense = self._to_heads(value_shape, self.num_key_value_heads, 'value')
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)
        self._output_dense = self.projection('bquh,uhm->bqm', (None, query_shape[-1]), 'm', 'attention_output')
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def _to_heads(self, shape: Any, heads: int, name: str, **more: Any) -> Any:
        dense = self.projection('bqm,muh->bquh', (None, heads, self.head_dim), 'uh', name, **more)
        dense.build(tuple(shape))
        return dense

    def _heads(self, query: Array, key: Array, value: Array) -> tuple[Array, Array, Array]:
        return query, jnp.repeat(key, self.num_repeats, axis=2), jnp.repeat(value, self.num_repeats, axis=2)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        """The query's."""
        if query_shape[-1] != value_shape[-1]:
            raise ShapeError(
                f'Expected query and value of {self.name!r} to have the same last axis, received '
                f'query_shape={query_shape} and value_shape={value_shape}.'
            )
        self._check_shapes(tuple(value_shape), tuple(value_shape if key_shape is None else key_shape))
        return tuple(query_shape)


# Keras's public name for it; its own, which layers are named after, is the longer.
GroupQueryAttention = register_builtin(GroupedQueryAttention, 'keras.layers', 'GroupQueryAttention')


def _as_sizes(output_shape: Any) -> Shape | None:
    if not output_shape:
        return None
    if isinstance(output_shape, int):
        return (output_shape,)
    try:
        return tuple(output_shape)
    except TypeError:
        raise ArgumentError(f'Expected output_shape to be an int or several, received {output_shape!r}.') from None
