"""A cross-entropy that takes a head's logits for probabilities is told when the model is compiled, and then alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from hefted import losses
from hefted.models import bert
from hefted.saving import load_model


def small() -> bert.BertBackbone:
    return bert.BertBackbone(60, 1, 2, 8, 16, max_sequence_length=16)


def text(activation: Any = None) -> Any:
    return bert.BertTextClassifier(small(), 2, activation)


def said(model: Any, loss: Any) -> list[str]:
    """What compiling warns of, each with the file that it names."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        model.compile('adamw', loss)
    assert all(each.filename == __file__ for each in told)
    return [str(each.message) for each in told]


@pytest.mark.parametrize(
    ('loss', 'name', 'activation'),
    [
        ('sparse_categorical_crossentropy', 'SparseCategoricalCrossentropy', 'softmax'),
        ('SparseCategoricalCrossentropy', 'SparseCategoricalCrossentropy', 'softmax'),
        ('crossentropy', 'SparseCategoricalCrossentropy', 'softmax'),
        (losses.categorical_crossentropy, 'CategoricalCrossentropy', 'softmax'),
        (losses.CategoricalFocalCrossentropy(), 'CategoricalFocalCrossentropy', 'softmax'),
        (losses.SparseCategoricalCrossentropy(ignore_class=-100), 'SparseCategoricalCrossentropy', 'softmax'),
        (losses.LossFunctionWrapper(losses.binary_crossentropy), 'BinaryCrossentropy', 'sigmoid'),
        (losses.BinaryCrossentropy, 'BinaryCrossentropy', 'sigmoid'),
        ('bce', 'BinaryCrossentropy', 'sigmoid'),
        (['binary_crossentropy'], 'BinaryCrossentropy', 'sigmoid'),
    ],
)
def test_both_remedies_are_named_and_silence_it(loss: Any, name: str, activation: str):
    (message,) = said(text(), loss)
    assert f'Compile with {name}(from_logits=True) of hefted.losses' in message
    assert message.endswith(f"or make the model with activation='{activation}'.")
    assert not said(text(), getattr(losses, name)(from_logits=True))
    assert not said(text(activation), loss)


def test_pre_training_has_one_remedy_and_is_told_once():
    loss = 'sparse_categorical_crossentropy'
    (message,) = said(bert.BertPretrainer(small()), {'masked_lm': loss, 'next_sentence': loss})
    assert message.endswith('Compile with SparseCategoricalCrossentropy(from_logits=True) of hefted.losses.')


@pytest.mark.parametrize(
    'loss',
    [
        'mse',
        None,
        'categorical_hinge',
        lambda y, p: losses.sparse_categorical_crossentropy(y, p, from_logits=True),
        losses.LossFunctionWrapper(losses.binary_crossentropy, from_logits=True),
    ],
)
def test_other_losses_are_taken_in_silence(loss: Any):
    assert not said(text(), loss)
    assert not said(bert.BertTextEmbedder(small()), 'categorical_crossentropy')


def test_an_archive_that_was_compiled_so_says_it_again(tmp_path: Path):
    model = text()
    model.build()
    assert said(model, 'sparse_categorical_crossentropy')
    model.save(tmp_path / 'm.keras')
    with pytest.warns(UserWarning, match='gives logits'):
        load_model(tmp_path / 'm.keras')
