"""A BERT's sizes as transformers writes them to `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hefted import activations
from hefted.errors import ArchiveError, ArgumentError
from hefted.models.bert.activations import gelu_tanh
from hefted.models.bert.model import BertModel
from hefted.models.bert.pretraining import BertMaskedLM, BertPretrainer
from hefted.models.bert.tasks import BertTextClassifier, BertTokenClassifier
from hefted.models.bert.tensor_names import backbone_of

_SIZES = {
    'vocab_size': 'vocabulary_size', 'num_hidden_layers': 'num_layers', 'num_attention_heads': 'num_heads',
    'hidden_size': 'hidden_dim', 'intermediate_size': 'intermediate_dim',
    'max_position_embeddings': 'max_sequence_length', 'type_vocab_size': 'num_segments',
}  # fmt: skip
_ACTIVATIONS: dict[str, Any] = {
    'gelu': activations.gelu, 'relu': activations.relu, 'silu': activations.silu, 'swish': activations.silu,
    'gelu_new': gelu_tanh, 'gelu_pytorch_tanh': gelu_tanh,
}  # fmt: skip
# What would make another model of it: the only value that is understood here.
_FIXED = {
    'model_type': 'bert', 'position_embedding_type': 'absolute', 'is_decoder': False, 'add_cross_attention': False,
}  # fmt: skip
_REMEDIES = {
    'model_type': 'Its architecture is another one, with other weights. Take a BERT, such as bert-base-uncased or '
    'all-MiniLM-L6-v2; others run in their own library.',
    'position_embedding_type': 'Its attention has weights for distances, which are not computed here. Take a BERT '
    'with absolute places.',
    'is_decoder': 'It looks at what is before a token alone. Take a BERT that was trained as an encoder.',
    'add_cross_attention': 'It attends to another encoder. Take a BERT that was trained as an encoder.',
}
# Not true of what is written: who wrote it, how its numbers lay, and where to find code that would run.
_NOT_KEPT = (
    '_name_or_path', 'transformers_version', 'torch_dtype', 'dtype', 'auto_map', 'quantization_config', 'num_labels',
)  # fmt: skip
_OF_HEADS = ('id2label', 'label2id', 'problem_type', 'classifier_dropout', 'finetuning_task')


def read_config(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `BertBackbone` that a `config.json` says.

    Raises:
        ArchiveError: A size that is missing or is no positive whole number.
        ArgumentError: Another architecture, or an activation that is not known.
    """
    _require_bert(config)
    for key in _SIZES:
        size = config.get(key)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ArchiveError(
                f'Expected {key} in config.json to be a positive integer, received {size!r}. Take the config.json '
                'that was published with the weights.'
            )
    activation = config.get('hidden_act', 'gelu')
    if activation not in _ACTIVATIONS:
        raise ArgumentError(
            f'Expected hidden_act in config.json to be one of {sorted(_ACTIVATIONS)}, received {activation!r}. Make '
            'the model with that activation=… yourself, and use load_hugging_face.'
        )
    return {argument: config[key] for key, argument in _SIZES.items()} | {
        'dropout': config.get('hidden_dropout_prob', 0.1),
        'attention_dropout': config.get('attention_probs_dropout_prob', 0.1),
        'activation': _ACTIVATIONS[activation],
        'layer_norm_epsilon': config.get('layer_norm_eps', 1e-12),
    }


def _require_bert(config: Mapping[str, Any]) -> None:
    for key, only in _FIXED.items():
        if config.get(key, only) != only:
            raise ArgumentError(
                f'Expected {key} in config.json to be {only!r}, received {config[key]!r}. {_REMEDIES[key]}'
            )


def check_config(model: BertModel, config: Mapping[str, Any]) -> None:
    """See that a model computes what a `config.json` says, in what no tensor's shape shows.

    Raises:
        ArchiveError: Its number of heads, its activation or its epsilon is another.
        ArgumentError: It is of another architecture.
    """
    _require_bert(config)
    backbone = backbone_of(model)
    told = (
        ('num_attention_heads', 'num_heads', config.get('num_attention_heads')),
        ('hidden_act', 'activation', _ACTIVATIONS.get(config.get('hidden_act', ''))),
        ('layer_norm_eps', 'layer_norm_epsilon', config.get('layer_norm_eps')),
    )
    for key, argument, wanted in told:
        own = getattr(backbone, argument)
        if wanted is not None and own != wanted:
            raise ArchiveError(
                f'Expected {argument} of {config[key]!r}, which config.json has as {key}, received a model of '
                f'{getattr(own, "__name__", own)!r}; nothing was loaded. Make the model with that {argument}, or use '
                'from_hugging_face. To keep yours, load the safetensors file from a folder without config.json.'
            )


def config_of(model: BertModel) -> dict[str, Any]:
    """A model's `config.json`: what it was read with, if it was, and over it what the model is.

    Raises:
        ArgumentError: An activation that transformers does not know.
    """
    backbone = backbone_of(model)
    activation = next((name for name, function in _ACTIVATIONS.items() if function is backbone.activation), None)
    if activation is None:
        raise ArgumentError(
            f'Expected activation to be one of {sorted(_ACTIVATIONS)}, received {backbone.activation!r}: transformers '
            'has no name for it.'
        )
    within = backbone.dropout if backbone.attention_dropout is None else backbone.attention_dropout
    config = {'initializer_range': 0.02, 'pad_token_id': 0} | _kept(model)
    config |= {key: getattr(backbone, argument) for key, argument in _SIZES.items()} | {
        'architectures': [_architecture(model)], 'hidden_act': activation,
        'layer_norm_eps': backbone.layer_norm_epsilon,
        'hidden_dropout_prob': backbone.dropout, 'attention_probs_dropout_prob': within,
        'tie_word_embeddings': True, **_FIXED,
    }  # fmt: skip
    if isinstance(model, (BertTextClassifier, BertTokenClassifier)):
        names = _names(config.get('id2label'), model.num_classes)
        config |= {'classifier_dropout': model.dropout}
        config |= {'id2label': names, 'label2id': {name: int(index) for index, name in names.items()}}
    return config


def _kept(model: BertModel) -> dict[str, Any]:
    """What the `config.json` that a model was read with says of it still; a new head's classes are others."""
    told = model.config_read or backbone_of(model).config_read
    own = model.config_read and isinstance(model, (BertTextClassifier, BertTokenClassifier))
    left_out = _NOT_KEPT if own else (*_NOT_KEPT, *_OF_HEADS)
    return {key: value for key, value in json.loads(told or '{}').items() if key not in left_out}


def _names(told: Any, num_classes: int) -> dict[str, str]:
    """The classes' names, which are those that were read where they are of as many classes."""
    numbers = [str(index) for index in range(num_classes)]
    if isinstance(told, dict) and sorted(told) == sorted(numbers):
        return {index: str(told[index]) for index in numbers}
    return {index: f'LABEL_{index}' for index in numbers}


def _architecture(model: BertModel) -> str:
    for kind, name in (
        (BertPretrainer, 'BertForPreTraining'),
        (BertMaskedLM, 'BertForMaskedLM'),
        (BertTextClassifier, 'BertForSequenceClassification'),
        (BertTokenClassifier, 'BertForTokenClassification'),
    ):
        if isinstance(model, kind):
            return name
    return 'BertModel'
