"""Trainings to which each process brings rows of its own go on from a checkpoint: with these rows, or not at all."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))

TRAINS = """
import json, os, random, shutil
import numpy as np
import hefted
from hefted import Input, Sequential, callbacks, distribution, layers, text
from hefted.train.resuming import Resume

world = distribution.initialize()
rank, size = world.rank, world.size
if size > 1:
    distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))
draw = np.random.default_rng(0)
rows = draw.normal(size=(6, 2, 8, 4)).astype('float32')  # each batch of 16 has two parts
x = (rows[:, rank] if size > 1 else rows).reshape(-1, 4)
y = x.sum(axis=1, keepdims=True)
each = 16 // size


class Own(hefted.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.random, self.order = np.random.RandomState(rank), np.arange(len(x))

    def __len__(self):
        return 6

    def __getitem__(self, index):
        at = self.order[index * each:][:each]
        return x[at], y[at]

    def on_epoch_end(self):
        self.random.shuffle(self.order)

    def get_state(self):
        return {'random': self.random.get_state(legacy=False), 'order': self.order.copy(), 'first': int(len(x) * rank)}

    def set_state(self, state):
        self.random.set_state(state['random'])
        self.order = state['order'].copy()


def texts():
    lines = [' '.join(np.random.RandomState(n).choice(['good', 'bad', 'nice', 'sad'], 6)) for n in range(96)]
    tokens = text.WordPieceTokenizer.train(lines, vocabulary_size=40)
    shard = (rank, size)
    data = text.TextDataset(lines, [n % 2 for n in range(96)], tokens, 16, 8, shard=shard)
    ids = Input((None,), dtype='int32', name='token_ids')
    of = {'token_ids': ids, 'segment_ids': Input((None,), dtype='int32', name='segment_ids'),
          'padding_mask': Input((None,), dtype='bool', name='padding_mask')}
    outputs = layers.Dense(1)(layers.GlobalAveragePooling1D()(layers.Embedding(60, 4)(ids)))
    return hefted.Model(of, outputs, name='text'), {'x': data}


def dense(**given):
    return Sequential([Input((4,)), layers.Dense(8, activation='tanh'), layers.Dropout(0.2), layers.Dense(1)]), given


KINDS = {
    'in order': lambda: dense(x=x, y=y, batch_size=each, shuffle=False, validation_data=(x, y)),
    'shuffled': lambda: dense(x=x, y=y, batch_size=each),
    'own': lambda: dense(x=Own(), shuffle=False),
    'backup': lambda: dense(x=Own(), shuffle=False),
    'text': texts,
}


class Watches(callbacks.Callback):
    def __init__(self, kept, copied):
        super().__init__()
        self.kept, self.copied, self.begun, self.drawn = kept, copied, [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if self.copied and epoch == 2 and rank == 0:
            shutil.copytree(self.kept, self.copied)

    def on_epoch_end(self, epoch, logs=None):
        self.drawn.append(random.random())


def train(kind, kept, copied=None):
    hefted.utils.set_random_seed(7)
    model, given = KINDS[kind]()
    random.seed(rank)
    model.compile('adam', 'mse')
    watches = Watches(kept, copied)
    keeps = {'callbacks': [watches], 'resume': Resume(kept, seconds=0.0, share=1e9)}
    if kind == 'backup':
        keeps = {'callbacks': [callbacks.BackupAndRestore(kept), watches]}
    history = model.fit(**given, epochs=4, verbose=0, **keeps).history
    order = given['x'].order.tolist() if kind in ('own', 'backup') else None
    weights = [float(np.abs(v.numpy()).sum()) for v in model.variables]
    return watches.begun[0], [history, weights, order, watches.drawn[-2:]]


told = {}
todo = json.loads(os.environ['TODO'])
for kind, makes, goes_on in todo:
    if makes is goes_on is None:
        x = x + rank  # other data from now on, of one
        continue
    try:
        if makes:
            told[kind, 'whole'] = train(kind, f'{makes} {kind} whole', f'{makes} {kind}')
        if goes_on:
            kept = f'{goes_on} {kind}, {len(told)} by {size}'  # a training that ends deletes what it kept
            if rank == 0:
                shutil.copytree(f'{goes_on} {kind}', kept, dirs_exist_ok=True)
            told[kind, goes_on] = train(kind, kept)
    except hefted.errors.ArgumentError as error:
        told[kind, goes_on] = str(error)
print(json.dumps([[*key, value] for key, value in told.items()]), flush=True)
"""


def train(folder: Path, size: int, *todo: tuple[str, str | None, str | None]) -> list[Any]:
    """What each process tells, by kind of data and by who made the checkpoint that it goes on from."""
    port = worlds['free_port']()
    plain = [worlds['plain'](rank, size, port) if size > 1 else {} for rank in range(size)]
    ended = worlds['run'](TRAINS, size, folder, [each | {'TODO': json.dumps(todo)} for each in plain])
    assert all(each.out for each in ended), [each.error[-3000:] for each in ended]
    return [{(kind, of): value for kind, of, value in json.loads(each.out.splitlines()[-1])} for each in ended]


def test_each_process_goes_on_with_its_own_rows_and_another_number_of_them_where_it_can(tmp_path: Path):
    kinds = ('in order', 'shuffled', 'own', 'backup', 'text')
    (alone,) = train(tmp_path, 1, ('own', 'one', 'one'), ('text', 'one', None))
    assert alone['own', 'one'][0]
    assert alone['own', 'one'][1] == alone['own', 'whole'][1]

    here = [(kind, 'two', 'two') for kind in kinds]
    others = ('', None, None), ('in order', None, 'two')
    two = train(tmp_path, 2, *here[1:], ('in order', 'two', None), ('text', None, 'one'), *others)
    for told in two:
        for kind in kinds[1:]:
            assert (told[kind, 'whole'][0], told[kind, 'two'][0] > 0) == (0, True)
            assert told[kind, 'two'][1] == told[kind, 'whole'][1], kind
        assert told['text', 'one'][0]
        assert told['text', 'one'][1][1] == pytest.approx(alone['text', 'whole'][1][1], rel=1e-5)
        assert 'received another: rank 1: data 0 is float32 (48, 4) ' in told['in order', 'two']
    own, other = (told['own', 'two'][1] for told in two)
    assert own[3] != other[3]  # random numbers of its own

    (after,) = train(tmp_path, 1, *((kind, None, 'two') for kind in kinds))
    assert after['in order', 'two'][0]
    assert after['text', 'two'][0]
    for kind in ('own', 'backup', 'shuffled'):
        assert 'in which 2 processes had rows of their own, received a training in which each' in after[kind, 'two']
    assert 'the same auto_shard_dataset as before, or delete the backup' in after['shuffled', 'two']

    for told in train(tmp_path, 2, ('own', None, 'one')):
        assert 'in which each process had all rows, received a training in which 2 processes' in told['own', 'one']
