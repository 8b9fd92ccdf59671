"""Both recipes train: the original one in two lengths, and one of today in 16 bits on packed rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.optimizers import AdamW, Lamb
from hefted.optimizers.schedules import LinearDecay
from hefted.text import MaskedLanguageDataset, WordPieceTokenizer
from hefted.utils import set_random_seed

WORDS = np.array(['the', 'cat', 'dog', 'sat', 'ran', 'on', 'mat', 'and', 'then', 'slept', 'playing', 'played'])
TEXTS = [' '.join(np.random.default_rng(n).choice(WORDS, 4 + n % 9)) for n in range(120)]
PLAIN = ['bias', 'gamma', 'beta']  # what no weight decay is for


@pytest.fixture(scope='module')
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer.train(TEXTS, vocabulary_size=50)


def made(tokenizer: WordPieceTokenizer, optimizer: Any, **changes: Any) -> Any:
    set_random_seed(2)
    sizes = {'max_sequence_length': 32, 'dropout': 0.0, 'pooler': False} | changes
    model = bert.BertMaskedLM(bert.BertBackbone(tokenizer.vocabulary_size(), 2, 2, 16, 32, **sizes))
    model.compile(optimizer, SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight'))
    return model


def recipe(kind: Any, steps: int, **changes: Any) -> Any:
    optimizer = kind(LinearDecay(1e-2, steps, steps // 10), global_clipnorm=1.0, **changes)
    optimizer.exclude_from_weight_decay(var_names=PLAIN)
    return optimizer


# 130 short rows: with a last batch of two, which is a program of its own to compile, and without.
@pytest.mark.parametrize(('kind', 'size'), [(AdamW, 8), (Lamb, 10)])
def test_nine_tenths_of_the_steps_are_short_and_one_schedule_spans_both_lengths(kind: Any, size: int, tokenizer: Any):
    short, long = (MaskedLanguageDataset(TEXTS, tokenizer, length, size, seed=length) for length in (16, 32))
    assert len(short[short.num_batches - 1][1]) == {8: 2, 10: 10}[size]
    first, last = 2 * short.num_batches, 2 * short.num_batches // 9
    assert last < long.num_batches
    model = made(tokenizer, recipe(kind, first + last, weight_decay=0.01))
    begun = model.fit(short, epochs=2, verbose=0).history['loss']
    assert model.optimizer.iterations == first
    left = last / (first + last - (first + last) // 10)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2 * left)
    ended = model.fit(long, steps_per_epoch=last, verbose=0).history['loss']
    assert model.optimizer.iterations == first + last
    assert float(model.optimizer.learning_rate) == 0
    assert begun[-1] < begun[0]
    assert np.isfinite([*begun, *ended]).all()


def test_weights_shrink_but_for_normalizations_and_biases_within_the_stack_too(tokenizer: Any):
    def after_a_step(decay: float) -> Any:
        data = MaskedLanguageDataset(TEXTS, tokenizer, 16, 8)
        optimizer = AdamW(0.1, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_names=PLAIN)
        model = made(tokenizer, optimizer)
        model.build()
        before = [v.numpy() for v in model.weights]
        model.fit(data, steps_per_epoch=1, shuffle=False, verbose=0)
        return model, before

    (model, before), (without, _) = after_a_step(0.5), after_a_step(0.0)
    shrunk = 0
    for variable, plain, was in zip(model.weights, without.weights, before, strict=True):
        left_out = any(name in variable.name for name in PLAIN)
        wanted = plain.numpy() - (0 if left_out else 0.1 * 0.5 * was)
        np.testing.assert_allclose(variable.numpy(), wanted, atol=1e-5, err_msg=variable.path)
        shrunk += not left_out
    assert shrunk == 3 + 2 * 6 + 1  # tables, two blocks' kernels, the head's


def test_lamb_is_the_published_formula_for_each_weight_of_a_stack():
    """You et al. 2019, algorithm 2, without decay: each weight's step has the weight's norm."""
    from hefted.layers import Dense, Stack

    stack = Stack([Dense(3, use_bias=False) for _ in range(2)])
    stack.build((None, 3))
    rng = np.random.default_rng(0)
    for number, block in enumerate(stack.blocks):
        block.kernel.assign((number + 1) * rng.standard_normal((3, 3)))
    weights = [block.kernel.numpy().astype('float64') for block in stack.blocks]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    optimizer = Lamb(0.01)
    optimizer.build(stack.trainable_variables)
    for step in range(1, 4):
        slopes = [rng.standard_normal((3, 3)) for _ in weights]
        optimizer.apply([g.astype('float32') for g in slopes], stack.trainable_variables)
        for i, g in enumerate(slopes):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
            r = m[i] / (1 - 0.9**step) / (np.sqrt(v[i] / (1 - 0.999**step)) + 1e-7)
            weights[i] = weights[i] - 0.01 * np.linalg.norm(weights[i]) / np.linalg.norm(r) * r
    for block, wanted in zip(stack.blocks, weights, strict=True):
        np.testing.assert_allclose(block.kernel, wanted, rtol=1e-5)


def test_one_pass_in_16_bits_on_packed_rows_learns_what_32_bits_do(tokenizer: Any):
    def trained(dtype: str) -> tuple[Any, Any]:
        data = MaskedLanguageDataset(TEXTS[:115], tokenizer, 32, 4, mask_selection_rate=0.3, seed=3)
        assert data.packed
        assert len(data[data.num_batches - 1][1]) == 4  # one shape, and so one program to compile
        model = made(tokenizer, recipe(AdamW, data.num_batches, weight_decay=0.01), dtype=dtype)
        losses = [float(model.train_on_batch(*data[i])) for i in range(data.num_batches)]
        return model, losses

    (_, whole), (model, halves) = trained('float32'), trained('mixed_bfloat16')
    assert np.isfinite(halves).all()
    np.testing.assert_allclose(halves, whole, rtol=0.02)
    assert halves[-1] < halves[0]
    assert {v.dtype for v in model.trainable_variables} == {'float32'}


@pytest.mark.parametrize('remat', ['products', 'full'])
def test_what_is_computed_again_changes_no_loss_and_is_saved_with_the_model(remat: str, tokenizer: Any, tmp_path: Any):
    from hefted.saving import load_model

    x, y, weights = MaskedLanguageDataset(TEXTS, tokenizer, 16, 8)[0]

    def losses(how: str) -> list[float]:
        model = made(tokenizer, 'sgd', remat=how, dropout=0.1)
        return [model.train_on_batch(x, y, weights) for _ in range(3)]

    np.testing.assert_allclose(losses(remat), losses('none'), rtol=1e-5)
    backbone = bert.BertBackbone(20, 2, 2, 8, 16, remat=remat)
    backbone.build()
    backbone.save(tmp_path / 'model.keras')
    assert load_model(tmp_path / 'model.keras').encoder.remat == remat
