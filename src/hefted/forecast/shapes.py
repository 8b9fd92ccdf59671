"""A transformer's shape, told or read from the config.json that Hugging Face writes; no code is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hefted.errors import ArgumentError, MissingFileError
from hefted.forecast.utilisation import Kind

_ENCODERS = ('bert', 'electra', 'deberta', 'albert', 'vit', 'longformer')
_BOTH = ('t5', 'bart', 'pegasus', 'marian', 'm2m')
# Families with three matrices in a feed-forward block, one of them a gate.
_GATED = ('llama', 'mistral', 'mixtral', 'qwen', 'gemma', 'olmo', 'smollm', 'deepseek', 'modernbert', 'phi3', 'cohere')
_TIED_UNLESS_SAID = ('gpt2', 'bert', 'roberta', 'gemma', 't5', 'electra', 'distil', 'albert', 'opt', 'bloom')
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
        feed_forward: Inner width of a feed-forward block.
        kind: 'decoder', 'encoder' or 'encoder-decoder'.
        parameters: Numbers in all.
        active: Of them, those that one token passes.
    """

    layers: int | None = None
    width: int | None = None
    sequence_length: int | None = None
    vocabulary: int | None = None
    feed_forward: int | None = None
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

    Per block: attention 2 d^2 + 2 d x (heads for keys) x (their width), or 4 d^2; feed-forward 2 d f, or 3 d f with a
    gate; two norms. Besides: the vocabulary by d, once more where the output's is not the input's, and positions where
    they are learnt.

    Args:
        config: As Hugging Face writes it (BERT, GPT-2, Llama and their families).

    Raises:
        ArgumentError: If width or layers are missing, or are no whole numbers.

    Example:
        >>> gpt2 = {'model_type': 'gpt2', 'n_embd': 768, 'n_layer': 12, 'vocab_size': 50257, 'n_positions': 1024}
        >>> shape_of(gpt2).parameters
        124439808
    """
    family = str(config.get('model_type', '')).lower()
    width, layers = _whole(config, 'hidden_size', 'n_embd', 'd_model'), _whole(config, *_LAYERS)
    decoders = _whole(config, 'decoder_layers', 'num_decoder_layers')
    both = bool(config.get('is_encoder_decoder')) or family.startswith(_BOTH)
    if width is None or layers is None:
        raise ArgumentError(
            f'config: expected hidden_size and num_hidden_layers (or n_embd and n_layer), received '
            f'{sorted(config)[:8]}. '
            'Give the config.json of a transformer, or --params.'
        )
    feed_forward = _whole(config, 'intermediate_size', 'n_inner', 'd_ff', 'ffn_dim', 'encoder_ffn_dim') or 4 * width
    kind: Kind = 'encoder-decoder' if both else 'encoder' if any(word in family for word in _ENCODERS) else 'decoder'
    others = layers if decoders is None else decoders
    whole, passed = _counted(config, family, width, layers + others if both else layers, feed_forward)
    whole, passed = (count + (others * 4 * width**2 if both else 0) for count in (whole, passed))
    return Shape(
        layers + others if both else layers,
        width,
        _trained_length(config),
        _whole(config, 'vocab_size'),
        feed_forward,
        kind,
        whole,
        passed if passed < whole else None,
    )


_LAYERS = ('num_hidden_layers', 'n_layer', 'num_layers', 'encoder_layers', 'n_layers')


def _counted(config: Mapping[str, Any], family: str, width: int, layers: int, feed_forward: int) -> tuple[int, int]:
    """Parameters in all, and those that one token passes."""
    gated = family.startswith(_GATED)
    biased = not gated and family != 't5'
    matrices = (3 if gated else 2) * width * feed_forward
    experts = _whole(config, 'num_local_experts', 'num_experts', 'n_routed_experts') or 1
    used = min(_whole(config, 'num_experts_per_tok') or 1, experts)
    each = matrices + (feed_forward + width if biased else 0)
    norms = (4 if biased else 2) * width
    block = _attention(config, width, biased) + norms + (experts * width if experts > 1 else 0)
    around = _embeddings(config, family, width) + (2 * width if biased else width)
    return around + layers * (block + experts * each), around + layers * (block + used * each)


def _trained_length(config: Mapping[str, Any]) -> int | None:
    """Tokens of a sequence in training: what a model can be stretched to later, it is hardly trained at."""
    most = _whole(config, 'max_position_embeddings', 'n_positions', 'n_ctx')
    return most and min(most, _LONGEST_TRAINED)


def _attention(config: Mapping[str, Any], width: int, biased: bool) -> int:
    heads = _whole(config, 'num_attention_heads', 'n_head', 'num_heads') or 1
    size = _whole(config, 'head_dim', 'd_kv') or width // heads
    keys = _whole(config, 'num_key_value_heads', 'num_kv_heads') or (1 if config.get('multi_query') else heads)
    out, across = heads * size, keys * size
    return 2 * width * out + 2 * width * across + (out + 2 * across + width if biased else 0)


def _embeddings(config: Mapping[str, Any], family: str, width: int) -> int:
    """Vocabulary, positions and types; the output's own vocabulary where it is not the input's."""
    words = (_whole(config, 'vocab_size') or 0) * width
    tied = config.get('tie_word_embeddings', any(word in family for word in _TIED_UNLESS_SAID))
    learnt = 'n_positions' in config or 'type_vocab_size' in config or family == 'opt'
    positions = _whole(config, 'n_positions', 'max_position_embeddings') if learnt and not _turned(config) else 0
    types = _whole(config, 'type_vocab_size') or 0
    pooler = width * (width + 1) if 'bert' in family and 'type_vocab_size' in config else 0
    return words * (1 if tied else 2) + ((positions or 0) + types) * width + pooler


def _turned(config: Mapping[str, Any]) -> bool:
    """Whether positions turn vectors (RoPE), or shift scores, so that none are learnt."""
    return any(key in config for key in ('rope_theta', 'rotary_pct', 'rope_scaling', 'relative_attention_num_buckets'))


def _whole(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that is told, as a whole number above 0."""
    name = next((name for name in names if config.get(name) is not None), None)
    if name is None:
        return None
    value: object = config[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise ArgumentError(f'config: expected a whole number as {name}, received {value!r}.')
    return value or None
