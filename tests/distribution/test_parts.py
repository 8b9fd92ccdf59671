"""Processes that each read their own part of every batch train as one that reads all of it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))

TRAINS = """
import json
import hefted
from hefted import distribution, text
from hefted.models import bert

world = distribution.initialize()
distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))
hefted.utils.set_random_seed(7)
lines = [f'a {word} word for {n} rows' for n in range(8) for word in ('good', 'bad', 'nice', 'sad')]
marks = [n % 2 for n in range(len(lines))]
tokenizer = text.WordPieceTokenizer.train(lines, vocabulary_size=80)
data = text.TextDataset(lines, marks, tokenizer, length=16, batch_size=8, shard=(world.rank, world.size))
backbone = bert.BertBackbone(tokenizer.vocabulary_size(), 1, 2, 16, 32, max_sequence_length=16, dropout=0.0)
model = bert.BertTextClassifier(backbone, num_classes=2, activation='softmax', dropout=0.0)
model.compile('adam', 'sparse_categorical_crossentropy')
history = model.fit(data, epochs=3, verbose=0)
print(json.dumps(history.history['loss']), flush=True)
"""


def told(program: str, folder: Path, size: int = 2) -> list[Any]:
    """What each process of a world prints last."""
    ended = worlds['run'](program, size, folder)
    assert not any(each.code for each in ended), [each.error[-3000:] for each in ended]
    return [json.loads(each.out.splitlines()[-1]) for each in ended]


def test_each_process_may_read_its_own_part(tmp_path: Path):
    (alone,) = told(TRAINS, tmp_path, 1)
    for each in told(TRAINS, tmp_path):
        assert each == pytest.approx(alone, rel=1e-5)


NUMBERED = """
import json
import os
os.environ['KERAS_BACKEND'] = 'jax'
import keras
from hefted import distribution

distribution.initialize()
told = []
for of in (distribution, keras.distribution):
    for shape in ((2, 1), (1, 2)):
        layouts = of.LayoutMap(of.DeviceMesh(shape, ('batch', 'model'), ['cpu:0', 'cpu:1']))
        told.append(of.ModelParallel(layout_map=layouts).data_shard_id)
print(json.dumps(told), flush=True)
"""


def test_which_part_of_a_batch_a_process_has_is_told_as_keras_tells_it(tmp_path: Path):
    for rank, (*ours, split, shared) in enumerate(told(NUMBERED, tmp_path)):
        assert ours == [split, shared] == [rank, 0]
