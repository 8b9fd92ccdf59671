"""BERT's files in Hugging Face's layout: what is written is read again, and what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted.errors import ArchiveError, ArgumentError, MissingFileError, NotBuiltError, UnknownNameError
from hefted.layers import Dense
from hefted.models import Sequential, bert
from hefted.saving.safetensors import entries_of, read_tensors, write_tensors

IDS = np.random.default_rng(0).integers(5, 60, (3, 12))


def small(**changes: Any) -> bert.BertBackbone:
    return bert.BertBackbone(**({
        'vocabulary_size': 60, 'num_layers': 2, 'num_heads': 2, 'hidden_dim': 16, 'intermediate_dim': 32,
        'max_sequence_length': 16,
    } | changes))  # fmt: skip


MODELS = {
    'backbone': lambda: small(),
    'masked_lm': lambda: bert.BertMaskedLM(small(pooler=False)),
    'pretraining': lambda: bert.BertPretrainer(small()),
    'text_classifier': lambda: bert.BertTextClassifier(small(), 3),
    'token_classifier': lambda: bert.BertTokenClassifier(small(pooler=False), 4),
}


def written(folder: Path, kind: str = 'backbone') -> Any:
    model = MODELS[kind]()
    model.build()
    for variable in model.weights:  # nothing may be 0 or 1 by chance
        variable.assign(variable.numpy() + np.random.default_rng(1).standard_normal(variable.shape).astype('float32'))
    bert.to_hugging_face(model, folder)
    return model


def tensors(folder: Path) -> dict[str, Any]:
    path = folder / 'model.safetensors'
    return {name: value.copy() for name, value in read_tensors(path, entries_of(path))}


def rewrite(folder: Path, change: Any) -> None:
    values = tensors(folder)
    write_tensors(folder / 'model.safetensors', change(values) or values, 'pt')


@pytest.mark.parametrize('kind', MODELS)
def test_what_is_written_is_read_again_to_the_bit(kind: str, tmp_path: Path):
    model = written(tmp_path, kind)
    again = bert.from_hugging_face(tmp_path)
    assert type(again) is type(model)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    fresh = MODELS[kind]()
    bert.load_hugging_face(fresh, tmp_path / 'model.safetensors')
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, fresh.weights, strict=True))


def test_a_kernel_lies_in_the_file_as_pytorch_has_it(tmp_path: Path):
    model = written(tmp_path)
    found = tensors(tmp_path)
    block = model.blocks[1]
    query = block.attention.query_kernel.numpy()
    np.testing.assert_array_equal(found['encoder.layer.1.attention.self.query.weight'], query.reshape(16, 16).T)
    np.testing.assert_array_equal(
        found['encoder.layer.1.intermediate.dense.weight'], block.intermediate.kernel.numpy().T
    )
    assert found['encoder.layer.1.attention.self.query.bias'].shape == (16,)


def test_heads_are_left_out_where_the_encoder_is_asked_for(tmp_path: Path):
    model = written(tmp_path, 'pretraining')
    backbone = bert.from_hugging_face(tmp_path, task='backbone')
    np.testing.assert_array_equal(backbone(IDS)['pooled_output'], model.backbone(IDS)['pooled_output'])
    assert isinstance(bert.from_hugging_face(tmp_path, task='text_embedder'), bert.BertTextEmbedder)
    assert isinstance(bert.from_hugging_face(tmp_path, task='masked_lm'), bert.BertMaskedLM)


def test_a_file_without_a_pooler_gives_a_backbone_without_one(tmp_path: Path):
    written(tmp_path, 'masked_lm')
    assert bert.from_hugging_face(tmp_path, task='backbone').pooler is None
    with pytest.raises(ArchiveError, match=r'pooler\.dense\.weight \[16, 16\] is missing'):
        bert.load_hugging_face(small(), tmp_path)


def test_older_names_and_buffers_and_the_tied_decoder_are_understood(tmp_path: Path):
    model = written(tmp_path, 'masked_lm')

    def older(values: Any) -> Any:
        renamed = {
            name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): value
            for name, value in values.items()
        }
        table = values['bert.embeddings.word_embeddings.weight']
        bias = values['cls.predictions.bias']
        extra = {'cls.predictions.decoder.weight': table, 'cls.predictions.decoder.bias': bias}
        return renamed | extra | {'bert.embeddings.position_ids': np.arange(16)[None]}

    rewrite(tmp_path, older)
    again = bert.from_hugging_face(tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, again.weights, strict=True))

    def untied(values: Any) -> None:
        values['cls.predictions.decoder.weight'][0, 0] += 1

    rewrite(tmp_path, untied)
    with pytest.raises(ArchiveError, match=r'decoder\.weight.*to equal .*word_embeddings'):
        bert.from_hugging_face(tmp_path)


def test_halves_are_read_as_what_the_model_keeps(tmp_path: Path):
    model = written(tmp_path)
    rewrite(tmp_path, lambda values: {name: value.astype('float16') for name, value in values.items()})
    again = bert.from_hugging_face(tmp_path)
    assert {v.dtype for v in again.weights} == {'float32'}
    np.testing.assert_allclose(again.weights[0], model.weights[0], atol=2e-3)


def test_dropout_and_dtype_may_be_others_than_the_files(tmp_path: Path):
    written(tmp_path)
    model = bert.from_hugging_face(tmp_path, dropout=0.0, dtype='mixed_bfloat16')
    assert model.dropout == 0.0
    np.testing.assert_array_equal(  # of the attention's weights as well
        model(IDS, training=True)['sequence_output'], model(IDS, training=True)['sequence_output']
    )
    assert bert.from_hugging_face(tmp_path, dropout=0.0, attention_dropout=0.2).attention_dropout == 0.2
    assert bert.from_hugging_face(tmp_path).attention_dropout == 0.1
    assert model(IDS)['sequence_output'].dtype == 'bfloat16'


def test_several_files_with_an_index_are_one_model(tmp_path: Path):
    model = written(tmp_path)
    values = tensors(tmp_path)
    (tmp_path / 'model.safetensors').unlink()
    names = list(values)
    for number, part in enumerate((names[:9], names[9:])):
        write_tensors(tmp_path / f'model-{number}.safetensors', {name: values[name] for name in part}, 'pt')
    places = {name: f'model-{int(index >= 9)}.safetensors' for index, name in enumerate(names)}
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps({'weight_map': places}))
    again = bert.from_hugging_face(tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, again.weights, strict=True))
    index.write_text(json.dumps({'weight_map': {'a': '../model.safetensors'}}))
    with pytest.raises(ArchiveError, match='names of safetensors files'):
        bert.from_hugging_face(tmp_path)


def _without(name: str) -> Any:
    return lambda values: {key: value for key, value in values.items() if key != name}


TABLE = 'embeddings.word_embeddings.weight'


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        (_without(TABLE), rf'{TABLE} \[60, 16\] is missing'),
        (lambda v: v | {'embeddings.odd': np.ones(3, 'float32')}, r'embeddings\.odd \[3\] is not expected'),
        (lambda v: v | {TABLE: v[TABLE][:50]}, rf'{TABLE} has shape \[50, 16\], expected \[60, 16\]'),
        (lambda v: v | {TABLE: v[TABLE].astype('int32')}, rf'{TABLE} has dtype int32, expected a floating one'),
    ],
)
def test_tensors_that_do_not_fit_are_named_and_nothing_is_loaded(change: Any, says: str, tmp_path: Path):
    written(tmp_path)
    rewrite(tmp_path, change)
    model = small()
    model.build()
    before = [v.numpy() for v in model.weights]
    with pytest.raises(ArchiveError, match=says) as raised:
        bert.load_hugging_face(model, tmp_path)
    assert 'nothing was loaded' in str(raised.value)
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, before, strict=True))


@pytest.mark.parametrize('name', ['pytorch_model.bin', 'model.pt', 'weights.ckpt'])
def test_a_pickled_file_is_refused_with_the_remedy(name: str, tmp_path: Path):
    written(tmp_path)
    (tmp_path / 'model.safetensors').rename(tmp_path / name)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(ArgumentError, match=r'can run any code.*save_pretrained'):
            bert.from_hugging_face(path)


@pytest.mark.parametrize(
    ('config', 'error', 'says'),
    [
        ({'hidden_size': '16'}, ArchiveError, "hidden_size in config.json to be a positive integer, received '16'"),
        ({'hidden_act': 'gelu_10'}, ArgumentError, "hidden_act .* received 'gelu_10'.*load_hugging_face"),
        ({'model_type': 'roberta'}, ArgumentError, "model_type in config.json to be 'bert', received 'roberta'"),
        ({'is_decoder': True}, ArgumentError, 'is_decoder'),
        ({'architectures': ['BertForQuestionAnswering']}, ArgumentError, "task='backbone'"),
        ({'num_hidden_layers': 3}, ArchiveError, r'encoder\.layer\.2\..* is missing'),
        ({'num_hidden_layers': 1}, ArchiveError, r'encoder\.layer\.1\..* is not expected'),
    ],
)
def test_a_config_that_says_another_model_is_refused(config: Any, error: Any, says: str, tmp_path: Path):
    written(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    with pytest.raises(error, match=says):
        bert.from_hugging_face(tmp_path)


@pytest.mark.parametrize(
    ('changes', 'error', 'says'),
    [
        ({'num_heads': 4}, ArchiveError, 'Expected num_heads of 2, which config.json has as num_attention_heads, re'),
        ({'activation': 'relu'}, ArchiveError, r"activation of 'gelu'.*received a model of 'relu'; nothing was loaded"),
        ({'layer_norm_epsilon': 1e-5}, ArchiveError, 'layer_norm_epsilon of 1e-12'),
    ],
)
def test_what_no_tensor_shows_must_be_as_in_the_config(changes: Any, error: Any, says: str, tmp_path: Path):
    written(tmp_path)
    model = small(**changes)
    model.build()
    before = model.get_weights()
    with pytest.raises(error, match=says):
        bert.load_hugging_face(model, tmp_path)
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))
    (tmp_path / 'config.json').unlink()
    bert.load_hugging_face(model, tmp_path)


def test_a_config_of_another_architecture_is_refused_for_a_model_that_is_there_too(tmp_path: Path):
    written(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {'is_decoder': True}))
    with pytest.raises(ArgumentError, match='trained as an encoder'):
        bert.load_hugging_face(small(), tmp_path)


def test_what_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(MissingFileError, match='not there'):
        bert.from_hugging_face(tmp_path / 'nowhere')
    with pytest.raises(MissingFileError, match=r'model\.safetensors'):
        bert.from_hugging_face(tmp_path)
    written(tmp_path)
    with pytest.raises(UnknownNameError, match='text_classifier'):
        bert.from_hugging_face(tmp_path, task='classifier')
    with pytest.raises(ArchiveError, match=r'classifier\.weight.*holds no classifier'):
        bert.from_hugging_face(tmp_path, task='text_classifier')
    (tmp_path / 'config.json').write_text('{')
    with pytest.raises(ArchiveError, match='no JSON'):
        bert.from_hugging_face(tmp_path)
    (tmp_path / 'config.json').unlink()
    with pytest.raises(MissingFileError, match='load_hugging_face'):
        bert.from_hugging_face(tmp_path)


def test_only_a_bert_that_is_built_is_written(tmp_path: Path):
    with pytest.raises(NotBuiltError, match='no weights yet'):
        bert.to_hugging_face(small(), tmp_path)
    with pytest.raises(ArgumentError, match='received Sequential'):
        bert.to_hugging_face(Sequential([Dense(1)]), tmp_path)
    model = small(activation='tanh')
    model.build()
    with pytest.raises(ArgumentError, match='transformers has no name'):
        bert.to_hugging_face(model, tmp_path / 'new')
    assert not (tmp_path / 'new' / 'model.safetensors').exists()
