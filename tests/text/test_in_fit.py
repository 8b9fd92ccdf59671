"""Text goes into `fit`: with a known number of steps, both tasks, and packed rows that mean what single ones do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hefted.callbacks import BackupAndRestore, Callback
from hefted.data.feeds import feed_of
from hefted.data.stream import StreamSource
from hefted.errors import ArgumentError, DataError
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.text import MaskedLanguageDataset, TextDataset, WordPieceTokenizer, check_tokenizer
from hefted.utils import PyDataset, set_random_seed

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


@pytest.mark.parametrize('lengths', [None, (8, 16)])
def test_outputs_come_in_the_order_of_the_texts(tokenizer: WordPieceTokenizer, lengths: tuple[int, ...] | None):
    texts = [' '.join(text.split() * (1 + n % 3)) for n, text in enumerate(TEXTS)]
    texts = [f'{"cat " * (n % 7)}{text}' for n, text in enumerate(texts)]
    model = bert.BertTextClassifier(backbone(tokenizer), num_classes=2)
    data = TextDataset(texts, None, tokenizer, length=32, batch_size=5, lengths=lengths)
    expected = model.predict(tokenizer(texts, length=32), verbose=0)
    assert len(np.unique(expected[:, 0])) > len(texts) / 2
    for _ in range(2):  # each in an order of its own
        np.testing.assert_allclose(model.predict(data, verbose=0), expected, atol=1e-6)
    first = model.predict(data, steps=2, verbose=0)
    assert len(first) == 10
    assert (np.abs(expected[:, None] - first).max(-1) < 1e-6).any(0).all()


def test_outputs_of_several_lengths_are_told_from_one_another(tokenizer: WordPieceTokenizer):
    model = bert.BertTokenClassifier(backbone(tokenizer), num_classes=3)
    data = TextDataset(['a cat', 'a dog ' * 12] * 3, None, tokenizer, length=32, batch_size=3, lengths=(8,))
    with pytest.raises(DataError, match=r'one shape from all batches, received \[\(8, 3\), \(32, 3\)\]\. Pad all rows'):
        model.predict(data, verbose=0)


def test_texts_that_are_longer_than_the_model_has_places_are_told_before_the_first_batch(
    tokenizer: WordPieceTokenizer,
):
    model = bert.BertTextClassifier(backbone(tokenizer), num_classes=2)
    model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    texts = ['a cat'] * 7 + ['a cat sat ' * 30]
    for lengths in (None, (8, 16)):
        data = TextDataset(texts, [0, 1] * 4, tokenizer, length=64, batch_size=2, lengths=lengths)
        with pytest.raises(ArgumentError, match='at most 32 tokens, as the model has places for, received one of 64'):
            model.fit(data, verbose=0)

    class OfOnesOwn(PyDataset):
        longest, num_batches = 5000, 1  # letters, say

        def __getitem__(self, index: int) -> object:
            return data[0]

    data = TextDataset(['a cat', 'a dog'], [0, 1], tokenizer, length=16, batch_size=2)
    assert np.isfinite(model.fit(OfOnesOwn(), verbose=0).history['loss']).all()
    masked = bert.BertMaskedLM(backbone(tokenizer))
    masked.compile('sgd', masked_loss())
    with pytest.raises(ArgumentError, match=r'Make the data with length=32'):
        masked.fit(MaskedLanguageDataset(TEXTS, tokenizer, length=48, packed=False), verbose=0)
    short = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=4)  # of packed texts each counts its places
    assert np.isfinite(masked.fit(short, verbose=0).history['loss']).all()


def test_a_tokenizer_of_another_model_is_told(tokenizer: WordPieceTokenizer):
    with pytest.raises(ArgumentError, match=r'of 30522 pieces, as the model has, received one of \d+\. Load'):
        check_tokenizer(tokenizer, bert.base())


def test_padding_of_texts_is_no_token(tokenizer: WordPieceTokenizer):
    texts = ['so the cat sat', 'the dog ran'] * 10  # of 8 rows a batch: the last is short
    data = TextDataset(texts, [1, 0] * 10, tokenizer, length=32, batch_size=8)
    model = bert.BertTextClassifier(backbone(tokenizer), num_classes=2)
    model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    plan = model.forecast(data).plan
    held = sum(int(x['padding_mask'].sum()) for x, _ in data)
    assert data.tokens == held < 20 * 32
    assert plan.tokens_per_row * plan.batch_size * plan.steps == pytest.approx(held)


def test_padding_of_masked_texts_is_no_token(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=32, batch_size=4, packed=False)
    model = bert.BertMaskedLM(backbone(tokenizer))
    model.compile('sgd', masked_loss())
    plan = model.forecast(data).plan
    held = sum(int(x['padding_mask'].sum()) for x, *_ in data)
    assert data.tokens == held
    assert plan.tokens_per_row * plan.batch_size * plan.steps == pytest.approx(held)


def test_texts_of_several_lengths_are_foreseen_by_all_of_them(tokenizer: WordPieceTokenizer):
    texts = ['the cat sat'] * 16 + ['the cat sat on the mat and the dog ran ' * 2] * 32

    def plan(texts: list[str], length: int, **more: object):
        model = bert.BertTextClassifier(backbone(tokenizer), num_classes=2)
        model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
        data = TextDataset(texts, np.zeros(len(texts), np.int32), tokenizer, length, batch_size=8, **more)
        return model.forecast(data).plan, data

    short, long = plan(texts[:16], 8)[0], plan(texts[16:], 32)[0]
    for more in ({'shuffle': False}, {'seed': 0}, {'seed': 1}):
        told, data = plan(texts, 32, lengths=(8, 32), **more)
        assert told.flops_per_step == pytest.approx((short.flops_per_step + 2 * long.flops_per_step) / 3)
        assert told.tokens_per_row * told.batch_size * told.steps == pytest.approx(data.tokens)


def rows_of(source: StreamSource, epoch: int, steps: int | None) -> list[int]:
    """The labels of an epoch's batches, in the order in which they are trained on."""
    stretches = [stretch for stretch in source.epoch(epoch, steps) if stretch is not None]
    return [int(label) for stretch in stretches for label in np.asarray(stretch.data[1])[: stretch.rows]]


def numbered(tokenizer: WordPieceTokenizer, **arguments: object) -> TextDataset:
    texts = ['the cat sat ' * (1 + n % 3) for n in range(64)]
    return TextDataset(texts, np.arange(64), tokenizer, 16, batch_size=4, **{'lengths': (5, 8)} | arguments)


@pytest.mark.parametrize(
    ('workers', 'processes'),
    [(1, False), (3, False), pytest.param(2, True, marks=pytest.mark.filterwarnings('ignore:.*fork'))],
)
def test_epochs_that_are_parts_of_a_pass_have_every_row_once(
    tokenizer: WordPieceTokenizer, workers: int, processes: bool
):
    data = numbered(tokenizer)
    data.workers, data.use_multiprocessing = workers, processes
    feed = feed_of(data)
    assert feed is not None
    feed.shuffle(5)
    source = StreamSource(feed)
    assert data.num_batches == 18
    passes = [[row for epoch in range(3) for row in rows_of(source, 3 * one + epoch, 6)] for one in range(2)]
    source.close()
    assert [sorted(one) for one in passes] == [[*range(64)]] * 2
    assert passes[0] != passes[1]


def test_a_part_of_a_pass_goes_on_where_it_was_cut_short(tokenizer: WordPieceTokenizer, tmp_path: Path):
    class Strikes(Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == 2:
                raise RuntimeError('struck')

    def fitted(*others: Callback) -> list[np.ndarray]:
        set_random_seed(3)
        model = bert.BertTextClassifier(backbone(tokenizer), num_classes=64)
        model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
        data = numbered(tokenizer, lengths=None)
        data.workers = 3  # which make batches ahead, of the next epoch too
        model.fit(data, epochs=5, steps_per_epoch=4, callbacks=list(others), verbose=0, meter=None)
        return model.get_weights()

    whole = fitted()
    with pytest.raises(RuntimeError, match='struck'):
        fitted(BackupAndRestore(tmp_path), Strikes())
    np.testing.assert_equal(fitted(BackupAndRestore(tmp_path)), whole)
