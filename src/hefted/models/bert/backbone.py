"""`BertBackbone`: embeddings, blocks and pooler; base and large."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.layers.core import Dense
from hefted.layers.stack import Stack
from hefted.models.bert.activations import activation_of
from hefted.models.bert.embeddings import BertEmbeddings
from hefted.models.bert.encoder import TransformerEncoder, joint_mask
from hefted.models.bert.model import BertModel
from hefted.models.bert.published import PUBLISHED, BertConfig
from hefted.models.bert.weights import first_values
from hefted.variables import Array

_SIZES = (
    'vocabulary_size', 'num_layers', 'num_heads', 'hidden_dim', 'intermediate_dim', 'max_sequence_length',
    'num_segments',
)  # fmt: skip
_MADE_WITH = (*_SIZES, 'dropout', 'attention_dropout', 'activation', 'layer_norm_epsilon', 'remat')  # its layers

_ANEW = (
    "Make it anew: other = BertBackbone.from_config({{**model.get_config(), '{name}': …}}), "
    'other.build(), other.set_weights(model.get_weights()).'
)
_FEWER = "For fewer blocks, model.encoder = Stack(model.blocks[:6], name='encoder')."


class BertBackbone(BertModel):
    """BERT's encoder (Devlin et al. 2019): the blocks over the embeddings, and a pooler over the first token.

    Args:
        vocabulary_size: Tokens.
        num_layers: Blocks.
        num_heads: Heads of each block; a divisor of `hidden_dim`.
        hidden_dim: The width.
        intermediate_dim: The width between a block's dense layers.
        dropout: The share that is zeroed in training, everywhere.
        max_sequence_length: Places.
        num_segments: Segments.
        attention_dropout: The share of the attention's weights that is; `dropout` if None.
        activation: Between a block's dense layers: 'gelu' by the error function, 'gelu_tanh' as the first BERT had
            it, or another of Keras's.
        layer_norm_epsilon: Added to variances.
        pooler: Whether there is one.
        remat: What a block's backward pass computes again instead of keeping it, as for `layers.Stack`: 'none',
            'products' or 'full'.
        **kwargs: For `Model`: `dtype`, `name`; `trainable=False` freezes all of it.

    Takes a dict of (batch, length) whole numbers, or the token ids alone:
        token_ids: Of the vocabulary.
        segment_ids: 0 or 1; 0 if left out.
        padding_mask: 0 at padding, which nothing attends to.
        packing_ids: Which text a token is of, 0 for padding, where rows hold several: each attends to itself alone.
        position_ids: Places, where they do not just count; in a packed row they do so from 0 for each text.

    Gives `sequence_output` (batch, length, hidden_dim) and `pooled_output` (batch, hidden_dim).

    Its arguments stay what its layers were made with. Fewer blocks: `model.encoder = Stack(model.blocks[:6],
    name='encoder')`, with `Stack` of `hefted.layers`.

    Raises:
        ArgumentError: A size that is not a positive whole number, or heads that do not divide the width; an argument
            that is set later.
        UnknownNameError: Another `remat`.

    Example:
        >>> model = BertBackbone(vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=32)
        >>> model(np.array([[2, 7, 3]]))['pooled_output'].shape
        (1, 8)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        attention_dropout: float | None = None,
        activation: Any = 'gelu',
        layer_norm_epsilon: float = 1e-12,
        pooler: bool = True,
        remat: str = 'none',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.num_layers, self.num_heads = vocabulary_size, num_layers, num_heads
        self.hidden_dim, self.intermediate_dim = hidden_dim, intermediate_dim
        self.max_sequence_length, self.num_segments = max_sequence_length, num_segments
        self.dropout, self.attention_dropout = dropout, attention_dropout
        self.activation, self.layer_norm_epsilon = activation_of(activation), layer_norm_epsilon
        self._check_sizes()
        policy = self.dtype_policy
        self.embeddings = BertEmbeddings(
            vocabulary_size, hidden_dim, max_sequence_length, num_segments, dropout, layer_norm_epsilon,
            name='embeddings', dtype=policy,
        )  # fmt: skip
        blocks = [self._block(index) for index in range(num_layers)]
        self.encoder = Stack(blocks, remat, name='encoder', dtype=policy)
        self.pooler = Dense(hidden_dim, 'tanh', kernel_initializer=first_values(), name='pooler', dtype=policy)
        if not pooler:
            self.pooler = None
        self._freeze_parts_too()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _MADE_WITH and 'encoder' in self.__dict__:
            raise ArgumentError(
                f'Expected {name} of BertBackbone to stay what its layers were made with, received {value!r}. '
                + (_FEWER if name == 'num_layers' else _ANEW.format(name=name))
            )
        super().__setattr__(name, value)
        if name == 'encoder':
            self.__dict__['num_layers'] = len(value.blocks)

    def _block(self, index: int) -> TransformerEncoder:
        return TransformerEncoder(
            self.intermediate_dim, self.num_heads, self.dropout, self.activation, self.layer_norm_epsilon,
            first_values(), attention_dropout=self.attention_dropout, name=f'block_{index}', dtype=self.dtype_policy,
        )  # fmt: skip

    def _check_sizes(self) -> None:
        for name in _SIZES:
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ArgumentError(f'Expected {name} of BertBackbone to be a positive integer, received {size!r}.')
        if self.hidden_dim % self.num_heads:
            raise ArgumentError(
                f'Expected num_heads to divide hidden_dim={self.hidden_dim}, received {self.num_heads}. BERT has a '
                'head for each 64 of the width.'
            )

    @property
    def sizes(self) -> BertConfig:
        """Its sizes."""
        return BertConfig(*(getattr(self, name) for name in _SIZES))

    @property
    def blocks(self) -> tuple[Any, ...]:
        """The blocks, the first one first."""
        return self.encoder.blocks

    def _counted(self) -> int:
        return self.sizes.count_params(pooler=self.pooler is not None)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights; their shapes do not depend on the input's."""
        del input_shape
        shape = (None, None, self.hidden_dim)
        self.embeddings.build(None)
        self.encoder.build(shape)
        if self.pooler is not None:
            self.pooler.build((None, self.hidden_dim))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> dict[str, Array]:
        del mask  # the inputs say what is padding
        given = self.named_inputs(inputs)
        _check_shapes(given)
        x = self.embeddings(
            given['token_ids'], given.get('segment_ids'), given.get('position_ids'), given.get('packing_ids')
        )
        x = self.encoder(x, attention_mask=_mask(given), training=training)
        if self.pooler is None:
            return {'sequence_output': x}
        return {'sequence_output': x, 'pooled_output': self.pooler(x[:, 0])}

    def _argument(self, name: str) -> Any:
        own = {'pooler': self.pooler is not None, 'remat': self.encoder.remat}
        return own[name] if name in own else super()._argument(name)


def _check_shapes(given: dict[str, Array]) -> None:
    shape = tuple(given['token_ids'].shape)
    if len(shape) != 2:
        raise ShapeError(f'Expected token_ids of shape (batch, length), received {shape}.')
    for name in ('segment_ids', 'padding_mask', 'position_ids', 'packing_ids'):
        if name in given and tuple(given[name].shape) != shape:
            raise ShapeError(
                f'Expected {name} of the shape of token_ids, {shape}, received {tuple(given[name].shape)}.'
            )


def _mask(given: dict[str, Array]) -> Any:
    """True where a token looks at another: not at padding, and in a packed row at its own text alone."""
    packed = given.get('packing_ids')
    if packed is not None:
        packed = jnp.equal(packed[:, :, None], packed[:, None, :])
    return joint_mask(given.get('padding_mask'), packed)


def base(vocabulary_size: int = 30_522, **changes: Any) -> BertBackbone:
    """BERT base: 12 blocks, 768 wide, 12 heads (Devlin et al. 2019); 109,482,240 parameters.

    Args:
        vocabulary_size: That of the uncased English one, if not said.
        **changes: For `BertBackbone`.

    Example:
        >>> base().count_params()
        109482240
    """
    return preset('bert_base_en_uncased', vocabulary_size=vocabulary_size, **changes)


def large(vocabulary_size: int = 30_522, **changes: Any) -> BertBackbone:
    """BERT large: 24 blocks, 1,024 wide, 16 heads (Devlin et al. 2019); 335,141,888 parameters.

    Args:
        vocabulary_size: That of the uncased English one, if not said.
        **changes: For `BertBackbone`.
    """
    return preset('bert_large_en_uncased', vocabulary_size=vocabulary_size, **changes)


def preset(name: str, **changes: Any) -> BertBackbone:
    """A backbone of published sizes, its weights still to be trained.

    Args:
        name: A key of `PUBLISHED`.
        **changes: Arguments of `BertBackbone` that are to be others.

    Raises:
        UnknownNameError: No such name.

    Example:
        >>> preset('bert_tiny_en_uncased', vocabulary_size=1000).count_params()
        607104
    """
    if name not in PUBLISHED:
        raise unknown_name('name', name, PUBLISHED)
    sizes = {field: getattr(PUBLISHED[name], field) for field in _SIZES}
    return BertBackbone(**(sizes | changes))
