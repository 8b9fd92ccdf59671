"""Texts that share a row are told as each alone is; a model of one result a row refuses them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from hefted.errors import ArgumentError
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.text import pack

rng = np.random.default_rng(4)
TEXTS = [rng.integers(5, 60, size).tolist() for size in (5, 3, 8, 3, 5, 8, 5)]  # three lengths: each is compiled anew
ROWS = pack(TEXTS, length=16).arrays
WITHOUT_PLACES = {name: array for name, array in ROWS.items() if name != 'position_ids'}


def small(**changes: Any) -> Any:
    return bert.BertBackbone(60, 2, 2, 16, 32, max_sequence_length=16, **changes)


def texts_of(outputs: Any) -> Any:
    """Each text alone, and what was told of it in its row."""
    for row, numbers in enumerate(ROWS['packing_ids']):
        for number in range(1, numbers.max() + 1):
            here = numbers == number
            yield ROWS['token_ids'][row, here][None], np.asarray(outputs)[row, here]


def test_places_count_from_0_in_each_text_if_they_are_not_given():
    assert ROWS['packing_ids'].max() > 2
    assert (ROWS['packing_ids'] == 0).any()
    model = small(dropout=0.0)
    given = model.predict(ROWS, verbose=0)['sequence_output']
    np.testing.assert_array_equal(model.predict(WITHOUT_PLACES, verbose=0)['sequence_output'], given)
    told = np.asarray(model(ROWS)['sequence_output'])
    np.testing.assert_array_equal(model(WITHOUT_PLACES)['sequence_output'], told)
    jitted = jax.jit(lambda x: model(x)['sequence_output'])
    np.testing.assert_array_equal(jitted(WITHOUT_PLACES), jitted(ROWS))
    one = {'token_ids': ROWS['token_ids'], 'packing_ids': np.ones_like(ROWS['token_ids'])}
    np.testing.assert_allclose(model(one)['sequence_output'], model(ROWS['token_ids'])['sequence_output'], atol=1e-6)


@pytest.mark.parametrize('make', [lambda: bert.BertTokenClassifier(small(), 5), lambda: bert.BertMaskedLM(small())])
@pytest.mark.parametrize('left_out', [(), ('position_ids',), ('position_ids', 'padding_mask')])
def test_tokens_are_told_in_a_shared_row_as_in_one_of_their_own(make: Any, left_out: tuple[str, ...]):
    model = make()
    x = {name: array for name, array in ROWS.items() if name not in left_out}
    for alone, told in texts_of(model.predict(x, verbose=0)):
        np.testing.assert_allclose(told, np.asarray(model(alone))[0], atol=1e-5)


def test_hidden_tokens_are_told_in_a_shared_row_as_in_one_of_their_own():
    model = bert.BertMaskedLM(small())
    everywhere = model(WITHOUT_PLACES)
    places = rng.integers(0, 16, (len(ROWS['token_ids']), 3))
    told = model.predict({**WITHOUT_PLACES, 'mask_positions': places}, verbose=0)
    np.testing.assert_allclose(told, np.take_along_axis(np.asarray(everywhere), places[..., None], 1), atol=1e-5)


@pytest.mark.parametrize(
    'make',
    [
        lambda: bert.BertTextClassifier(small(), 3),
        lambda: bert.BertTextEmbedder(small()),
        lambda: bert.BertPretrainer(small()),
    ],
)
def test_a_model_of_one_result_a_row_refuses_rows_of_several_texts(make: Any):
    model = make()
    says = rf"one text in each row for {type(model).__name__}.*received 'packing_ids'.*a row of its own"
    for way in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ArgumentError, match=says):
            way(ROWS)


def test_a_classifier_is_not_trained_on_rows_of_several_texts():
    model = bert.BertTextClassifier(small(), 3)
    model.compile('sgd', SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ArgumentError, match='one text in each row'):
        model.fit(ROWS, np.zeros(len(ROWS['token_ids']), int), verbose=0)
