"""What is frozen stays so: before weights are made, in archives and clones, and in the training that goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hefted
from hefted.callbacks import ModelCheckpoint
from hefted.errors import ArchiveError
from hefted.layers import Stack
from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert, clone_model
from hefted.optimizers.schedules import LinearDecay
from hefted.saving import load_model

IDS = np.random.default_rng(0).integers(5, 30, (16, 6))
LABELS = IDS[:, 1] % 2


def small(**changes: Any) -> bert.BertBackbone:
    sizes = {'num_heads': 2, 'hidden_dim': 8, 'intermediate_dim': 16, 'max_sequence_length': 8, 'dropout': 0.0}
    return bert.BertBackbone(30, 2, **(sizes | changes))


def classifier() -> Any:
    return bert.BertTextClassifier(small(), 2, dropout=0.0)


def compiled(model: Any) -> Any:
    model.compile(hefted.optimizers.Adam(LinearDecay(0.01, total_steps=16)), SparseCategoricalCrossentropy(True))
    return model


def fitted(model: Any, **arguments: Any) -> list[float]:
    return model.fit(IDS, LABELS, batch_size=4, epochs=2, shuffle=False, verbose=0, **arguments).history['loss']


def trained(model: Any) -> list[str]:
    """The paths of what is trained, without the models that it is in."""
    return [re.sub(r'(bert_[a-z]+_[a-z]+|bert_backbone)(_\d+)?/', '', v.path) for v in model.trainable_variables]


def backbone(model: Any) -> None:
    model.backbone.trainable = False


def embeddings_and_a_block(model: Any) -> None:
    model.backbone.embeddings.trainable = False
    model.backbone.blocks[0].trainable = False


def parts_of_blocks(model: Any) -> None:
    model.backbone.blocks[0].attention.trainable = False
    model.backbone.blocks[1].output_dense.trainable = False


def head(model: Any) -> None:
    model.classifier.trainable = False


def all_but_the_pooler(model: Any) -> None:
    model.backbone.trainable = False
    model.backbone.pooler.trainable = True


#: And how many variables are trained then, of 41.
SWITCHES = {
    backbone: 2, embeddings_and_a_block: 20, parts_of_blocks: 31, head: 39, all_but_the_pooler: 4,
}  # fmt: skip


@pytest.mark.parametrize('switch', SWITCHES)
def test_freezing_before_the_weights_are_made_freezes_the_same(switch: Callable[[Any], None]):
    early, late = classifier(), classifier()
    switch(early)
    early.build()
    late.build()
    switch(late)
    assert trained(early) == trained(late)
    assert len(trained(early)) == SWITCHES[switch]


def test_a_head_of_masked_tokens_frozen_before_it_is_built_has_nothing_to_train():
    model = bert.BertMaskedLM(small(pooler=False))
    model.masked_lm.trainable = False
    model.build()
    assert trained(model) == trained(model.backbone) != []
    assert not any(v.trainable for v in model.masked_lm.weights)


MADE_FROZEN = {
    'backbone': lambda: small(trainable=False),
    'block': lambda: bert.TransformerEncoder(16, 2, trainable=False),
    'stack': lambda: Stack([bert.TransformerEncoder(16, 2) for _ in range(2)], trainable=False),
    'classifier': lambda: bert.BertTextClassifier(small(), 2, trainable=False),
    'embedder': lambda: bert.BertTextEmbedder(small(), trainable=False),
    'masked': lambda: bert.BertMaskedLM(small(), trainable=False),
    'pretrainer': lambda: bert.BertPretrainer(small(), trainable=False),
}


@pytest.mark.parametrize('kind', MADE_FROZEN)
def test_what_is_made_frozen_is_frozen_with_all_inside_it(kind: str):
    layer = MADE_FROZEN[kind]()
    layer.build((None, 4, 8))
    assert layer.weights
    assert not any(v.trainable for v in layer.weights)


@pytest.mark.parametrize('switch', SWITCHES)
def test_an_archive_keeps_what_is_frozen_and_training_goes_on(switch: Callable[[Any], None], tmp_path: Path):
    model = classifier()
    switch(model)
    fitted(compiled(model), callbacks=[ModelCheckpoint(tmp_path / 'last.keras')])
    model.save(tmp_path / 'saved.keras')
    loaded = [load_model(tmp_path / name) for name in ('saved.keras', 'last.keras')]
    for again in loaded:
        assert trained(again) == trained(model)
        assert int(again.optimizer.iterations) == 8
        for mine, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(mine, other)
    before = {v.path: v.numpy() for v in loaded[0].non_trainable_variables}
    went_on = fitted(model)
    assert fitted(loaded[0]) == went_on
    assert fitted(loaded[1]) == went_on
    for variable in loaded[0].non_trainable_variables:
        np.testing.assert_array_equal(variable, before[variable.path])
    for mine, other in zip(loaded[0].weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_frozen_training_that_was_broken_off_goes_on_as_if_it_had_not(tmp_path: Path):
    def weights(epochs: int, folder: Path) -> list[Any]:
        hefted.utils.set_random_seed(4)
        model = classifier()
        embeddings_and_a_block(model)
        compiled(model).fit(IDS, LABELS, batch_size=4, epochs=epochs, verbose=0, resume=folder)
        return model.get_weights()

    whole = weights(3, tmp_path / 'whole')
    weights(1, tmp_path / 'parts')
    for one, other in zip(whole, weights(3, tmp_path / 'parts'), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('switch', SWITCHES)
def test_clones_and_configs_keep_what_is_frozen(switch: Callable[[Any], None]):
    model = classifier()
    switch(model)
    model.build()
    again = bert.BertTextClassifier.from_config(model.get_config())
    alone = bert.BertBackbone.from_config(model.backbone.get_config())
    for made in (again, alone):
        made.build()
    assert trained(again) == trained(clone_model(model)) == trained(model)
    assert trained(alone) == trained(model.backbone)


def test_a_frozen_part_of_a_block_is_no_difference_between_blocks():
    blocks = [bert.TransformerEncoder(16, 2, name=f'block_{i}') for i in range(3)]
    blocks[1].attention.trainable = False
    stack = Stack(blocks)
    again = Stack.from_config(stack.get_config())
    assert [block.attention.trainable for block in again.blocks] == [True, False, True]


@pytest.mark.parametrize('told', ['encoder', [3], {'encoder': 1}])
def test_what_is_no_list_of_frozen_parts_is_refused(told: Any):
    config = small().get_config()
    with pytest.raises(ArchiveError, match=r"Expected 'frozen_parts' of layer 'bert_backbone.*' to be a list of paths"):
        bert.BertBackbone.from_config({**config, 'frozen_parts': told})
