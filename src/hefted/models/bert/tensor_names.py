"""Which tensor of Hugging Face's layout is which variable of a BERT here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.encoder import TransformerEncoder
from hefted.models.bert.model import BertModel
from hefted.models.bert.pretraining import BertMaskedLM, BertPretrainer
from hefted.models.bert.tasks import BertTextClassifier, BertTokenClassifier
from hefted.variables import Variable

NumPyArray = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tensor:
    """A variable and its place in a file.

    Args:
        name: In the file.
        variable: Here.
        turned: Whether it is a kernel, which PyTorch keeps as (outputs, inputs).
        inputs: The size of a kernel's input.
    """

    name: str
    variable: Variable
    turned: bool = False
    inputs: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """In the file."""
        size = int(np.prod(self.variable.shape))
        if self.turned:
            return size // self.inputs, self.inputs
        # A bias of heads is one row; tables keep their two axes.
        return (size,) if self.name.endswith('.bias') else self.variable.shape

    def written(self) -> NumPyArray:
        """The variable's value as the file has it."""
        value = self.variable.numpy()
        return value.reshape(self.inputs, -1).T if self.turned else value.reshape(self.shape)

    def read(self, value: NumPyArray) -> NumPyArray:
        """A value of the file as the variable has it."""
        return np.ascontiguousarray((value.T if self.turned else value).reshape(self.variable.shape))


def tensors_of(model: BertModel) -> list[Tensor]:
    """Every tensor that a file of this model has, heads too, by Hugging Face's names."""
    backbone = backbone_of(model)
    prefix = '' if backbone is model or not headed(model) else 'bert.'
    return [*_backbone(backbone, prefix), *_heads(model)]


def backbone_of(model: BertModel) -> BertBackbone:
    """The backbone of a model, or the model itself."""
    return model if isinstance(model, BertBackbone) else model.backbone  # pyright: ignore[reportAttributeAccessIssue]


def headed(model: BertModel) -> bool:
    """Whether it has weights beside the backbone's."""
    return isinstance(model, (BertMaskedLM, BertTextClassifier, BertTokenClassifier))


def _backbone(backbone: BertBackbone, prefix: str) -> Iterator[Tensor]:
    tables = backbone.embeddings
    yield Tensor(f'{prefix}embeddings.word_embeddings.weight', tables.token_embedding)
    yield Tensor(f'{prefix}embeddings.position_embeddings.weight', tables.position_embedding)
    yield Tensor(f'{prefix}embeddings.token_type_embeddings.weight', tables.segment_embedding)
    yield from _norm(f'{prefix}embeddings.LayerNorm', tables.norm)
    for index, block in enumerate(backbone.blocks):
        yield from _block(block, f'{prefix}encoder.layer.{index}', backbone.hidden_dim)
    if backbone.pooler is not None:
        yield from _dense(f'{prefix}pooler.dense', backbone.pooler.kernel, backbone.pooler.bias, backbone.hidden_dim)


def _block(block: TransformerEncoder, prefix: str, width: int) -> Iterator[Tensor]:
    attention = block.attention
    for name in ('query', 'key', 'value'):
        kernel, bias = getattr(attention, f'{name}_kernel'), getattr(attention, f'{name}_bias')
        yield from _dense(f'{prefix}.attention.self.{name}', kernel, bias, width)
    yield from _dense(f'{prefix}.attention.output.dense', attention.output_kernel, attention.output_bias, width)
    yield from _norm(f'{prefix}.attention.output.LayerNorm', block.attention_norm)
    yield from _dense(f'{prefix}.intermediate.dense', block.intermediate.kernel, block.intermediate.bias, width)
    last = block.output_dense
    yield from _dense(f'{prefix}.output.dense', last.kernel, last.bias, block.intermediate_dim)
    yield from _norm(f'{prefix}.output.LayerNorm', block.output_norm)


def _heads(model: Any) -> Iterator[Tensor]:
    width = backbone_of(model).hidden_dim
    if isinstance(model, BertMaskedLM):
        head = model.masked_lm
        yield Tensor('cls.predictions.bias', head.bias)
        yield from _dense('cls.predictions.transform.dense', head.transform.kernel, head.transform.bias, width)
        yield from _norm('cls.predictions.transform.LayerNorm', head.norm)
    if isinstance(model, BertPretrainer):
        dense = model.next_sentence
        yield from _dense('cls.seq_relationship', dense.kernel, dense.bias, width)
    if isinstance(model, (BertTextClassifier, BertTokenClassifier)):
        yield from _dense('classifier', model.classifier.kernel, model.classifier.bias, width)


def _dense(name: str, kernel: Any, bias: Any, inputs: int) -> Iterator[Tensor]:
    yield Tensor(f'{name}.weight', kernel, turned=True, inputs=inputs)
    yield Tensor(f'{name}.bias', bias)


def _norm(name: str, layer: Any) -> Iterator[Tensor]:
    yield Tensor(f'{name}.weight', layer.gamma)
    yield Tensor(f'{name}.bias', layer.beta)


def modern(name: str) -> str:
    """A tensor's name as it is written today: without prefix, and normalizations' older names replaced."""
    name = name.removeprefix('bert.')
    for old, new in (('LayerNorm.gamma', 'LayerNorm.weight'), ('LayerNorm.beta', 'LayerNorm.bias')):
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name
