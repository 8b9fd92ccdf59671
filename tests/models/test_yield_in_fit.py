"""What a fit tells of its yield: tokens for each joule where rows are sequences, rows elsewhere."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from hefted import Model, Sequential, layers, ledger
from hefted.cli.receipt import receipt_of
from hefted.forecast.effort import effort
from hefted.ledger.journal import settle
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.remat import RematScope

ROWS, LENGTH = 256, 16


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))


def _fitted(model: Model, x: Any, epochs: int = 3, rows: int = ROWS, **more: object):
    model.compile('sgd', 'mse')
    return model.fit(x, np.zeros((rows, 1), np.float32), epochs=epochs, batch_size=32, verbose=0, **more)


def _of_tokens() -> Sequential:
    return Sequential([layers.Embedding(50, 8), layers.GlobalAveragePooling1D(), layers.Dense(1)])


def test_rows_of_ids_that_are_looked_up_are_tokens():
    history = _fitted(_of_tokens(), np.ones((ROWS, LENGTH), np.int32))
    assert history.forecast.plan.tokens_per_row == LENGTH
    told = history.receipt().facts.yielded
    assert told.of == 'tokens'
    train = history.footprint.phases['train'].energy.to('J').value
    assert told.per_joule.to('1/J').value == pytest.approx(3 * ROWS * LENGTH / train)
    assert told.utilisation is None  # a processor has no peak in the catalogue


def test_whole_numbers_that_are_no_ids_are_rows():
    history = _fitted(Sequential([layers.Dense(1)]), np.ones((ROWS, LENGTH), np.int32))
    assert history.receipt().facts.yielded.of == 'rows'


def test_the_receipt_of_the_ledger_tells_the_same():
    history = _fitted(_of_tokens(), np.ones((ROWS, LENGTH), np.int32))
    settle(30)
    again = receipt_of(ledger.open().get('last'))
    mine, its = history.receipt().facts.yielded, again.facts.yielded
    assert its.per_joule.value == pytest.approx(mine.per_joule.value, rel=1e-6)
    assert 'tokens/' in str(again)
    assert again.to_json()['yielded']['of'] == 'tokens'


def test_products_of_dense_layers_are_counted_forward_and_backward():
    model = Sequential([layers.Dense(8, use_bias=False), layers.Dense(4, use_bias=False)])
    model.compile('sgd', 'mse')
    history = model.fit(np.ones((ROWS, 4), np.float32), np.ones((ROWS, 4), np.float32), batch_size=32, verbose=0)
    # Two forward, two to the weights, and one to the first layer's result: no gradient to the data is needed.
    assert history.forecast.plan.products_per_step == 5 * (2 * 32 * 4 * 8)


def test_a_step_that_computes_again_says_so():
    model = Sequential([layers.Dense(8, activation='tanh'), layers.Dense(1)])
    assert not _fitted(model, np.ones((ROWS, 4), np.float32)).forecast.plan.recomputes

    class Again(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = self.add_weight((4, 1))

        def call(self, x):
            return jax.checkpoint(lambda x, kernel: jax.numpy.tanh(x @ kernel))(x, self.kernel.value)

    assert _fitted(Sequential([Again()]), np.ones((ROWS, 4), np.float32)).forecast.plan.recomputes
    with RematScope('full'):
        model = Sequential([layers.Dense(8, activation='tanh'), layers.Dense(1)])
    assert _fitted(model, np.ones((ROWS, 4), np.float32)).forecast.plan.recomputes


def test_a_step_that_computes_no_product_again_does_not_say_so():
    with RematScope('activations'):
        model = Sequential([layers.Dense(8, activation='tanh'), layers.Dense(1)])
    assert not _fitted(model, np.ones((ROWS, 4), np.float32)).forecast.plan.recomputes


@pytest.mark.parametrize(('remat', 'counted'), [('none', 'MFU'), ('products', 'HFU'), ('full', 'HFU')])
def test_bert_computes_again_what_remat_says(remat: str, counted: str):
    backbone = bert.BertBackbone(60, 3, 2, 16, 32, max_sequence_length=LENGTH, remat=remat)
    model = bert.BertTextClassifier(backbone, num_classes=2)
    model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    ids = {'token_ids': np.ones((8, LENGTH), np.int32), 'padding_mask': np.ones((8, LENGTH), np.int32)}
    plan = model.fit(ids, np.zeros(8, np.int32), batch_size=4, verbose=0).forecast.plan
    assert effort(plan, 1, 1.0, 1.0).counted == counted


class _Padded(Model):
    """Ids of which the mask tells what is padding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = layers.Embedding(50, 8)
        self.out = layers.Dense(1)

    def call(self, inputs):
        kept = jax.numpy.asarray(inputs['padding_mask'], 'float32')[..., None]
        return self.out((self.table(inputs['token_ids']) * kept).sum(axis=1))


def test_padding_that_the_arrays_tell_of_is_no_token():
    mask = np.zeros((ROWS, LENGTH), bool)
    mask[:, :3] = True
    x = {'token_ids': np.ones((ROWS, LENGTH), np.int32), 'padding_mask': mask}
    model = _Padded()
    plan = _fitted(model, x).forecast.plan
    assert plan.tokens_per_row == 3
    mask[:, :5] = True  # the same program over other data
    assert _fitted(model, x).forecast.plan.tokens_per_row == 5
