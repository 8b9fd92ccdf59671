"""What a pre-trained BERT is fine-tuned for: classes of texts, tags of tokens, embeddings."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted import activations
from hefted.errors import ArgumentError, unknown_name
from hefted.layers.core import Dense
from hefted.layers.regularization import Dropout
from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.model import BertModel
from hefted.models.bert.pretraining import checked_backbone, require_pooler
from hefted.models.bert.weights import first_values
from hefted.ops.normalizing import unit_normalization
from hefted.variables import Array

_POOLINGS = ('mean', 'cls', 'max', 'pooler')


class _Headed(BertModel):
    """A dense layer over what a backbone gives.

    Args:
        backbone: A `BertBackbone`.
        num_classes: Classes.
        activation: Of the dense layer; none gives logits.
        dropout: The share of the dense layer's input that is zeroed in training.
        **kwargs: For `Model`.

    Raises:
        ArgumentError: No class at all.
    """

    _of = 'sequence_output'

    def __init__(
        self, backbone: BertBackbone, num_classes: int, activation: Any = None, dropout: float = 0.1, **kwargs: Any
    ) -> None:
        kwargs.setdefault('dtype', checked_backbone(self, backbone).dtype_policy)
        super().__init__(**kwargs)
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise ArgumentError(f'Expected num_classes to be a positive integer, received {num_classes!r}.')
        self.backbone, self.num_classes = backbone, num_classes
        self.activation, self.dropout = activations.get(activation), dropout
        self.drop = Dropout(dropout, name='drop', dtype=self.dtype_policy)
        self.classifier = Dense(
            num_classes, kernel_initializer=first_values(), name='classifier', dtype=self.dtype_policy
        )
        self._freeze_parts_too()

    @property
    def gives_logits(self) -> bool:
        return self.activation is activations.linear

    def _counted(self) -> int:
        return self.backbone.count_params() + (self.backbone.hidden_dim + 1) * self.num_classes

    def build(self, input_shape: Any = None) -> None:
        del input_shape
        if not self.backbone.built:
            self.backbone.build()
        self.classifier.build((None, self.backbone.hidden_dim))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Array:
        del mask
        features = self.backbone(self.named_inputs(inputs), training=training)[self._of]
        return self.activation(self.classifier(self.drop(features)).astype(np.float32))


class BertTextClassifier(_Headed):
    """The class of each text, from the pooled first token.

    Args:
        backbone: A `BertBackbone` with a pooler.
        num_classes: Classes.
        activation: Of the outputs; none gives logits.
        dropout: The share of the pooled output that is zeroed in training.
        **kwargs: For `Model`.

    Takes what the backbone takes, one text a row; gives (batch, num_classes), float32.

    Raises:
        ArgumentError: Something else than a `BertBackbone`, one without a pooler, or no class at all; inputs with
            `packing_ids`.

    Example:
        >>> model = BertTextClassifier(BertBackbone(50, 1, 2, 8, 32), num_classes=3)
        >>> model(np.array([[2, 4, 3]])).shape
        (1, 3)
    """

    _of = 'pooled_output'
    takes_packed = False

    def __init__(
        self, backbone: BertBackbone, num_classes: int, activation: Any = None, dropout: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(backbone, num_classes, activation, dropout, **kwargs)
        require_pooler(self, backbone)


class BertTokenClassifier(_Headed):
    """The tag of each token, such as the kind of name that it is part of.

    Args:
        backbone: A `BertBackbone`; it needs no pooler.
        num_classes: Tags.
        activation: Of the outputs; none gives logits.
        dropout: The share of the backbone's output that is zeroed in training.
        **kwargs: For `Model`.

    Takes what the backbone takes, gives (batch, length, num_classes), float32.

    Tokens that have no tag, such as padding and a word's further pieces, take any class and a `sample_weight` of 0,
    with a loss of `reduction='mean_with_sample_weight'`, as by default a mean is over them too, and with
    `weighted_metrics`, as `metrics` count them. A loss of `ignore_class=-100` leaves out targets of -100, but to
    metrics these are wrong.

    Raises:
        ArgumentError: Something else than a `BertBackbone`, or no class at all.

    Example:
        >>> from hefted.losses import SparseCategoricalCrossentropy
        >>> model = BertTokenClassifier(BertBackbone(50, 1, 2, 8, 32), num_classes=5)
        >>> tokens, tags, tagged = np.array([[2, 7, 9, 3]]), np.array([[0, 4, 1, 0]]), np.array([[0, 1, 1, 0]])
        >>> model(tokens).shape
        (1, 4, 5)
        >>> loss = SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')
        >>> model.compile('adam', loss, weighted_metrics=['accuracy'])
        >>> model.evaluate(tokens, tags, sample_weight=tagged, verbose=0)[1] in (0.0, 0.5, 1.0)  # of two tokens
        True
    """


class BertTextEmbedder(BertModel):
    """One vector for each text, as sentence-transformers makes it (Reimers & Gurevych 2019).

    Args:
        backbone: A `BertBackbone`.
        pooling: 'mean' of the tokens that are no padding, their 'max', 'cls' for the first token, or 'pooler'.
        normalize: Whether vectors are of length 1, so that their product is the cosine of their angle.
        **kwargs: For `Model`.

    Takes what the backbone takes, one text a row; gives (batch, hidden_dim), float32.

    Raises:
        ArgumentError: Inputs with `packing_ids`.
        UnknownNameError: A pooling of another name.

    Example:
        >>> vectors = BertTextEmbedder(BertBackbone(50, 1, 2, 8, 32))(np.array([[2, 4, 3]]))
        >>> round(float(np.square(vectors).sum()), 4)
        1.0
    """

    takes_packed = False

    def __init__(self, backbone: BertBackbone, pooling: str = 'mean', normalize: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault('dtype', checked_backbone(self, backbone).dtype_policy)
        super().__init__(**kwargs)
        if pooling not in _POOLINGS:
            raise unknown_name('pooling', pooling, _POOLINGS)
        if pooling == 'pooler':
            require_pooler(self, backbone)
        self.backbone, self.pooling, self.normalize = backbone, pooling, normalize
        self._freeze_parts_too()

    def _counted(self) -> int:
        return self.backbone.count_params()

    def build(self, input_shape: Any = None) -> None:
        del input_shape
        if not self.backbone.built:
            self.backbone.build()

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Array:
        del mask
        given = self.named_inputs(inputs)
        outputs = self.backbone(given, training=training)
        vectors = self._pooled(outputs, given.get('padding_mask')).astype(np.float32)
        return unit_normalization(vectors, [-1]) if self.normalize else vectors

    def _pooled(self, outputs: dict[str, Array], padding_mask: Any) -> Array:
        if self.pooling == 'pooler':
            return outputs['pooled_output']
        tokens = outputs['sequence_output'].astype(np.float32)
        if self.pooling == 'cls':
            return tokens[:, 0]
        real = jnp.ones(tokens.shape[:2], bool) if padding_mask is None else padding_mask.astype(bool)
        if self.pooling == 'max':
            most = jnp.where(real[..., None], tokens, -jnp.inf).max(axis=1)
            return jnp.where(real.any(axis=1, keepdims=True), most, 0.0)  # as the mean of no token is
        weights = real.astype(tokens.dtype)[..., None]
        return jnp.sum(tokens * weights, axis=1) / jnp.maximum(jnp.sum(weights, axis=1), 1e-9)
