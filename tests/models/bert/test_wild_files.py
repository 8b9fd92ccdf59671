"""Files as people find them: old names, other activations, parts, and what is damaged, hostile or of another model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from hefted.errors import ArchiveError, ArgumentError, MissingFileError
from hefted.models import bert
from hefted.saving import load_model
from hefted.saving.safetensors import entries_of, read_tensors, write_tensors

IDS = np.random.default_rng(0).integers(5, 60, (3, 12))
TABLE, BIAS = 'bert.embeddings.word_embeddings.weight', 'cls.predictions.bias'


def small(**changes: Any) -> bert.BertBackbone:
    return bert.BertBackbone(**({
        'vocabulary_size': 60, 'num_layers': 1, 'num_heads': 2, 'hidden_dim': 8, 'intermediate_dim': 16,
        'max_sequence_length': 16,
    } | changes))  # fmt: skip


def written(folder: Path, model: Any = None) -> Any:
    model = bert.BertPretrainer(small()) if model is None else model
    model.build()
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(variable.numpy() + rng.standard_normal(variable.shape).astype('float32'))
    bert.to_hugging_face(model, folder)
    return model


def tensors(folder: Path) -> dict[str, Any]:
    path = folder / 'model.safetensors'
    return {name: value.copy() for name, value in read_tensors(path, entries_of(path))}


def configured(folder: Path, **changes: Any) -> None:
    path = folder / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=a.path)


def as_published(values: dict[str, Any]) -> dict[str, Any]:
    """The names of bert-base-uncased: gamma and beta, a buffer, a decoder whose bias is the head's own."""
    renamed = {
        name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): value
        for name, value in values.items()
    }
    return renamed | {
        'bert.embeddings.position_ids': np.arange(16)[None],
        'cls.predictions.decoder.weight': values[TABLE],
        'cls.predictions.decoder.bias': values[BIAS],
    }


def test_the_names_of_bert_base_uncased_are_read_by_every_task_that_they_serve(tmp_path: Path):
    model = written(tmp_path)
    write_tensors(tmp_path / 'model.safetensors', as_published(tensors(tmp_path)), 'pt')
    assert_same(bert.from_hugging_face(tmp_path), model)
    configured(tmp_path, architectures=['BertForMaskedLM'])  # as it is published, with the other head in the file
    told = bert.from_hugging_face(tmp_path)
    assert isinstance(told, bert.BertMaskedLM)
    np.testing.assert_array_equal(told(IDS), model(IDS)['masked_lm'])
    assert_same(bert.from_hugging_face(tmp_path, task='backbone'), model.backbone)


def test_a_decoders_bias_serves_where_the_heads_own_was_left_out_and_may_not_be_another(tmp_path: Path):
    model = written(tmp_path)
    values = as_published(tensors(tmp_path))
    del values[BIAS]
    write_tensors(tmp_path / 'model.safetensors', values, 'pt')
    assert_same(bert.from_hugging_face(tmp_path), model)
    values[BIAS] = values['cls.predictions.decoder.bias'] + 1
    write_tensors(tmp_path / 'model.safetensors', values, 'pt')
    with pytest.raises(ArchiveError, match=r"decoder\.bias' to equal 'cls\.predictions\.bias'.*task='backbone'"):
        bert.from_hugging_face(tmp_path)


def test_a_decoder_of_its_own_is_refused_for_its_head_and_no_hindrance_to_the_encoder(tmp_path: Path):
    model = written(tmp_path)
    values = as_published(tensors(tmp_path))
    values['cls.predictions.decoder.weight'] = values[TABLE] + 1
    write_tensors(tmp_path / 'model.safetensors', values, 'pt')
    with pytest.raises(ArchiveError, match=r"decoder\.weight' to equal .*task='backbone'"):
        bert.from_hugging_face(tmp_path)
    configured(tmp_path, tie_word_embeddings=False)
    with pytest.raises(ArgumentError, match=r"tie_word_embeddings .* received False.*task='backbone'"):
        bert.from_hugging_face(tmp_path)
    assert_same(bert.from_hugging_face(tmp_path, task='backbone'), model.backbone)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_halves_are_read_to_the_bit(dtype: str, tmp_path: Path):
    written(tmp_path)
    kind = ml_dtypes.bfloat16 if dtype == 'bfloat16' else np.float16
    halves = {name: value.astype(kind) for name, value in tensors(tmp_path).items()}
    write_tensors(tmp_path / 'model.safetensors', halves, 'pt')
    again = bert.from_hugging_face(tmp_path, task='backbone')
    np.testing.assert_array_equal(again.embeddings.token_embedding, halves[TABLE].astype('float32'))


@pytest.mark.parametrize('name', ['gelu_new', 'gelu_pytorch_tanh', 'relu', 'silu'])
def test_other_activations_are_what_they_are_called_and_come_back(name: str, tmp_path: Path):
    written(tmp_path, small())
    configured(tmp_path, hidden_act=name)
    model = bert.from_hugging_face(tmp_path)
    x = np.linspace(-3, 3, 7).astype('float32')
    tanh = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    wanted = {'relu': np.maximum(x, 0), 'silu': x / (1 + np.exp(-x))}.get(name, tanh)
    np.testing.assert_allclose(model.blocks[0].intermediate.activation(x), wanted, atol=1e-6)
    bert.to_hugging_face(model, tmp_path / 'again')
    said = json.loads((tmp_path / 'again' / 'config.json').read_text())['hidden_act']
    assert said == ('gelu_new' if 'gelu' in name else name)
    model.save(tmp_path / 'model.keras')
    np.testing.assert_array_equal(
        load_model(tmp_path / 'model.keras')(IDS)['pooled_output'], model(IDS)['pooled_output']
    )


def test_one_segment_is_a_model_and_none_is_not(tmp_path: Path):
    written(tmp_path, small(num_segments=1))
    assert bert.from_hugging_face(tmp_path).num_segments == 1
    configured(tmp_path, type_vocab_size=0)
    with pytest.raises(ArchiveError, match=r'type_vocab_size .* received 0.*config\.json that was published'):
        bert.from_hugging_face(tmp_path)


@pytest.mark.parametrize('task', [None, 'backbone'])
@pytest.mark.parametrize(
    ('config', 'says'),
    [
        ({'model_type': 'distilbert', 'architectures': ['DistilBertModel']}, "'bert', received 'distilbert'.*Take a"),
        ({'model_type': 'roberta', 'architectures': ['RobertaForMaskedLM']}, "'bert', received 'roberta'.*Take a"),
        ({'model_type': 'electra', 'architectures': ['ElectraModel']}, "'bert', received 'electra'.*Take a"),
        ({'position_embedding_type': 'relative_key'}, "'absolute', received 'relative_key'.*absolute places"),
        ({'add_cross_attention': True}, 'add_cross_attention.*trained as an encoder'),
    ],
)
def test_relatives_of_bert_are_refused_by_name_with_a_remedy(config: Any, says: str, task: Any, tmp_path: Path):
    written(tmp_path, small())
    configured(tmp_path, **config)
    with pytest.raises(ArgumentError, match=says):
        bert.from_hugging_face(tmp_path, task=task)


def test_a_classifiers_own_dropout_is_kept_both_ways(tmp_path: Path):
    written(tmp_path, bert.BertTextClassifier(small(), 3, dropout=0.3))
    assert bert.from_hugging_face(tmp_path).dropout == 0.3
    configured(tmp_path, classifier_dropout=None, hidden_dropout_prob=0.2)
    assert bert.from_hugging_face(tmp_path).dropout == 0.2
    assert bert.from_hugging_face(tmp_path, dropout=0.0).dropout == 0.0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def lie(path: Path, **changes: Any) -> None:
    """Let the header say something else of the first tensor."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + length])
    name = next(name for name in header if name != '__metadata__')
    header[name] |= changes
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, 'little') + told + content[8 + length :])


DAMAGES = {
    'cut short': (cut, 'bytes in the safetensors file, received'),
    'with a tensor larger than the file': (lambda p: lie(p, shape=[10**9, 8]), 'does not fill its place'),
    'with offsets beyond the file': (lambda p: lie(p, shape=[10**9], data_offsets=[0, 4 * 10**9]), 'to begin at byte'),
    'with a size below 0': (lambda p: lie(p, shape=[-1, 8]), 'whole numbers'),
    'with a header of 2^60 bytes': (lambda p: p.write_bytes((1 << 60).to_bytes(8, 'little') + b'{}'), 'header of 1152'),
    'of no byte': (lambda p: p.write_bytes(b''), 'received 0 bytes'),
    'of a web page': (lambda p: p.write_bytes(b'<!DOCTYPE html><html>Sign in</html>'), 'Expected a safetensors file'),
    'of a pointer': (
        lambda p: p.write_bytes(b'version https://git-lfs.github.com/spec/v1\n'),
        'Expected a safetensors',
    ),
    'of a pickle': (lambda p: p.write_bytes(b'\x80\x02}q\x00.' * 9), 'Expected a safetensors file'),
}


@pytest.mark.parametrize('how', DAMAGES)
def test_a_damaged_file_is_named_and_nothing_is_loaded(how: str, tmp_path: Path):
    model = written(tmp_path, small())
    before = [v.numpy() for v in model.weights]
    damage, says = DAMAGES[how]
    damage(tmp_path / 'model.safetensors')
    for load in (lambda: bert.load_hugging_face(model, tmp_path), lambda: bert.from_hugging_face(tmp_path)):
        with pytest.raises(ArchiveError, match=rf'model\.safetensors.*{says}.*Nothing was loaded'):
            load()
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, before, strict=True))


def in_parts(folder: Path) -> dict[str, Any]:
    values = tensors(folder)
    (folder / 'model.safetensors').unlink()
    names = list(values)
    for number, part in enumerate((names[:9], names[9:])):
        write_tensors(folder / f'part-{number}.safetensors', {name: values[name] for name in part}, 'pt')
    places = {name: f'part-{int(index >= 9)}.safetensors' for index, name in enumerate(names)}
    (folder / 'model.safetensors.index.json').write_text(json.dumps({'metadata': {}, 'weight_map': places}))
    return values


def test_parts_that_are_missing_damaged_or_hold_a_tensor_twice_are_named(tmp_path: Path):
    written(tmp_path, small())
    values = in_parts(tmp_path)
    first = next(iter(values))
    other = tmp_path / 'part-1.safetensors'
    content = other.read_bytes()
    write_tensors(
        other, {name: v for name, v in values.items() if name == first} | dict(list(values.items())[9:]), 'pt'
    )
    with pytest.raises(ArchiveError, match=r'each tensor once, .*part-0\.safetensors.*part-1\.safetensors'):
        bert.from_hugging_face(tmp_path)
    other.write_bytes(content[:-1])
    with pytest.raises(ArchiveError, match=r'part-1\.safetensors'):
        bert.from_hugging_face(tmp_path)
    other.unlink()
    with pytest.raises(MissingFileError, match=r'part-1\.safetensors'):
        bert.from_hugging_face(tmp_path)


@pytest.mark.parametrize('index', ['{', '[]', '{}', '{"weight_map": {}}', '{"weight_map": [1]}'])
def test_an_index_that_lists_no_file_is_named(index: str, tmp_path: Path):
    written(tmp_path, small())
    in_parts(tmp_path)
    (tmp_path / 'model.safetensors.index.json').write_text(index)
    with pytest.raises(ArchiveError, match=r'model\.safetensors\.index\.json'):
        bert.from_hugging_face(tmp_path)


def test_a_models_name_is_no_folder_and_the_error_says_how_to_fetch_it():
    with pytest.raises(MissingFileError, match=r"'bert-base-uncased': it is not there.*hf download"):
        bert.from_hugging_face('bert-base-uncased')
