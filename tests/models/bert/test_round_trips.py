"""What is read back from Hugging Face's layout computes what was written, and says of itself what was read."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted.errors import ArchiveError, ArgumentError, MissingFileError
from hefted.models import bert

IDS = np.random.default_rng(0).integers(5, 60, (3, 12))
INPUTS = {'token_ids': IDS, 'padding_mask': (np.arange(12) < np.array([[12], [7], [4]])).astype('int32')}
LABELS = {
    'id2label': {'0': 'NEG', '1': 'POS'}, 'label2id': {'NEG': 0, 'POS': 1}, 'pad_token_id': 7,
    'problem_type': 'single_label_classification', 'transformers_version': '4.0.0', 'language': 'de',
}  # fmt: skip


def small(**changes: Any) -> bert.BertBackbone:
    return bert.BertBackbone(60, 2, 2, 16, 32, max_sequence_length=16, **changes)


def classifier(**changes: Any) -> bert.BertTextClassifier:
    model = bert.BertTextClassifier(small(), 2, **changes)
    model.build()
    return model


def told(folder: Path, name: str = 'config.json') -> Any:
    return json.loads((folder / name).read_text())


def say(folder: Path, name: str, what: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(what))


def modules(*kinds: tuple[str, str]) -> list[dict[str, Any]]:
    return [{'idx': at, 'name': str(at), 'path': place, 'type': kind} for at, (kind, place) in enumerate(kinds)]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder of a classifier whose classes have names."""
    bert.to_hugging_face(classifier(), tmp_path)
    say(tmp_path, 'config.json', told(tmp_path) | LABELS)
    return tmp_path


@pytest.mark.parametrize('pooling', ['mean', 'cls', 'max'])
@pytest.mark.parametrize('normalize', [True, False])
def test_an_embedder_that_is_read_back_embeds_as_the_one_that_was_written(
    pooling: str, normalize: bool, tmp_path: Path
):
    model = bert.BertTextEmbedder(small(), pooling, normalize)
    wanted = np.asarray(model(INPUTS))
    bert.to_hugging_face(model, tmp_path)
    again = bert.from_hugging_face(tmp_path, task='text_embedder')
    np.testing.assert_array_equal(again(INPUTS), wanted)
    kinds = [each['type'] for each in told(tmp_path, 'modules.json')]
    wanted_kinds = ['Transformer', 'Pooling', 'Normalize'][: 2 + normalize]
    assert kinds == [f'sentence_transformers.models.{kind}' for kind in wanted_kinds]
    assert all((tmp_path / each['path']).is_dir() for each in told(tmp_path, 'modules.json'))
    assert told(tmp_path, '1_Pooling/config.json')['word_embedding_dimension'] == 16


def test_an_embedder_that_takes_anothers_place_in_a_folder_takes_its_pooling_too(tmp_path: Path):
    for pooling, normalize in (('mean', True), ('max', False)):
        model = bert.BertTextEmbedder(small(), pooling, normalize)
        model.build()
        bert.to_hugging_face(model, tmp_path)
    again = bert.from_hugging_face(tmp_path, task='text_embedder')
    assert (again.pooling, again.normalize) == ('max', False)


def test_a_pooling_that_the_files_have_no_name_for_is_told(tmp_path: Path):
    model = bert.BertTextEmbedder(small(), 'pooler', normalize=False)
    model.build()
    with pytest.warns(UserWarning, match="no pooling='pooler'.*task='backbone'\\), 'pooler', normalize=False"):
        bert.to_hugging_face(model, tmp_path)


ST = 'sentence_transformers.'
SHORT = ((f'{ST}models.Transformer', ''), (f'{ST}models.Pooling', '1_Pooling'), (f'{ST}models.Normalize', ''))
LONG = ((f'{ST}base.modules.transformer.Transformer', ''), (f'{ST}sentence_transformer.modules.pooling.Pooling', '1_P'))


@pytest.mark.parametrize(
    ('listed', 'place', 'said', 'wanted'),
    [
        (modules(*LONG), '1_P', {'embedding_dimension': 16, 'pooling_mode': 'cls'}, ('cls', False)),
        (modules(*LONG), '1_P', {'pooling_mode': ['max'], 'include_prompt': True}, ('max', False)),
        (
            modules(
                (f'{ST}models.Transformer', ''), (f'{ST}models.Pooling', '1_Pooling'), (f'{ST}models.Normalize', '')
            ),
            '1_Pooling',
            {'word_embedding_dimension': 16, 'pooling_mode_max_tokens': True, 'pooling_mode_lasttoken': False},
            ('max', True),
        ),
        (modules((f'{ST}models.Pooling', '1_Pooling')), '1_Pooling', {'word_embedding_dimension': 16}, ('mean', False)),
    ],
)
def test_files_of_each_age_of_sentence_transformers_are_understood(
    listed: Any, place: str, said: Any, wanted: Any, tmp_path: Path
):
    bert.to_hugging_face(classifier().backbone, tmp_path)
    say(tmp_path, 'modules.json', listed)
    say(tmp_path, f'{place}/config.json', said)
    model = bert.from_hugging_face(tmp_path, task='text_embedder')
    assert (model.pooling, model.normalize) == wanted


@pytest.mark.parametrize(
    ('listed', 'said', 'error', 'says'),
    [
        (modules((f'{ST}models.Dense', '2_Dense')), {}, ArgumentError, 'Dense.*not computed here'),
        (['Pooling'], {}, ArgumentError, "received 'Pooling'"),
        ({'a': 1}, {}, ArchiveError, 'Expected a list'),
        (modules((f'{ST}models.Pooling', '../1_Pooling')), {}, ArchiveError, 'Expected folders beside'),
        (modules((f'{ST}models.Pooling', 'elsewhere')), {}, MissingFileError, 'elsewhere'),
        (modules(), {'pooling_mode': 'lasttoken'}, ArgumentError, 'one of mean, cls and max'),
        (modules(), {'pooling_mode': ['mean', 'max']}, ArgumentError, 'one of mean, cls and max'),
        (
            modules(),
            {'pooling_mode_mean_tokens': True, 'pooling_mode_mean_sqrt_len_tokens': True},
            ArgumentError,
            'one of mean, cls and max',
        ),
    ],
)
def test_what_is_not_computed_here_is_refused_with_a_remedy(
    listed: Any, said: Any, error: type[Exception], says: str, tmp_path: Path
):
    bert.to_hugging_face(classifier().backbone, tmp_path)
    say(tmp_path, 'modules.json', listed)
    say(tmp_path, '1_Pooling/config.json', said)
    with pytest.raises(error, match=says):
        bert.from_hugging_face(tmp_path, task='text_embedder')


@pytest.mark.parametrize('way', ['made', 'loaded'])
def test_what_a_config_says_beside_the_sizes_is_written_again(way: str, labelled: Path):
    if way == 'made':
        model = bert.from_hugging_face(labelled, dropout=0.3)
    else:
        model = classifier(dropout=0.3)
        bert.load_hugging_face(model, labelled)
    bert.to_hugging_face(model, labelled / 'again')
    found = told(labelled / 'again')
    assert 'transformers_version' not in found
    assert {key: found[key] for key in LABELS if key in found} == {
        key: value for key, value in LABELS.items() if key != 'transformers_version'
    }
    assert found['classifier_dropout'] == (0.1 if way == 'made' else 0.3)  # what the model is goes first


def test_a_new_head_on_an_encoder_that_was_read_has_its_own_classes(labelled: Path):
    backbone = bert.from_hugging_face(labelled, task='backbone')
    bert.to_hugging_face(backbone, labelled / 'encoder')
    assert 'id2label' not in told(labelled / 'encoder')
    model = bert.BertTokenClassifier(backbone, 2)
    model.build()
    bert.to_hugging_face(model, labelled / 'tags')
    found = told(labelled / 'tags')
    assert found['id2label'] == {'0': 'LABEL_0', '1': 'LABEL_1'}
    assert 'problem_type' not in found
    assert (found['pad_token_id'], found['language']) == (7, 'de')


@pytest.mark.parametrize('names', [{'0': 'NEG'}, {'0': 'NEG', '2': 'POS'}, ['NEG', 'POS'], None])
def test_names_that_are_not_of_the_models_classes_are_not_kept(names: Any, labelled: Path):
    say(labelled, 'config.json', told(labelled) | {'id2label': names})
    bert.to_hugging_face(bert.from_hugging_face(labelled), labelled)
    assert told(labelled)['id2label'] == {'0': 'LABEL_0', '1': 'LABEL_1'}
    assert told(labelled)['label2id'] == {'LABEL_0': 0, 'LABEL_1': 1}


def test_an_activation_that_the_file_cannot_say_is_told_and_had_again_as_the_warning_says(tmp_path: Path):
    model = classifier(activation='softmax')
    with pytest.warns(UserWarning, match="BertTextClassifier, softmax, is not written.*activation='softmax'"):
        bert.to_hugging_face(model, tmp_path)
    again = classifier(activation='softmax')
    bert.load_hugging_face(again, tmp_path)
    np.testing.assert_array_equal(again(IDS), model(IDS))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        bert.to_hugging_face(classifier(), tmp_path)
