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
more = ['', ' and more of them']
lines = [f'a {word} word for {n} rows{more[n % 2]}' for n in range(8) for word in ('good', 'bad', 'nice', 'sad')]
marks = [n % 2 for n in range(len(lines))]
tokenizer = text.WordPieceTokenizer.train(lines, vocabulary_size=80)
data = text.TextDataset(lines, marks, tokenizer, 16, 8, lengths=(9, 16), shard=(world.rank, world.size))
backbone = bert.BertBackbone(tokenizer.vocabulary_size(), 1, 2, 16, 32, max_sequence_length=16, dropout=0.0)
model = bert.BertTextClassifier(backbone, num_classes=2, activation='softmax', dropout=0.0)
model.compile('adam', 'sparse_categorical_crossentropy')
history = model.fit(data, epochs=3, verbose=0)
plan = history.forecast.plan
told = [plan.tokens_per_row * plan.batch_size * plan.steps, data.tokens * 3, history.forecast.how]
print(json.dumps([len(set(data.batch_kinds())), told, history.history['loss']]), flush=True)
"""


def told(program: str, folder: Path, size: int = 2) -> list[Any]:
    """What each process of a world prints last."""
    ended = worlds['run'](program, size, folder)
    assert not any(each.code for each in ended), [each.error[-3000:] for each in ended]
    return [json.loads(each.out.splitlines()[-1]) for each in ended]


def test_each_process_may_read_its_own_part(tmp_path: Path):
    ((kinds, _, alone),) = told(TRAINS, tmp_path, 1)
    assert kinds == 2
    for _, (counted, real, how), losses in told(TRAINS, tmp_path):
        assert losses == pytest.approx(alone, rel=1e-5)
        assert counted == pytest.approx(real)
        assert how == 'pilot'


COMPUTES = """
import itertools
import json
import os
os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'
import numpy as np
from hefted import Sequential, distribution, layers, optimizers
from hefted.distribution.placing import Placing

world = distribution.initialize()
if world.size > 1:
    distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))
steps = np.array([[[0, 1], [10, 11]], [[2, 3], [12, 13]]], 'float32')  # of two rows of each process
rows = (steps[:, world.rank] if world.size > 1 else steps).reshape(-1, 1)
model = Sequential([layers.Dense(1, kernel_initializer='ones')])
model.compile(optimizers.SGD(1e-3), 'mse', metrics=['mae'])


def batches():
    yield rows[:2]
    yield rows[2:3]


def listed(outputs):
    return outputs.ravel().tolist()


uneven = rows[: 3 - 2 * world.rank]
told = {
    'all': listed(model.predict(rows, verbose=0)),
    'uneven': listed(model.predict(uneven, batch_size=2, verbose=0)),
    'generated': listed(model.predict(batches(), steps=2 - world.rank, verbose=0)),
    'on batch': listed(model.predict_on_batch(rows)),
    'trained': model.train_on_batch(rows, 2 * rows, 1 + rows[:, 0]),
    'tested': model.test_on_batch(rows, 2 * rows),
    'fitted': model.fit(rows, 2 * rows, batch_size=4 // world.size, shuffle=False, verbose=0).history['loss'],
    'evaluated': model.evaluate(rows, 2 * rows, batch_size=2, verbose=0),
}
if world.size > 1:
    first, second, third, fourth = distribution.list_devices()
    with distribution.DataParallel(devices=[third, fourth, first, second], auto_shard_dataset=False).scope():
        model.set_weights([np.ones((1, 1)), np.zeros(1)])
        told['in another order'] = listed(model.predict_on_batch(rows))
    try:
        Placing(distribution.DataParallel(devices=[first, third, second, fourth], auto_shard_dataset=False))
    except ValueError as error:
        told['refused'] = str(error)
print(json.dumps(told), flush=True)
"""


def test_each_process_predicts_its_own_rows_and_a_step_is_over_those_of_all(tmp_path: Path):
    (alone,) = told(COMPUTES, tmp_path, 1)
    for rank, each in enumerate(told(COMPUTES, tmp_path)):
        own = [rank * 10 + row for row in range(4)]
        assert each['all'] == each['on batch'] == each['in another order'] == own
        assert each['uneven'] == own[: 3 - 2 * rank]
        assert each['generated'] == own[: 3 - rank]
        for name in ('trained', 'tested', 'evaluated', 'fitted'):
            assert each[name] == pytest.approx(alone[name], rel=1e-5), name
        assert 'hold the places [0, 2] for rank 0; [1, 3] for rank 1. Use auto_shard_dataset=True' in each['refused']


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
