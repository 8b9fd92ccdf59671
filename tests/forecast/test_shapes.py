"""Parameters are counted from configurations alone, as published counts have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.errors import ArgumentError, MissingFileError
from hefted.forecast.planning import plan_of_config
from hefted.forecast.shapes import shape_of, shape_of_config

GPT2 = {'model_type': 'gpt2', 'n_embd': 768, 'n_layer': 12, 'n_head': 12, 'vocab_size': 50257, 'n_positions': 1024}
BERT_LARGE = {
    'model_type': 'bert', 'hidden_size': 1024, 'num_hidden_layers': 24, 'num_attention_heads': 16, 'vocab_size': 30522,
    'intermediate_size': 4096, 'max_position_embeddings': 512, 'type_vocab_size': 2,
}  # fmt: skip
LLAMA_2 = {
    'model_type': 'llama', 'hidden_size': 4096, 'num_hidden_layers': 32, 'num_attention_heads': 32, 'vocab_size': 32000,
    'intermediate_size': 11008, 'max_position_embeddings': 4096, 'tie_word_embeddings': False,
}  # fmt: skip
LLAMA_3 = LLAMA_2 | {'intermediate_size': 14336, 'num_key_value_heads': 8, 'vocab_size': 128256, 'rope_theta': 5e5}
MIXTRAL = LLAMA_3 | {
    'model_type': 'mixtral', 'vocab_size': 32000, 'num_local_experts': 8, 'num_experts_per_tok': 2,
}  # fmt: skip
NEOX = {
    'model_type': 'gpt_neox', 'hidden_size': 512, 'num_hidden_layers': 6, 'num_attention_heads': 8, 'vocab_size': 50304,
    'intermediate_size': 2048, 'max_position_embeddings': 2048, 'tie_word_embeddings': False, 'rotary_pct': 0.25,
}  # fmt: skip
T5 = {
    'model_type': 't5', 'd_model': 512, 'num_layers': 6, 'num_decoder_layers': 6, 'num_heads': 8, 'd_kv': 64,
    'd_ff': 2048, 'vocab_size': 32128, 'is_encoder_decoder': True, 'relative_attention_num_buckets': 32,
}  # fmt: skip
QWEN_3 = {
    'model_type': 'qwen3_moe', 'hidden_size': 2048, 'num_hidden_layers': 48, 'num_attention_heads': 32, 'head_dim': 128,
    'num_key_value_heads': 4, 'intermediate_size': 6144, 'moe_intermediate_size': 768, 'num_experts': 128,
    'num_experts_per_tok': 8, 'vocab_size': 151_936, 'tie_word_embeddings': False,
}  # fmt: skip
DEEPSEEK = {
    'model_type': 'deepseek_v3', 'hidden_size': 7168, 'num_hidden_layers': 61, 'num_attention_heads': 128,
    'intermediate_size': 18_432, 'moe_intermediate_size': 2048, 'n_routed_experts': 256, 'n_shared_experts': 1,
    'num_experts_per_tok': 8, 'first_k_dense_replace': 3, 'q_lora_rank': 1536, 'kv_lora_rank': 512,
    'qk_nope_head_dim': 128, 'qk_rope_head_dim': 64, 'v_head_dim': 128, 'vocab_size': 129_280,
}  # fmt: skip
FLAN = T5 | {
    'd_model': 768, 'num_layers': 12, 'num_decoder_layers': 12, 'num_heads': 12, 'feed_forward_proj': 'gated-gelu',
    'tie_word_embeddings': False,
}  # fmt: skip
WHISPER = {
    'model_type': 'whisper', 'd_model': 512, 'encoder_layers': 6, 'decoder_layers': 6, 'encoder_ffn_dim': 2048,
    'encoder_attention_heads': 8, 'vocab_size': 51_865, 'max_source_positions': 1500, 'max_target_positions': 448,
    'num_mel_bins': 80, 'is_encoder_decoder': True,
}  # fmt: skip
BART = {
    'model_type': 'bart', 'd_model': 768, 'encoder_layers': 6, 'decoder_layers': 6, 'encoder_ffn_dim': 3072,
    'encoder_attention_heads': 12, 'vocab_size': 50_265, 'max_position_embeddings': 1024, 'is_encoder_decoder': True,
}  # fmt: skip
VIT = {
    'model_type': 'vit', 'hidden_size': 768, 'num_hidden_layers': 12, 'num_attention_heads': 12,
    'intermediate_size': 3072, 'image_size': 224, 'patch_size': 16, 'num_channels': 3,
}  # fmt: skip
DISTILBERT = {
    'model_type': 'distilbert', 'dim': 768, 'hidden_dim': 3072, 'n_layers': 6, 'n_heads': 12, 'vocab_size': 30_522,
    'max_position_embeddings': 512,
}  # fmt: skip
FALCON = {
    'model_type': 'falcon', 'hidden_size': 4544, 'num_hidden_layers': 32, 'num_attention_heads': 71,
    'multi_query': True, 'bias': False, 'vocab_size': 65_024,
}  # fmt: skip


@pytest.mark.parametrize(
    ('config', 'published', 'kind'),
    [
        (GPT2, 124_439_808, 'decoder'),
        (BERT_LARGE, 335_141_888, 'encoder'),
        (LLAMA_2, 6_738_415_616, 'decoder'),
        (LLAMA_3, 8_030_261_248, 'decoder'),
        (MIXTRAL, 46_702_792_704, 'decoder'),
        (NEOX, 70_426_624, 'decoder'),
        (T5, 60_506_624, 'encoder-decoder'),
        (FLAN, 247_577_856, 'encoder-decoder'),
        (WHISPER, 72_593_920, 'encoder-decoder'),
        (BART, 139_420_416, 'encoder-decoder'),
        (VIT, 85_798_656, 'encoder'),
        (DISTILBERT, 66_362_880, 'encoder'),
        (FALCON, 6_921_720_704, 'decoder'),
        (QWEN_3, 30_532_122_624, 'decoder'),
        (DEEPSEEK, 671_026_419_200, 'decoder'),
    ],
)
def test_parameters_are_counted_as_published(config: dict[str, Any], published: int, kind: str):
    shape = shape_of(config)
    assert shape.parameters == pytest.approx(published, rel=2e-4)
    assert shape.kind == kind


def test_a_token_passes_two_of_eight_experts():
    shape = shape_of(MIXTRAL)
    assert shape.active == pytest.approx(12.9e9, rel=0.01)
    assert shape_of(LLAMA_2).active is None


def test_small_experts_and_those_that_all_tokens_pass_are_counted_by_their_own_width():
    assert shape_of(QWEN_3).active == pytest.approx(3.35e9, rel=0.01)  # 'A3B'
    assert shape_of(DEEPSEEK).active == pytest.approx(37.5e9, rel=0.01)
    assert (shape_of(QWEN_3 | {'mlp_only_layers': [0, 1]}).parameters or 0) < (shape_of(QWEN_3).parameters or 0)


@pytest.mark.parametrize(
    ('config', 'says'),
    [
        ({'model_type': 'mamba', 'hidden_size': 768, 'num_hidden_layers': 24}, 'no transformer'),
        ({'model_type': 'albert', 'hidden_size': 768, 'num_hidden_layers': 12}, 'same parameters'),
        ({'model_type': 'llava', 'text_config': LLAMA_2, 'vision_config': VIT}, 'text_config, vision_config'),
    ],
)
def test_what_would_be_counted_wrongly_is_refused_with_a_way_on(config: dict[str, Any], says: str):
    with pytest.raises(ArgumentError, match='--params') as caught:
        shape_of(config)
    assert says in str(caught.value)


def test_an_image_is_as_long_as_its_patches():
    assert shape_of(VIT).sequence_length == 197


def test_a_model_is_trained_at_shorter_sequences_than_it_can_be_stretched_to():
    assert shape_of(LLAMA_3 | {'max_position_embeddings': 131_072}).sequence_length == 8192
    assert shape_of(BERT_LARGE).sequence_length == 512


def test_a_folder_is_read_by_its_config(tmp_path: Path):
    (tmp_path / 'config.json').write_text(json.dumps(GPT2), 'utf-8')
    assert shape_of_config(tmp_path) == shape_of_config(tmp_path / 'config.json') == shape_of(GPT2)
    plan = plan_of_config(tmp_path, 10e9, batch=512)
    assert plan.parameters == 124_439_808
    assert plan.steps == 19074  # of 512 x 1024 tokens
    assert plan.flops == pytest.approx(10e9 * (6 * 124_439_808 + 12 * 12 * 768 * 1024))


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('{', 'no JSON'),
        ('[1]', 'JSON object'),
        ('{"hidden_size": 8}', 'num_hidden_layers'),
        ('{"hidden_size": "8", "n_layer": 2}', "received '8'"),
        ('{"hidden_size": true, "n_layer": 2}', 'received True'),
        ('{"hidden_size": -8, "n_layer": 2}', 'received -8'),
        ('[' * 100_000, 'no JSON'),
    ],
)
def test_a_file_that_tells_no_model_is_refused_with_a_reason(tmp_path: Path, text: str, says: str):
    file = tmp_path / 'config.json'
    file.write_text(text, 'utf-8')
    with pytest.raises(ArgumentError, match='config:') as caught:
        shape_of_config(file)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(MissingFileError, match='no such file'):
        shape_of_config(tmp_path / 'none.json')


KEYS = st.sampled_from([*BERT_LARGE, *MIXTRAL, *T5, *DEEPSEEK, *QWEN_3, *WHISPER, *VIT, 'mlp_only_layers'])
VALUES = st.one_of(st.none(), st.integers(), st.text(), st.floats(), st.booleans())


@settings(max_examples=60)
@given(st.dictionaries(KEYS, VALUES))
def test_no_configuration_does_more_than_be_refused(config: dict[str, Any]):
    try:
        assert (shape_of(config).parameters or 0) > 0
    except ArgumentError as error:
        assert 'config:' in str(error)
