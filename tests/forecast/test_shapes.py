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
    ],
)
def test_parameters_are_counted_as_published(config: dict[str, Any], published: int, kind: str):
    shape = shape_of(config)
    assert shape.parameters == pytest.approx(published, rel=1e-4)
    assert shape.kind == kind


def test_a_token_passes_two_of_eight_experts():
    shape = shape_of(MIXTRAL)
    assert shape.active == pytest.approx(12.9e9, rel=0.01)
    assert shape_of(LLAMA_2).active is None


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


KEYS = st.sampled_from([*BERT_LARGE, *MIXTRAL, *T5])
VALUES = st.one_of(st.none(), st.integers(), st.text(), st.floats(), st.booleans())


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS, VALUES))
def test_no_configuration_does_more_than_be_refused(config: dict[str, Any]):
    try:
        assert (shape_of(config).parameters or 0) > 0
    except ArgumentError as error:
        assert 'config:' in str(error)
