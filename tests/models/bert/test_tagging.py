"""What a tagger's loss and accuracy are where some places have no tag, by hand, for each way to say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert

rng = np.random.default_rng(0)
IDS = rng.integers(5, 60, (4, 8))
TAGGED = np.arange(8) < np.array([[5], [1], [5], [3]])
TAGS = np.where(TAGGED, rng.integers(0, 3, (4, 8)), 0)
MARKED = np.where(TAGGED, TAGS, -100)


@pytest.fixture(scope='module')
def model() -> Any:
    made = bert.BertTokenClassifier(bert.BertBackbone(60, 1, 2, 8, 16, max_sequence_length=8), 3)
    made.build()
    for variable in made.weights:
        variable.assign(variable.numpy() + rng.standard_normal(variable.shape).astype('float32'))
    return made


def by_hand(model: Any) -> tuple[Any, Any]:
    """Loss and rightness of each place."""
    logits = np.asarray(model(IDS), np.float64)
    rows, columns = np.indices(TAGS.shape)
    losses = np.log(np.exp(logits).sum(-1)) - logits[rows, columns, TAGS]
    return losses, logits.argmax(-1) == TAGS


def evaluated(model: Any, targets: Any, weights: Any, reduction: str = 'sum_over_batch_size', **more: Any) -> Any:
    ignored = -100 if targets is MARKED else None
    loss = SparseCategoricalCrossentropy(from_logits=True, reduction=reduction, ignore_class=ignored)
    model.compile('sgd', loss, **more)
    return model.evaluate(IDS, targets, sample_weight=weights, batch_size=4, verbose=0)


def test_weights_with_their_mean_and_weighted_metrics_score_tags_alone(model: Any):
    losses, right = by_hand(model)
    found = evaluated(model, TAGS, TAGGED, 'mean_with_sample_weight', weighted_metrics=['accuracy'])
    np.testing.assert_allclose(found, [losses[TAGGED].mean(), right[TAGGED].mean()], rtol=1e-5)


def test_the_default_divides_by_all_places_as_the_docs_say(model: Any):
    losses, right = by_hand(model)
    found = evaluated(model, TAGS, TAGGED, metrics=['accuracy'])
    np.testing.assert_allclose(found, [losses[TAGGED].sum() / TAGGED.size, right.mean()], rtol=1e-5)


def test_an_ignored_class_is_left_out_of_the_loss_and_wrong_to_metrics_as_the_docs_say(model: Any):
    losses, right = by_hand(model)
    found = evaluated(model, MARKED, None, metrics=['accuracy'])
    np.testing.assert_allclose(found, [losses[TAGGED].mean(), right[TAGGED].sum() / TAGGED.size], rtol=1e-5)
