"""Text goes into `fit`: with a known number of steps, both tasks, and packed rows that mean what single ones do."""

from __future__ import annotations

import numpy as np
import pytest

from hefted.errors import ArgumentError
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.text import MaskedLanguageDataset, TextDataset, WordPieceTokenizer, check_tokenizer

TEXTS = ['the cat sat on the mat\nand the dog ran', 'a dog and a cat\nsat and ran and sat'] * 12


@pytest.fixture(scope='module')
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer.train(TEXTS, vocabulary_size=60)


def backbone(tokenizer: WordPieceTokenizer) -> bert.BertBackbone:
    return bert.BertBackbone(tokenizer.vocabulary_size(), 2, 2, 8, 16, dropout=0.0, max_sequence_length=32)


def masked_loss() -> SparseCategoricalCrossentropy:
    return SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')


def test_both_tasks_are_trained_with_a_known_number_of_steps(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=16, batch_size=4, next_sentence=True)
    model = bert.BertPretrainer(backbone(tokenizer))
    check_tokenizer(tokenizer, model.backbone)
    loss = {'masked_lm': masked_loss(), 'next_sentence': SparseCategoricalCrossentropy(from_logits=True)}
    model.compile('adam', loss)
    history = model.fit(data, epochs=2, verbose=0)
    assert history.params['steps'] == data.num_batches
    assert np.isfinite(history.history['loss']).all()
    assert history.history['loss'][-1] < history.history['loss'][0]


def test_a_packed_text_costs_what_it_costs_alone(tokenizer: WordPieceTokenizer):
    model = bert.BertMaskedLM(backbone(tokenizer))
    model.compile('sgd', masked_loss())
    texts = TEXTS[:4]
    packed = MaskedLanguageDataset(texts, tokenizer, length=32, batch_size=1, shuffle=False)
    x, ids, weights = packed[0]
    assert x['packing_ids'].max() > 1
    together = np.asarray(model(x))
    for place in range(1, x['packing_ids'].max() + 1):
        here = np.flatnonzero(x['packing_ids'][0] == place)
        asked = [n for n in range(ids.shape[1]) if weights[0, n] and x['mask_positions'][0, n] in here]
        alone = model({
            'token_ids': x['token_ids'][:, here],
            'mask_positions': x['mask_positions'][:, asked] - here[0],
        })  # fmt: skip
        np.testing.assert_allclose(together[:, asked], np.asarray(alone), atol=1e-5)


def test_texts_of_several_lengths_are_fitted_and_predicted(tokenizer: WordPieceTokenizer):
    texts = [text.replace('\n', ' ') for text in TEXTS]
    labels = np.arange(len(texts)) % 2
    data = TextDataset(texts, labels, tokenizer, length=32, batch_size=4, lengths=(8, 16))
    model = bert.BertTextClassifier(backbone(tokenizer), num_classes=2)
    model.compile('adam', SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
    history = model.fit(data, epochs=2, verbose=0)
    assert history.params['steps'] == data.num_batches
    assert 0 <= model.evaluate(data, verbose=0)[1] <= 1


def test_a_tokenizer_of_another_model_is_told(tokenizer: WordPieceTokenizer):
    with pytest.raises(ArgumentError, match=r'of 30522 pieces, as the model has, received one of \d+\. Load'):
        check_tokenizer(tokenizer, bert.base())
