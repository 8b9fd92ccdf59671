"""What is set in a BERT after it was made either holds, in calls and files alike, or is refused with what to do."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from hefted.errors import ArgumentError
from hefted.layers import Stack
from hefted.models.bert import BertBackbone
from hefted.saving import load_model

TOKENS = np.array([[2, 7, 3, 5], [4, 4, 9, 0]])


def made(layers: int = 3) -> Any:
    model = BertBackbone(12, layers, 2, 8, 16, dropout=0.0, max_sequence_length=8)
    model.build()
    return model


@pytest.mark.parametrize('name', ['dropout', 'attention_dropout', 'num_heads', 'layer_norm_epsilon', 'remat'])
def test_an_argument_that_is_set_later_is_refused_and_the_config_stays(name: str):
    model = made()
    before = model.get_config()
    with pytest.raises(ArgumentError, match=rf"Expected {name} of BertBackbone to stay.*'{name}': …"):
        setattr(model, name, 0.3)
    with pytest.raises(ArgumentError, match=r'Stack\(model.blocks'):
        model.num_layers = 1
    assert model.get_config() == before


def test_what_the_error_says_gives_a_model_of_another_dropout_with_the_same_weights():
    model = made()
    other = BertBackbone.from_config({**model.get_config(), 'dropout': 0.5})
    other.build()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(TOKENS)['pooled_output'], model(TOKENS)['pooled_output'])
    assert np.abs(other(TOKENS, training=True)['pooled_output'] - model(TOKENS)['pooled_output']).max() > 1e-3


def test_a_bert_cut_to_its_first_blocks_runs_counts_and_saves_those(tmp_path: Path):
    model = made()
    whole = model.predict(TOKENS, verbose=0)['sequence_output']
    with pytest.raises(ArgumentError, match='Make a stack of others'):
        model.encoder.blocks = model.encoder.blocks[:1]
    cut = made()
    cut.set_weights(model.get_weights())
    cut.encoder = Stack(cut.blocks[:1], name='encoder')
    assert (cut.num_layers, cut.sizes.num_layers, cut.get_config()['num_layers']) == (1, 1, 1)
    assert cut.count_params() == made(1).count_params() == cut.sizes.count_params()
    wanted = cut.predict(TOKENS, verbose=0)['sequence_output']
    np.testing.assert_allclose(wanted, cut(TOKENS)['sequence_output'], atol=1e-6)
    assert np.abs(wanted - whole).max() > 1e-3
    cut.save(tmp_path / 'cut.keras')
    again = load_model(tmp_path / 'cut.keras')
    np.testing.assert_allclose(again.predict(TOKENS, verbose=0)['sequence_output'], wanted, atol=1e-6)


def test_a_dropout_of_one_blocks_own_acts_in_that_block():
    model = BertBackbone(12, 3, 2, 8, 16, dropout=0.1, max_sequence_length=8)
    model.build()
    for block in model.blocks:
        block.dropout = 0.0
        block.attention.dropout = 0.0
    steps = [np.asarray(_training_step(model)) for _ in range(2)]
    np.testing.assert_array_equal(*steps)
    model.blocks[2].dropout = 0.5
    assert (np.asarray(_training_step(model)) != steps[0]).any()


def _training_step(model: Any) -> Any:
    x = np.ones((2, 4, 8), 'float32')
    return jax.jit(lambda x: model.encoder(x, training=True))(x)
