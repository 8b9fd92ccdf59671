"""A transformer's shape, told or read from the config.json that Hugging Face writes; no code is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hefted.errors import ArgumentError, MissingFileError
from hefted.forecast.counting import counted, patches, refuse_others, whole
from hefted.forecast.utilisation import Kind

_ENCODERS = ('bert', 'electra', 'deberta', 'vit', 'deit', 'beit', 'dinov2', 'longformer')
_BOTH = ('t5', 'bart', 'pegasus', 'marian', 'm2m', 'whisper')
_LONGEST_TRAINED = 8192  # Llama 3 to 3.3, whose configurations say up to 131,072
_LARGEST = 4 * 2**20  # bytes of a config.json that is read


@dataclass(frozen=True, slots=True)
class Shape:
    """A transformer's shape; None is what nobody told.

    Attributes:
        layers: Blocks, encoder and decoder together.
        width: Of a token's vector.
        sequence_length: Tokens of one sequence in training.
        vocabulary: Entries of the vocabulary.
        kind: 'decoder', 'encoder' or 'encoder-decoder'.
        parameters: Numbers in all.
        active: Of them, those that one token passes.
    """

    layers: int | None = None
    width: int | None = None
    sequence_length: int | None = None
    vocabulary: int | None = None
    kind: Kind = 'decoder'
    parameters: int | None = None
    active: int | None = None


def shape_of_config(path: str | Path) -> Shape:
    """Read a model's config.json and count its parameters.

    Args:
        path: The file, or the folder that holds it.

    Raises:
        MissingFileError: If there is no such file.
        ArgumentError: If it is no JSON object, or tells no width and layers.
    """
    file = Path(path)
    file = file / 'config.json' if file.is_dir() else file
    if not file.is_file():
        raise MissingFileError(f'config: expected a config.json or its folder, received {str(path)!r}: no such file.')
    if file.stat().st_size > _LARGEST:
        raise ArgumentError(f'config: expected a config.json of at most {_LARGEST:,} bytes, {file.name} is larger.')
    try:
        read: object = json.loads(file.read_text('utf-8'))
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f'config: {file.name} is no JSON: {error}. Give the config.json of a model.') from error
    if not isinstance(read, dict):
        raise ArgumentError(f'config: expected a JSON object in {file.name}. Give the config.json of a model.')
    return shape_of(cast('dict[str, Any]', read))


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape that a configuration tells, and how many parameters it makes.

    Args:
        config: As Hugging Face writes it (BERT, GPT-2, Llama, T5, ViT and their families, with experts or without).

    Raises:
        ArgumentError: If width or layers are missing, or are no whole numbers.

    Example:
        >>> gpt2 = {'model_type': 'gpt2', 'n_embd': 768, 'n_layer': 12, 'vocab_size': 50257, 'n_positions': 1024}
        >>> shape_of(gpt2).parameters
        124439808
    """
    family = str(config.get('model_type', '')).lower()
    refuse_others(config, family)
    width, layers = whole(config, *_WIDTH), whole(config, *_LAYERS)
    if width is None or layers is None:
        raise ArgumentError(
            f'config: expected hidden_size and num_hidden_layers (or n_embd and n_layer), received '
            f'{sorted(config)[:8]}. '
            'Give the config.json of a transformer, or --params.'
        )
    both = bool(config.get('is_encoder_decoder')) or family.startswith(_BOTH)
    decoders = (whole(config, 'decoder_layers', 'num_decoder_layers') or layers) if both else 0
    kind: Kind = 'encoder-decoder' if both else 'encoder' if any(word in family for word in _ENCODERS) else 'decoder'
    count = counted(config, family, width, layers + decoders, decoders)
    return Shape(
        layers + decoders,
        width,
        _trained_length(config),
        whole(config, 'vocab_size'),
        kind,
        count.whole,
        count.passed if count.passed < count.whole else None,
    )


_WIDTH = ('hidden_size', 'n_embd', 'd_model', 'dim')
_LAYERS = ('num_hidden_layers', 'n_layer', 'num_layers', 'encoder_layers', 'n_layers')


def _trained_length(config: Mapping[str, Any]) -> int | None:
    """Tokens of a sequence in training: what a model can be stretched to later, it is hardly trained at."""
    names = ('max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len', 'max_sequence_length')
    most = patches(config) or whole(config, *names)
    return most and min(most, _LONGEST_TRAINED)
