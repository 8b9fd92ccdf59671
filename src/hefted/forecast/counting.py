"""How many parameters a transformer has, by the config.json that Hugging Face writes.

Per block: attention 2 d^2 + 2 d x (heads for keys) x (their width), or 4 d^2, or that of compressed keys and values
(DeepSeek-AI 2024, section 2.1); feed-forward 2 d f, or 3 d f with a gate, or as many of them as there are experts; two
norms. Besides: the vocabulary by d, once more where the output's is not the input's, and positions where they are
learnt. What a file leaves out is what its family's class in `transformers` has by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hefted.errors import ArgumentError

Config = Mapping[str, Any]
# Families with three matrices in a feed-forward block, one of them a gate; others tell it by their activation.
_GATED = ('llama', 'mistral', 'mixtral', 'qwen', 'gemma', 'olmo', 'smollm', 'deepseek', 'modernbert', 'phi3', 'cohere')
_UNTIED_UNLESS_SAID = (
    *(each for each in _GATED if each not in ('gemma', 'modernbert', 'cohere')),
    *('gpt_neox', 'gptj', 'codegen', 'persimmon', 'stablelm', 'dbrx', 'granite', 'phi', 'glm', 'gpt_oss', 'internlm'),
    *('baichuan', 'nemotron', 'exaone', 'minicpm', 'yi'),
)
# Kinds of layers whose parameters, or whose operations, are no transformer's.
_OTHER_KINDS = ('mamba', 'rwkv', 'jamba', 'zamba', 'falcon_mamba', 'recurrent_gemma', 'bamba', 'xlstm', 'hyena')


class Count(NamedTuple):
    """Parameters.

    Attributes:
        whole: In all.
        passed: Those that one token passes.
    """

    whole: int
    passed: int


def counted(config: Config, family: str, width: int, layers: int, decoders: int) -> Count:
    """Count.

    Args:
        config: As the file holds it.
        family: Its model_type, in small letters.
        width: Of a token's vector.
        layers: Blocks in all.
        decoders: Those of them that attend to an encoder too.

    Raises:
        ArgumentError: If it is no transformer, or one whose parameters do not tell its operations.
    """
    refuse_others(config, family)
    gated = _is_gated(config, family)
    biased = not gated and not family.startswith('t5') and not config.get('no_bias') and config.get('bias') is not False
    block = _attention(config, width, biased) + (4 if biased else 2) * width
    crossed = decoders * (4 * width**2 + (6 if biased else 1) * width)
    around = _embeddings(config, family, width) + (2 * width if biased else width) + layers * block + crossed
    experts = _experts(config, family, width, 3 if gated else 2)
    plain = (3 if gated else 2) * width * _inner(config, width) + (_inner(config, width) + width if biased else 0)
    if experts is None:
        return Count(around + layers * plain, around + layers * plain)
    dense = _dense_layers(config, layers)
    same = around + dense * plain
    return Count(same + (layers - dense) * experts.whole, same + (layers - dense) * experts.passed)


def whole(config: Config, *names: str) -> int | None:
    """The first of these that is told, as a whole number above 0."""
    name = next((name for name in names if config.get(name) is not None), None)
    if name is None:
        return None
    value: object = config[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise ArgumentError(f'config: expected a whole number as {name}, received {value!r}.')
    return value or None


def patches(config: Config) -> int | None:
    """Tokens that an image makes, with the one for its class; None where no image is read."""
    size, side = whole(config, 'image_size'), whole(config, 'patch_size')
    return (size // side) ** 2 + 1 if size and side else None


def refuse_others(config: Config, family: str) -> None:
    """Say so where a configuration is of something that is not counted here.

    Raises:
        ArgumentError: If it is.
    """
    if family.startswith(_OTHER_KINDS):
        raise ArgumentError(
            f'config: {family} is no transformer, and its layers are not counted here. Give --params and --tokens.'
        )
    if family.startswith('albert'):
        raise ArgumentError(
            'config: albert uses the same parameters in every block, so they do not tell its operations. Give --params '
            'of a model of as many blocks that shares none.'
        )
    parts = sorted(name for name in config if name in ('text_config', 'vision_config', 'audio_config', 'llm_config'))
    if parts and 'hidden_size' not in config:
        raise ArgumentError(
            f'config: expected one model, received several ({", ".join(parts)}). Give --params of all, or the '
            'config.json of one of them.'
        )


def _is_gated(config: Config, family: str) -> bool:
    how = str(config.get('feed_forward_proj', ''))
    gate = how.startswith('gated') or config.get('is_gated_act') is True
    return family.startswith(_GATED) or gate or config.get('hidden_act') in ('silu', 'swish', 'swiglu')


def _inner(config: Config, width: int) -> int:
    names = ('intermediate_size_mlp', 'intermediate_size', 'n_inner', 'd_ff', 'ffn_dim', 'encoder_ffn_dim')
    return whole(config, *names, 'hidden_dim', 'ffn_hidden_size') or (whole(config, 'expansion_ratio') or 4) * width


def _experts(config: Config, family: str, width: int, matrices: int) -> Count | None:
    """A feed-forward block of experts, with its router and what all tokens share; None where there is none."""
    experts = whole(config, 'num_local_experts', 'num_experts', 'n_routed_experts') or 1
    if experts == 1:
        return None
    used = min(whole(config, 'num_experts_per_tok', 'experts_per_token') or 1, experts)
    inner = whole(config, 'moe_intermediate_size', 'intermediate_size') or 4 * width
    shared = whole(config, 'shared_expert_intermediate_size')
    if shared is None:
        shared = inner * (whole(config, 'n_shared_experts') or (1 if family.startswith('llama4') else 0))
    each, always = matrices * width * inner, matrices * width * shared + experts * width
    return Count(always + experts * each, always + used * each)


def _dense_layers(config: Config, layers: int) -> int:
    """Layers without experts in a mixture of experts."""
    every = whole(config, 'interleave_moe_layer_step', 'decoder_sparse_step') or 1
    named: object = config.get('mlp_only_layers')
    alone = len(named) if isinstance(named, list) else 0  # pyright: ignore[reportUnknownArgumentType]
    return min(max(whole(config, 'first_k_dense_replace') or alone, layers - layers // every), layers)


def _attention(config: Config, width: int, biased: bool) -> int:
    heads = whole(config, 'num_attention_heads', 'n_head', 'num_heads', 'n_heads', 'encoder_attention_heads') or 1
    if config.get('kv_lora_rank') is not None:
        return _compressed(config, width, heads)
    size = whole(config, 'head_dim', 'd_kv') or width // heads
    alone = config.get('multi_query') is True
    keys = whole(config, 'num_key_value_heads', 'num_kv_heads') or (1 if alone else heads)
    out, across = heads * size, keys * size
    return 2 * width * out + 2 * width * across + (out + 2 * across + width if biased else 0)


def _compressed(config: Config, width: int, heads: int) -> int:
    """Attention over compressed keys and values, whose queries may be compressed too."""
    names = ('kv_lora_rank', 'qk_nope_head_dim', 'qk_rope_head_dim', 'v_head_dim')
    held, plain, turned, values = (whole(config, name) or 0 for name in names)
    ask, queries = whole(config, 'q_lora_rank'), heads * (plain + turned)
    asked = width * queries if ask is None else width * ask + ask + ask * queries
    return asked + width * (held + turned) + held + held * heads * (plain + values) + heads * values * width


def _embeddings(config: Config, family: str, width: int) -> int:
    """Vocabulary, positions and types; the output's own vocabulary where it is not the input's; patches of images."""
    inner = whole(config, 'embedding_size', 'word_embed_proj_dim') or width
    words = (whole(config, 'vocab_size') or 0) * inner
    tied = config.get('tie_word_embeddings', not family.startswith(_UNTIED_UNLESS_SAID))
    types = (whole(config, 'type_vocab_size') or 0) * inner
    pooler = width * (width + 1) if 'bert' in family and 'type_vocab_size' in config else 0
    wider = (inner + 1) * width if inner != width else 0
    return (
        words * (1 if tied else 2)
        + (_positions(config, family) * inner)
        + types
        + pooler
        + wider
        + _seen(config, width)
    )


def _positions(config: Config, family: str) -> int:
    """Positions that are learnt; none where they turn vectors (RoPE) or shift scores."""
    told = [whole(config, name) or 0 for name in ('max_source_positions', 'max_target_positions')]
    if any(told):
        return sum(told)
    turns = ('rope_theta', 'rotary_pct', 'rope_scaling', 'rotary_dim', 'relative_attention_num_buckets')
    learnt = 'n_positions' in config or 'type_vocab_size' in config or family in ('opt', 'bart', 'distilbert')
    if not learnt or any(key in config for key in turns):
        return 0
    each = whole(config, 'n_positions', 'max_position_embeddings') or 0
    return 2 * each if family == 'bart' else each


def _seen(config: Config, width: int) -> int:
    """What makes tokens of an image's patches, or of sound."""
    tokens, side, bands = patches(config), whole(config, 'patch_size') or 0, whole(config, 'num_mel_bins')
    if tokens:
        return (whole(config, 'num_channels') or 3) * side**2 * width + (tokens + 2) * width
    return 3 * (bands + width) * width + 2 * width if bands else 0
