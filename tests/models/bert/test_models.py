"""BERT's models are ordinary models: counted, trained, saved, frozen, in 16 bits, and with errors that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hefted
from hefted.errors import ArgumentError, ShapeError, UnknownNameError
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.saving import load_model

rng = np.random.default_rng(0)
IDS = rng.integers(5, 60, (20, 12))
LABELS = IDS[:, 1] % 2
INPUTS = {'token_ids': IDS, 'padding_mask': np.ones_like(IDS), 'segment_ids': (np.arange(12) > 5) * np.ones_like(IDS)}


def small(**changes: Any) -> bert.BertBackbone:
    return bert.BertBackbone(**({
        'vocabulary_size': 60, 'num_layers': 2, 'num_heads': 2, 'hidden_dim': 16, 'intermediate_dim': 32,
        'max_sequence_length': 16,
    } | changes))  # fmt: skip


def classifier(**changes: Any) -> Any:
    model = bert.BertTextClassifier(small(**changes), 2)
    model.compile(hefted.optimizers.Adam(0.01), SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
    return model


COUNTS = {
    'bert_tiny_en_uncased': 4_385_920, 'bert_mini_en_uncased': 11_170_560, 'bert_small_en_uncased': 28_763_648,
    'bert_medium_en_uncased': 41_373_184, 'bert_base_en_uncased': 109_482_240, 'bert_base_en': 108_310_272,
    'bert_base_zh': 102_267_648, 'bert_base_multi': 177_853_440, 'bert_base_multi_uncased': 167_356_416,
    'bert_large_en_uncased': 335_141_888, 'bert_large_en': 333_579_264, 'minilm_l6_h384_uncased': 22_713_216,
    'minilm_l12_h384_uncased': 33_360_000,
}  # fmt: skip


def test_the_published_shapes_have_the_published_numbers_of_parameters():
    assert {name: sizes.count_params() for name, sizes in bert.PUBLISHED.items()} == COUNTS


def test_base_and_large_are_counted_without_being_made():
    assert bert.base().count_params() == 109_482_240
    assert bert.base(pooler=False).count_params() == 108_891_648
    assert bert.large().count_params() == 335_141_888
    assert bert.large(pooler=False).count_params() == 334_092_288
    assert bert.BertMaskedLM(bert.base(pooler=False)).count_params() == 109_514_298
    assert bert.BertPretrainer(bert.base()).count_params() == 110_106_428
    assert bert.BertPretrainer(bert.large()).count_params() == 336_226_108
    assert bert.BertTextClassifier(bert.base(), 2).count_params() == 109_483_778
    assert not bert.base().built


@pytest.mark.parametrize(
    'make',
    [
        lambda: small(),
        lambda: small(pooler=False),
        lambda: bert.BertMaskedLM(small(pooler=False)),
        lambda: bert.BertPretrainer(small()),
        lambda: bert.BertTextClassifier(small(), 3),
        lambda: bert.BertTokenClassifier(small(pooler=False), 4),
        lambda: bert.BertTextEmbedder(small()),
    ],
)
def test_a_model_has_the_parameters_that_were_counted_before(make: Any):
    model = make()
    counted = model.count_params()
    model.build()
    assert model.count_params() == counted == sum(int(np.prod(v.shape)) for v in model.weights)


def test_a_summary_before_there_are_weights_has_what_will_be_there():
    model, printed = bert.BertTextClassifier(bert.base(), 2), []
    model.summary(line_length=120, print_fn=printed.append)
    (told,) = printed
    assert '109,482,240 (unbuilt)' in told
    assert 'Total params: 109,483,778 (not all built)' in told
    assert 'Trainable params' not in told


def test_weights_begin_as_the_paper_says():
    model = small(hidden_dim=64)
    model.build()
    kernel = np.asarray(model.blocks[0].intermediate.kernel)
    assert abs(kernel).max() <= 0.04
    assert 0.016 < kernel.std() < 0.019  # 0.02 cut at two deviations leaves 0.0176
    assert not np.asarray(model.blocks[0].intermediate.bias).any()
    assert not np.array_equal(model.blocks[0].attention.query_kernel, model.blocks[0].attention.key_kernel)
    assert not np.array_equal(model.blocks[0].attention.query_kernel, model.blocks[1].attention.query_kernel)


def test_outputs_have_the_shapes_that_are_documented():
    outputs = small()(INPUTS)
    assert outputs['sequence_output'].shape == (20, 12, 16)
    assert outputs['pooled_output'].shape == (20, 16)
    assert set(small(pooler=False)(IDS)) == {'sequence_output'}
    assert bert.BertTokenClassifier(small(), 5)(IDS).shape == (20, 12, 5)
    assert bert.BertMaskedLM(small())({'token_ids': IDS, 'mask_positions': IDS[:, :3] % 12}).shape == (20, 3, 60)


def test_numbers_in_plain_lists_are_taken_as_arrays():
    model, mask = bert.BertTextEmbedder(small()), (np.arange(12) < 8) * np.ones_like(IDS)
    np.testing.assert_array_equal(model(IDS.tolist()), model(IDS))
    listed = {'token_ids': IDS.tolist(), 'padding_mask': mask.tolist()}
    np.testing.assert_array_equal(model(listed), model({'token_ids': IDS, 'padding_mask': mask}))
    with pytest.raises(ShapeError, match='token_ids to be an array, received a list whose rows'):
        model({'token_ids': [[2, 4, 3], [2, 3]]})


def test_padding_changes_nothing_of_what_is_before_it():
    model = small()
    short = model({'token_ids': IDS[:, :8]})
    ids, mask = IDS.copy(), (np.arange(12) < 8) * np.ones_like(IDS)
    ids[:, 8:] = rng.integers(5, 60, (20, 4))
    padded = model({'token_ids': ids, 'padding_mask': mask})
    np.testing.assert_allclose(padded['sequence_output'][:, :8], short['sequence_output'], atol=1e-5)
    np.testing.assert_allclose(padded['pooled_output'], short['pooled_output'], atol=1e-5)


def test_texts_that_share_a_row_see_themselves_alone():
    model = small()
    first, second = IDS[:, :5], IDS[:, 5:9]
    ids = np.concatenate([first, second, np.zeros((20, 3), int)], axis=1)
    packing = np.array([1] * 5 + [2] * 4 + [0] * 3) * np.ones((20, 1), int)
    places = np.array([*range(5), *range(4), 0, 0, 0]) * np.ones((20, 1), int)
    packed = model({'token_ids': ids, 'packing_ids': packing, 'position_ids': places})['sequence_output']
    np.testing.assert_allclose(packed[:, :5], model(first)['sequence_output'], atol=1e-5)
    np.testing.assert_allclose(packed[:, 5:9], model(second)['sequence_output'], atol=1e-5)
    assert np.isfinite(packed).all()


def test_masked_places_have_the_logits_that_all_places_have_there():
    model = bert.BertMaskedLM(small())
    places = rng.integers(0, 12, (20, 4))
    everywhere = np.asarray(model(INPUTS))
    found = model({**INPUTS, 'mask_positions': places})
    np.testing.assert_allclose(found, np.take_along_axis(everywhere, places[..., None], 1), atol=1e-6)
    assert everywhere.shape == (20, 12, 60)


def test_a_classifier_learns_and_its_archive_predicts_the_same(tmp_path: Path):
    model = classifier()
    history = model.fit(INPUTS, LABELS, batch_size=8, epochs=15, verbose=0).history
    assert history['loss'][-1] < 0.3 < history['loss'][0]
    assert history['accuracy'][-1] == 1.0
    assert model.evaluate(INPUTS, LABELS, verbose=0)[1] == 1.0
    predicted = model.predict(INPUTS, verbose=0)
    model.save(tmp_path / 'model.keras')
    again = load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(again.predict(INPUTS, verbose=0), predicted)
    assert again.optimizer.iterations == model.optimizer.iterations
    again.fit(INPUTS, LABELS, batch_size=8, verbose=0)


def test_an_archive_is_read_where_no_bert_was_imported(tmp_path: Path):
    import subprocess
    import sys

    model = small()
    model.build()
    model.save(tmp_path / 'model.keras')
    code = f'import hefted; print(hefted.saving.load_model({str(tmp_path / "model.keras")!r}).count_params())'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == model.count_params()


def test_pre_training_learns_tokens_and_sentences(tmp_path: Path):
    model = bert.BertPretrainer(small())
    scored = SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')
    model.compile(hefted.optimizers.Adam(0.01), loss={'masked_lm': scored, 'next_sentence': scored})
    places = rng.integers(0, 12, (20, 3))
    x = {**INPUTS, 'mask_positions': places}
    y = {'masked_lm': np.take_along_axis(IDS, places, 1), 'next_sentence': LABELS}
    weights = {'masked_lm': np.ones((20, 3)), 'next_sentence': np.ones(20)}
    history = model.fit(x, y, sample_weight=weights, batch_size=8, epochs=15, verbose=0).history
    assert history['masked_lm_loss'][-1] < history['masked_lm_loss'][0] - 1
    assert history['next_sentence_loss'][-1] < history['next_sentence_loss'][0]
    model.save(tmp_path / 'model.keras')
    again = load_model(tmp_path / 'model.keras')
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, again.weights, strict=True))


def test_a_training_that_was_broken_off_goes_on_as_if_it_had_not(tmp_path: Path):
    def trained(epochs: int, folder: Path) -> Any:
        hefted.utils.set_random_seed(4)
        model = classifier()
        model.fit(INPUTS, LABELS, batch_size=8, epochs=epochs, verbose=0, resume=folder)
        return [v.numpy() for v in model.weights]

    whole = trained(4, tmp_path / 'whole')
    trained(2, tmp_path / 'parts')
    for one, other in zip(whole, trained(4, tmp_path / 'parts'), strict=True):
        np.testing.assert_array_equal(one, other)


def test_mixed_precision_computes_in_16_bits_and_keeps_32():
    model = classifier(dtype='mixed_bfloat16')
    history = model.fit(INPUTS, LABELS, batch_size=8, epochs=15, verbose=0).history
    assert history['loss'][-1] < 0.4
    assert {v.dtype for v in model.weights} == {'float32'}
    assert model.backbone(INPUTS)['sequence_output'].dtype == 'bfloat16'
    assert model(INPUTS).dtype == 'float32'


def test_a_frozen_backbone_stays_as_it_is():
    model = classifier()
    model.build()
    model.backbone.trainable = False
    model.compile('adam', SparseCategoricalCrossentropy(from_logits=True))
    before = [v.numpy() for v in model.backbone.weights]
    head = model.classifier.kernel.numpy()
    model.fit(INPUTS, LABELS, batch_size=8, verbose=0)
    assert len(model.trainable_variables) == 2
    assert all(np.array_equal(v, old) for v, old in zip(model.backbone.weights, before, strict=True))
    assert not np.array_equal(model.classifier.kernel, head)


def test_a_forecast_names_what_a_training_will_take():
    forecast = classifier().forecast(INPUTS, LABELS, epochs=3)
    assert forecast.energy.value > 0
    assert 0 < forecast.duration.low <= forecast.duration.value


def test_a_short_batch_trains_in_the_compiled_program_of_the_others():
    from hefted.models.steps import rows_independent

    assert all(rows_independent(model) for model in (classifier(), bert.BertPretrainer(small())))


def test_a_block_alone_drops_in_training_only():
    block = bert.TransformerEncoder(32, 2, dropout=0.3)
    x = rng.standard_normal((2, 5, 16)).astype('float32')
    np.testing.assert_array_equal(block(x), block(x))
    assert not np.array_equal(block(x, training=True), block(x))
    first = bert.TransformerEncoder(32, 2, activation='gelu', normalize_first=True)
    assert first(x, attention_mask=np.tril(np.ones((2, 5, 5)))).shape == x.shape


def test_embeddings_are_pooled_as_they_are_said_to_be():
    backbone = small()
    mask = (np.arange(12) < 7) * np.ones_like(IDS)
    x = {'token_ids': IDS, 'padding_mask': mask}
    tokens = np.asarray(backbone(x)['sequence_output'])
    for pooling, wanted in (
        ('mean', tokens[:, :7].mean(1)),
        ('max', tokens[:, :7].max(1)),
        ('cls', tokens[:, 0]),
        ('pooler', np.asarray(backbone(x)['pooled_output'])),
    ):
        found = bert.BertTextEmbedder(backbone, pooling, normalize=False)(x)
        np.testing.assert_allclose(found, wanted, atol=1e-6, err_msg=pooling)
    unit = np.asarray(bert.BertTextEmbedder(backbone)(x))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ('call', 'error', 'says'),
    [
        (lambda: small(num_heads=3), ArgumentError, 'num_heads to divide hidden_dim=16, received 3'),
        (lambda: small(num_layers=0), ArgumentError, 'num_layers of BertBackbone to be a positive integer, received 0'),
        (lambda: small(dropout=1.0), ArgumentError, 'dropout from 0 to below 1, received 1.0'),
        (lambda: small()(np.ones((1, 17), int)), ShapeError, 'max_sequence_length=16 tokens, received 17'),
        (lambda: small()(np.ones(4, int)), ShapeError, r'\(batch, length\), received \(4,\)'),
        (lambda: small()({'token_id': IDS}), UnknownNameError, "Did you mean 'token_ids'"),
        (
            lambda: classifier().predict({'input_ids': IDS, 'attention_mask': IDS, 'token_type_ids': IDS}),
            UnknownNameError,
            "'token_ids' for 'input_ids', 'padding_mask' for 'attention_mask', 'segment_ids' for 'token_type_ids'",
        ),
        (
            lambda: small()({'token_ids': IDS, 'attention_mask': IDS}),
            UnknownNameError,
            "BertBackbone: 'attention_mask'.*: write 'padding_mask' for 'attention_mask'.\nRaised",
        ),
        (lambda: small()({'padding_mask': IDS}), ArgumentError, "inputs with 'token_ids'"),
        (
            lambda: small()({'token_ids': IDS, 'segment_ids': IDS[:, :3] % 2}),
            ShapeError,
            r'segment_ids of the shape of token_ids, \(20, 12\), received \(20, 3\)',
        ),
        (lambda: bert.BertPretrainer(small(pooler=False)), ArgumentError, 'to have a pooler'),
        (lambda: bert.BertTextClassifier(3, 2), ArgumentError, 'to be a BertBackbone, received 3'),
        (lambda: bert.BertTextClassifier(small(), 0), ArgumentError, 'num_classes'),
        (lambda: bert.BertTextEmbedder(small(), 'means'), UnknownNameError, "Did you mean 'mean'"),
        (lambda: bert.preset('bert_base_uncased'), UnknownNameError, 'bert_base_en_uncased'),
        (lambda: bert.BertBackBone, AttributeError, 'BertBackbone'),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        call()
