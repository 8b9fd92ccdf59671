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


def told_by(folder: Path, size: int) -> list[Any]:
    ended = worlds['run'](TRAINS, size, folder)
    assert not any(each.code for each in ended), [each.error[-3000:] for each in ended]
    return [json.loads(each.out.splitlines()[-1]) for each in ended]


def test_each_process_may_read_its_own_part(tmp_path: Path):
    ((kinds, _, alone),) = told_by(tmp_path, 1)
    assert kinds == 2
    for _, told, losses in told_by(tmp_path, 2):
        assert losses == pytest.approx(alone, rel=1e-5)
        counted, real, how = told
        assert counted == pytest.approx(real)
        assert how == 'pilot'
