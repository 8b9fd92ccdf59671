"""Numbers that a model has no row for are an error that names them, before any step: never NaN, never another row."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from hefted.errors import ArgumentError, DataError
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.text import MaskedLanguageDataset, TextDataset, WordPieceTokenizer

IDS = np.random.default_rng(0).integers(5, 60, (8, 12))
LABELS = IDS[:, 1] % 2


@pytest.fixture(scope='module')
def model() -> Any:
    made = bert.BertTextClassifier(bert.BertBackbone(60, 1, 2, 8, 16, max_sequence_length=16), 2)
    made.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    made.build()
    return made


def with_one(value: Any) -> Any:
    ids = IDS.astype(type(value))
    ids[3, 5] = value
    return ids


WAYS = {
    'fit': lambda m, x: m.fit(x, LABELS, verbose=0),
    'evaluate': lambda m, x: m.evaluate(x, LABELS, verbose=0),
    'predict': lambda m, x: m.predict(x, verbose=0),
    'train_on_batch': lambda m, x: m.train_on_batch(x, LABELS),
    'test_on_batch': lambda m, x: m.test_on_batch(x, LABELS),
    'predict_on_batch': lambda m, x: m.predict_on_batch(x),
    'a call': lambda m, x: m(x),
    'a call with lists': lambda m, x: m(x['token_ids'].tolist()),
    'a call with a device array': lambda m, x: m(jax.numpy.asarray(x['token_ids'])),
    'a generator': lambda m, x: m.fit(iter([(x, LABELS)]), verbose=0),
    'validation': lambda m, x: m.fit(IDS, LABELS, validation_data=(x, LABELS), verbose=0),
}


@pytest.mark.parametrize('way', WAYS)
def test_a_token_of_another_vocabulary_is_named_with_place_size_and_remedy(way: str, model: Any):
    says = r'token_ids from 0 to 59, as vocabulary_size=60 says, received 61 at \[3, 5\].*WordPieceTokenizer.*=62'
    before = [v.numpy() for v in model.weights]
    with pytest.raises(DataError, match=says):
        WAYS[way](model, {'token_ids': with_one(61)})
    assert all(np.array_equal(v, old) for v, old in zip(model.weights, before, strict=True))


def test_a_batch_that_comes_late_is_seen_as_well(model: Any):
    def batches() -> Any:
        for index in range(4):
            yield ({'token_ids': with_one(60) if index == 3 else IDS}, LABELS)

    with pytest.raises(DataError, match=r'received 60 at \[3, 5\]'):
        model.fit(batches(), verbose=0)
    assert all(np.isfinite(v.numpy()).all() for v in model.trainable_variables)


@pytest.mark.parametrize(
    ('inputs', 'error', 'says'),
    [
        ({'token_ids': with_one(-100)}, DataError, r'received -100 at \[3, 5\].*\[PAD\]'),
        ({'token_ids': with_one(2.5)}, ArgumentError, 'token_ids to be whole numbers'),
        (
            {'token_ids': IDS, 'segment_ids': with_one(2) * 0 + 2},
            DataError,
            'segment_ids from 0 to 1, as num_segments=2',
        ),
        ({'token_ids': IDS, 'position_ids': IDS * 0 + 16}, DataError, 'position_ids from 0 to 15, as max_sequence_len'),
    ],
)
def test_other_numbers_without_a_row_are_named(inputs: Any, error: type[Exception], says: str, model: Any):
    with pytest.raises(error, match=says):
        model.predict(inputs, verbose=0)


def test_a_masked_place_beyond_the_row_is_named():
    told = bert.BertMaskedLM(bert.BertBackbone(60, 1, 2, 8, 16, max_sequence_length=16))
    with pytest.raises(DataError, match='mask_positions from 0 to 11, as length=12 says, received 12'):
        told.predict({'token_ids': IDS, 'mask_positions': np.full((8, 1), 12)}, verbose=0)


def test_whole_numbers_of_any_type_are_taken(model: Any):
    wanted = model.predict(IDS, verbose=0)
    for dtype in ('int64', 'uint16', 'int8', 'float32'):
        np.testing.assert_array_equal(model.predict(IDS.astype(dtype), verbose=0), wanted)


def test_a_data_set_of_another_tokenizer_is_refused_before_its_first_batch(model: Any):
    texts = ['the cat sat on the mat', 'a dog and a cat ran'] * 4
    tokenizer = WordPieceTokenizer.train(texts, vocabulary_size=40)
    pieces = tokenizer.vocabulary_size()
    data = TextDataset(texts, np.arange(8) % 2, tokenizer, length=12, batch_size=4)
    says = f'a tokenizer of 60 pieces, as the model has, received one of {pieces}.*vocabulary_size={pieces}'
    for way in (model.fit, model.evaluate, model.predict, model.forecast):
        with pytest.raises(ArgumentError, match=says):
            way(data)
    masked = bert.BertMaskedLM(bert.BertBackbone(60, 1, 2, 8, 16))
    masked.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ArgumentError, match=says):
        masked.fit(MaskedLanguageDataset(texts, tokenizer, length=12, batch_size=4), verbose=0)
    fitting = bert.BertTextClassifier(bert.BertBackbone(pieces, 1, 2, 8, 16), 2)
    assert fitting.predict(data, verbose=0).shape == (8, 2)
