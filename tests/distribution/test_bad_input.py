"""What several processes are given wrong: each ends with an error that names the cause, and none waits for ever."""

from __future__ import annotations

import json
import runpy
import textwrap
import time
from pathlib import Path

import pytest

worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))
WITHIN_SECONDS = 60

BEGINS = """
import os, sys, time
import numpy as np
import hefted
from hefted import Sequential, callbacks, distribution
from hefted.data import memory
from hefted.layers import Dense

rank = distribution.initialize().rank
draw = np.random.default_rng(0)
x = draw.normal(size=(1000, 20)).astype('float32')
y = (x[:, :1] > 0).astype('float32')

def made(width=8):
    model = Sequential([Dense(width, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
    return model

def batches(count):
    for _ in range(count):
        yield x[:32], y[:32]

class Raises(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if rank == 1 and epoch == 1:
            raise ValueError('a mistake of its own')

model = made()
"""
SHARED = """
distribution.set_distribution(distribution.FullyShardedDataParallel(least_size=1))
model = made(64)
model.fit(x, y)
if rank == 0:
    model.save('m.keras')
model.fit(x, y)
"""
PARTS = """
class Part(hefted.utils.PyDataset):
    shard, num_batches = (rank, 2), 3

    def __getitem__(self, index):
        return x[:16], y[:16]

"""
OTHER_WEIGHTS = """
model.build((None, 20))
if rank:
    model.set_weights([w + 1 for w in model.get_weights()])
"""
OF_WEIGHTS = '/kernel: "float32 (20, 8), sum '
OWN_PARTS = 'distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))\n'
ACROSS = """
layouts = distribution.LayoutMap(distribution.DeviceMesh((1, 2), ('batch', 'model')))
distribution.set_distribution(distribution.ModelParallel(layout_map=layouts, auto_shard_dataset=False))
model.fit(x[:32], y[:32])
"""
ROWS_APART = """
import jax
apart = jax.sharding.NamedSharding(jax.make_mesh((2,), ('rows',)), jax.sharding.PartitionSpec('rows'))
model.fit(jax.make_array_from_process_local_data(apart, x[500 * rank : 500 * rank + 500]), y)
"""
WRONG = {
    'a batch that devices do not divide': ('model.fit(x, y, batch_size=33)', '2 devices divide, received 33'),
    'a mesh that does not match': ("distribution.DeviceMesh((3,), ['batch'])", 'a shape for 2 devices, received (3,)'),
    'a mesh that does not match in one': (
        "distribution.DeviceMesh((2 + rank,), ['batch'])\nmodel.fit(x, y)", 'a shape for 2 devices, received (3,)',
    ),
    'other lengths of streams': ('model.fit(batches(10 + rank))', 'and as many batches'),
    'other lengths of streams to validate on': (
        'model.fit(x, y, validation_data=batches(3 + rank))', 'rank 1 asks \'for 4 batches, 128 rows of ',
    ),
    'other lengths of streams to evaluate': ('model.evaluate(batches(10 + rank))', "where rank 0 asks 'for 10 batches"),
    'other lengths of streams to predict': (
        'model.predict(batches(10 + rank))', "rank 1 asks 'for a batch of 32 rows of float32 (20,)' where rank 0 asks ",
    ),
    'another length of one batch of a stream': (
        'model.predict(x[:32 + 2 * rank * (i == 2)] for i in range(5))', "rank 1 asks 'for a batch of 34 rows ",
    ),
    'parts of batches where all of them are wanted': (
        PARTS + 'model.fit(Part())', 'Leave out shard=',
    ),
    'parts of batches to predict where all of them are wanted': (PARTS + 'model.predict(Part())', 'Leave out shard='),
    'parts of batches to evaluate where all of them are wanted': (PARTS + 'model.evaluate(Part())', 'Leave out shard='),
    'a mesh that does not split batches by process': (
        ACROSS, 'hold the places [0] for rank 0; [0] for rank 1. Use auto_shard_dataset=True',
    ),
    'parts that nobody can count': (OWN_PARTS + 'model.predict(batches(3))', 'Pass steps=, or arrays.'),
    'short batches to validate on': (
        OWN_PARTS + 'model.fit(x[:64], y[:64], validation_data=(x[:40], y[:40]))', 'Leave out the last 8.',
    ),
    'a stream that breaks off in one': (
        'model.fit((x[i // (20 - i * rank):][:32], y[:32]) for i in range(30))', 'ZeroDivisionError: ',
    ),
    'one that fits twice': ('model.fit(x, y)\nif rank == 1: model.fit(x, y)', 'ended while others still worked'),
    'one that raises in a callback': (
        'model.fit(x, y, epochs=9, callbacks=[Raises()])', 'ValueError: a mistake of its own',
    ),
    'one that evaluates alone': (
        'if rank == 0: model.evaluate(x, y)\nmodel.fit(x, y)', 'evaluate of arrays for rank 0',
    ),
    'one that saves shares alone': (
        SHARED,
        'weights of which each process has a share',
    ),
    'an argument that all have wrong': ('model.fit(x, y, batch_size=-1)', 'Expected batch_size to be a positive'),
    'rows that lie on several hosts': (ROWS_APART, 'Pass all rows as a NumPy array in every process'),
    'devices of one alone': (
        "distribution.set_distribution(distribution.DataParallel(devices=['cpu:0']))\nmodel.fit(x, y)",
        'received one with none of rank 1. Take some of each',
    ),
    'rows that one has wrong': ('model.fit(x, y[:1000 - rank])', 'x has 1000, y has 999'),
}  # fmt: skip
AGREE_NOT = {
    'other programs': ('made(8 + rank).fit(x, y)', "the model's layer: "),
    'other programs to evaluate': ('made(8 + rank).evaluate(x, y)', "the model's layer: "),
    'other programs to predict': ('made(8 + rank).predict(x)', "the model's layer: "),
    'other programs for one step': ('made(8 + rank).train_on_batch(x[:32], y[:32])', "the model's layer: "),
    'weights that one has read from elsewhere': (OTHER_WEIGHTS + 'model.fit(x, y)', OF_WEIGHTS),
    'other weights to evaluate': (OTHER_WEIGHTS + 'model.evaluate(x, y)', OF_WEIGHTS),
    'other weights to predict': (OTHER_WEIGHTS + 'model.predict(x)', OF_WEIGHTS),
    'other weights for one step': (OTHER_WEIGHTS + 'model.predict_on_batch(x[:32])', OF_WEIGHTS),
    'other lengths': ('model.fit(x[:900 + rank], y[:900 + rank])', 'rows: 900 for rank 0'),
    'other lengths to evaluate': ('model.evaluate(x[:900 + rank], y[:900 + rank])', 'rows: 900 for rank 0'),
    'other lengths to predict': ('model.predict(x[:900 + rank])', 'rows: 900 for rank 0'),
    'another length of a batch': ('model.train_on_batch(x[:32 + rank], y[:32 + rank])', 'rows: 32 for rank 0'),
    'other values to evaluate': ('model.evaluate(x + rank, y)', 'evaluate: the data: '),
    'other values to predict': ('model.predict(x + rank)', 'predict: the data: '),
    'other values for one step': ('model.test_on_batch(x[:32] + rank, y[:32])', 'test_on_batch: the data: '),
    'batches of another shape': ('model.fit(of_shape(4 + rank))', 'but for its rows: ["float32 (4, 20)", "float32 (4'),
    'batches of another shape to evaluate': ('model.evaluate(of_shape(4 + rank))', 'for its rows: ["float32 (4, 20)"'),
    'batches of another shape to predict': ('model.predict(of_shape(4 + rank))', 'for its rows: ["float32 (4, 20)"'),
    'batches of another shape to validate on': (
        'model.fit(x, y, validation_data=of_shape(4 + rank))', 'validation data.what a batch holds, but for its rows: ',
    ),
    'the whole data where parts are wanted': (
        OWN_PARTS + 'Part.shard = 0, 1\nmodel.fit(Part())', 'of shard=[0, 1] for ranks 0, 1 ',
    ),
    'the same part in all': (
        OWN_PARTS + 'Part.shard = 0, 2\nmodel.fit(x[:32], y[:32], validation_data=Part())',
        'Pass shard=(jax.process_index(), jax.process_count())',
    ),
    'the same part in all to predict': (
        OWN_PARTS + 'Part.shard = 0, 2\nmodel.predict(Part())', 'of shard=[0, 2] for ranks 0, 1 ',
    ),
    'parts in one alone': (
        'if rank:\n    ' + OWN_PARTS + 'model.predict(x)', 'predict with auto_shard_dataset=False for rank 1',
    ),
    'parts of other lengths to evaluate': (
        OWN_PARTS + 'model.evaluate(x[:32 * (1 + rank)], y[:32 * (1 + rank)])', 'rows: 32 for rank 0',
    ),
    'parts of other lengths of a batch': (
        OWN_PARTS + 'model.train_on_batch(x[:4 + rank], y[:4 + rank])', 'rows: 4 for rank 0',
    ),
    'other seeds': ('hefted.utils.set_random_seed(rank)\nmodel.fit(x, y)', 'seed: 0 for rank 0'),
    'other validation data': (
        'model.fit(x, y, validation_data=(x[:90 + rank], y[:90 + rank]))', 'validation data.rows: 90 for rank 0',
    ),
    'other callbacks': (
        "model.fit(x, y, epochs=3, callbacks=[callbacks.EarlyStopping('loss')][rank:])",
        'callbacks: ["EarlyStopping"] for rank 0',
    ),
    'other epochs': ('model.fit(x, y, epochs=2 + rank)', 'epochs: 2 for rank 0'),
    'other steps': ('model.fit(x, y, steps_per_epoch=10 + rank)', 'steps_per_epoch: 10 for rank 0'),
    'other steps to evaluate': ('model.evaluate(batches(20), steps=3 + rank)', 'evaluate: steps: 3 for rank 0'),
    'other steps to predict': ('model.predict(batches(20), steps=3 + rank)', 'predict: steps: 3 for rank 0'),
    'a budget for one': ("model.fit(x, y, budget='1 kWh' if rank else None)", 'budget: [] for rank 0'),
    'an argument that one has wrong': ('model.fit(x, y, batch_size=-rank or 32)', 'batch_size: 32 for rank 0'),
    'other kinds of data': (
        'model.fit(x, y, validation_data=batches(3) if rank else (x, y))', 'validated on a generator for rank 1',
    ),
    'another kind of data to evaluate': (
        'model.evaluate(batches(3) if rank else x, None if rank else y)', 'evaluate of a generator for rank 1',
    ),
    'other calls': ('model.evaluate(x, y) if rank else model.predict(x)', 'predict for rank 0'),
}  # fmt: skip
CATCHES = """
import json
from hefted.errors import HostsDifferError

def said(case):
    model = made()
    try:
        case(model)
    except HostsDifferError as error:
        return str(error)
    finally:
        distribution.set_distribution(None)
        hefted.utils.set_random_seed(0)

def of_shape(length):
    return ((np.ones((32, length, 20)), np.ones((32, length, 1))) for _ in range(9))

"""

GOES_ON = """
memory._SHARE *= 1 - rank  # one of them has too little, so both stream
model.fit(x, y, verbose=0)
told['good'] = model.evaluate(x, y, verbose=0)
print(json.dumps(told))
"""


@pytest.mark.parametrize('wrong', WRONG)
def test_every_process_ends_with_the_cause(tmp_path: Path, wrong: str):
    program, cause = WRONG[wrong]
    begun = time.monotonic()
    ended = worlds['run'](BEGINS + program, 2, tmp_path)
    assert time.monotonic() - begun < WITHIN_SECONDS
    for each in ended:
        assert each.code in (1, 75), each
        assert cause in each.error, each.error[-3000:]


def test_what_they_do_not_agree_on_is_said_by_all_and_who_catches_it_may_go_on(tmp_path: Path):
    cases = ''.join(
        f'def case(model):\n{textwrap.indent(program, "    ")}\ntold[{name!r}] = said(case)\n'
        for name, (program, _) in AGREE_NOT.items()
    )
    ended = worlds['run'](f'{BEGINS}{CATCHES}{PARTS}\ntold = {{}}\n{cases}{GOES_ON}', 2, tmp_path)
    assert [each.code for each in ended] == [0, 0], [each.error[-3000:] for each in ended]
    first, second = (json.loads(each.out.splitlines()[-1]) for each in ended)
    assert first == second
    assert first.pop('good')[0] > 0
    assert {name: said for name, said in first.items() if AGREE_NOT[name][1] not in (said or '')} == {}


def test_one_of_four_may_save_what_it_has_all_of_and_the_others_go_on_and_say_nothing(tmp_path: Path):
    program = (
        "model.fit(x, y)\nif rank == 0: model.save('m.keras')\nmodel.fit(x, y, batch_size=2000)\nmodel.evaluate(x, y)"
    )
    first, *others = worlds['run'](BEGINS + program, 4, tmp_path)
    assert first.code == 0
    assert (tmp_path / 'm.keras').exists()
    assert 'Energy' in first.out
    assert ' CO2e for rank 0 of 4' in first.out  # while it trains; the receipt is of all
    assert 'larger than the data' in first.error
    assert 'experimental' not in first.error
    for each in others:
        assert (each.code, each.error) == (0, '')
        assert not [line for line in each.out.splitlines() if line and not line.startswith('[Gloo]')]
