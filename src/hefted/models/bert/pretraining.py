"""What BERT is pre-trained on: masked tokens, and whether the second sentence follows the first."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted.errors import ArgumentError
from hefted.layers.core import Dense
from hefted.layers.layer import Layer
from hefted.layers.layer_normalization import LayerNormalization
from hefted.models.bert.activations import activation_of
from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.model import INPUTS, BertModel
from hefted.models.bert.weights import first_values
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array


class MaskedLMHead(Layer):
    """Scores of all tokens at some places: a dense layer, a normalization, and the token embedding turned around.

    Args:
        vocabulary_size: Tokens.
        activation: Of the dense layer.
        layer_norm_epsilon: Added to the variance.
        **kwargs: For `Layer`.

    The decoder is the token embedding itself, which `call` is given, so the head has a bias for it only.

    Example:
        >>> MaskedLMHead(50)(np.ones((1, 3, 8), 'float32'), np.ones((50, 8), 'float32'), np.array([[1]])).shape
        (1, 1, 50)
    """

    rows_independent = True
    _config_tells_frozen = True

    def __init__(
        self, vocabulary_size: int, activation: Any = 'gelu', layer_norm_epsilon: float = 1e-12, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.layer_norm_epsilon = vocabulary_size, layer_norm_epsilon
        self.activation = activation_of(activation)
        self.norm = LayerNormalization(epsilon=layer_norm_epsilon, name='norm', dtype=self.dtype_policy)
        self.transform = Dense(
            1, self.activation, kernel_initializer=first_values(), name='transform', dtype=self.dtype_policy
        )  # as wide as the sequence, once seen
        self._freeze_parts_too()

    def build(self, input_shape: Any) -> None:
        self.transform.units = width = input_shape[-1]
        self.transform.build((None, width))
        self.norm.build((None, None, width))
        self.bias = self.add_weight((self.vocabulary_size,), 'zeros', name='bias')

    def call(self, sequence: Array, token_embedding: Any = None, positions: Any = None) -> Array:
        """Logits, float32.

        Args:
            sequence: (batch, length, width).
            token_embedding: (vocabulary, width).
            positions: (batch, count) places whose tokens are wanted; all if None.

        Returns:
            (batch, count or length, vocabulary).
        """
        if positions is not None:
            sequence = jnp.take_along_axis(sequence, positions.astype('int32')[..., None], axis=1)
        x = self.norm(self.transform(sequence))
        table = jnp.asarray(token_embedding).astype(x.dtype)
        logits = jnp.einsum('bth,vh->btv', x, table, preferred_element_type=np.float32)
        return logits + self.bias.raw.astype(np.float32)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)


class BertMaskedLM(BertModel):
    """BERT that tells masked tokens.

    Args:
        backbone: A `BertBackbone`; it needs no pooler.
        **kwargs: For `Model`.

    Takes what the backbone takes, and `mask_positions` (batch, count): the places whose tokens are wanted, padded with
    any place whose weight is 0. Without it all places are told, which takes a vocabulary's numbers for each.

    Gives logits (batch, count, vocabulary), float32. The loss of Devlin et al. 2019 is
    `SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')`, with the masked tokens'
    weights as `sample_weight`.

    Raises:
        ArgumentError: Something else than a `BertBackbone`, or inputs of other names or shapes.

    Example:
        >>> model = BertMaskedLM(BertBackbone(50, 1, 2, 8, 32))
        >>> model({'token_ids': np.array([[2, 4, 3]]), 'mask_positions': np.array([[1]])}).shape
        (1, 1, 50)
    """

    input_names = (*INPUTS, 'mask_positions')
    _next_sentence = False

    def __init__(self, backbone: BertBackbone, **kwargs: Any) -> None:
        kwargs.setdefault('dtype', checked_backbone(self, backbone).dtype_policy)
        super().__init__(**kwargs)
        self.backbone = backbone
        self.masked_lm = MaskedLMHead(
            backbone.vocabulary_size, backbone.activation, backbone.layer_norm_epsilon,
            name='masked_lm', dtype=self.dtype_policy,
        )  # fmt: skip
        self._freeze_parts_too()

    @property
    def gives_logits(self) -> bool:
        return True

    def _counted(self) -> int:
        pooler = self.backbone.pooler is not None
        return self.backbone.sizes.count_params(pooler, masked_lm=True, next_sentence=self._next_sentence)

    def build(self, input_shape: Any = None) -> None:
        del input_shape
        if not self.backbone.built:
            self.backbone.build()
        self.masked_lm.build((None, None, self.backbone.hidden_dim))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        del mask
        given = self.named_inputs(inputs)
        positions = given.pop('mask_positions', None)
        outputs = self.backbone(given, training=training)
        return self._tell(outputs, positions)

    def _tell(self, outputs: dict[str, Array], positions: Any) -> Any:
        return self.masked_lm(outputs['sequence_output'], self.backbone.embeddings.token_embedding.raw, positions)


class BertPretrainer(BertMaskedLM):
    """BERT as it was pre-trained: masked tokens, and whether the second sentence follows the first.

    Args:
        backbone: A `BertBackbone` with a pooler.
        **kwargs: For `Model`.

    Gives `masked_lm`, as `BertMaskedLM` does, and `next_sentence`, logits (batch, 2): class 0 is that it follows.

    Raises:
        ArgumentError: Something else than a `BertBackbone`, or one without a pooler; inputs with `packing_ids`, since
            whether a sentence follows is asked of a whole row.

    Example:
        >>> model = BertPretrainer(BertBackbone(50, 1, 2, 8, 32))
        >>> model(np.array([[2, 4, 3]]))['next_sentence'].shape
        (1, 2)
    """

    _next_sentence = True
    takes_packed = False

    def __init__(self, backbone: BertBackbone, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        require_pooler(self, backbone)
        self.next_sentence = Dense(2, kernel_initializer=first_values(), name='next_sentence', dtype=self.dtype_policy)
        self._freeze_parts_too()

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.next_sentence.build((None, self.backbone.hidden_dim))

    def _tell(self, outputs: dict[str, Array], positions: Any) -> Any:
        told = super()._tell(outputs, positions)
        return {'masked_lm': told, 'next_sentence': self.next_sentence(outputs['pooled_output']).astype(np.float32)}


def checked_backbone(model: Any, backbone: Any) -> BertBackbone:
    """The backbone.

    Raises:
        ArgumentError: It is something else.
    """
    if not isinstance(backbone, BertBackbone):
        raise ArgumentError(
            f'Expected backbone of {type(model).__name__} to be a BertBackbone, received {backbone!r}. Make one with '
            'bert.base(), bert.preset(…) or bert.from_hugging_face(…).'
        )
    return backbone


def require_pooler(model: Any, backbone: BertBackbone) -> None:
    """Refuse a backbone without a pooler.

    Raises:
        ArgumentError: It has none.
    """
    if backbone.pooler is None:
        raise ArgumentError(
            f'Expected backbone of {type(model).__name__} to have a pooler, received one without: its weights may come '
            'from a file of masked tokens alone. Make it with pooler=True.'
        )
