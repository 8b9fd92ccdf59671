"""What one process does alone changes nothing for the others, or is refused by all."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))

PROGRAM = """
import json
import os
import time
import numpy as np
import hefted
from hefted import Sequential, callbacks, distribution, layers, optimizers, saving
from hefted.errors import HostsDifferError

world = distribution.initialize()
draw = np.random.RandomState(0)
x, y = draw.normal(size=(64, 4)).astype('float32'), draw.normal(size=(64, 1)).astype('float32')
several = world.size > 1


def made(rate=0.01):
    hefted.utils.set_random_seed(7)
    model = Sequential([layers.Input((4,)), layers.Dense(8, activation='tanh'), layers.Dense(1)])
    model.compile(optimizers.SGD(rate), 'mse')
    return model


def fitted(*called):
    model = made()
    return model.fit(x, y, batch_size=16, epochs=4, verbose=0, callbacks=called).history['loss']


class Draws(callbacks.Callback):
    once = True

    def on_epoch_end(self, epoch, logs=None):
        np.random.choice(64, 3)  # such as rows to be shown


class Counts(callbacks.Callback):
    once, batches = True, 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


class NowAndThen(Counts):
    def stops_at(self, step):
        return step + 3


def said(call):
    try:
        call()
    except HostsDifferError as error:
        return str(error)


def other_optimizer():
    made(0.1 / (1 + world.rank)).train_on_batch(x, y)


def other_rate(call):
    model = made()
    getattr(model, call)(x, y)
    model.optimizer.learning_rate = 0.1 / (1 + world.rank)
    getattr(model, call)(x, y)


def other_weights():
    model = made()
    model.train_on_batch(x, y)
    model.set_weights([weight + world.rank for weight in model.get_weights()])
    model.train_on_batch(x, y)


def weights_of_one(change):
    model = made()
    model.fit(x, y, batch_size=16, verbose=0)
    weights = model.get_weights()
    if first:  # as when it saves an average
        model.set_weights([weight * (1 + change) for weight in weights])
    return model.evaluate(x, y, verbose=0)


first = world.rank == 0
counts, now_and_then = Counts(), NowAndThen()
told = {
    'draws': fitted(Draws()),
    'draws, given to one': fitted(*[Draws()] * first),
    'counts, given to one': fitted(*[counts] * first),
    'now and then, given to one': fitted(*[now_and_then] * first),
    'batches': [counts.batches, now_and_then.batches],
}
if several:
    told['said'] = [
        said(other_optimizer), said(lambda: other_rate('train_on_batch')), said(lambda: other_rate('fit')),
        said(other_weights), said(lambda: weights_of_one(1.0)), said(lambda: weights_of_one(1e-6)),
    ]
keeps = os.fsync
if first:
    os.fsync = lambda number: time.sleep(1.0)  # a slow disk
kept = made()
kept.save('model.keras')
same = [saving.load_model('model.keras')]
best = callbacks.ModelCheckpoint('best.weights.h5', save_weights_only=True)
kept.fit(x, y, batch_size=16, verbose=0, callbacks=[best])
same += [made()]
same[1].load_weights('best.weights.h5')
told['kept'] = [float(abs(each.get_weights()[0]).sum()) for each in (made(), same[0], kept, same[1])]
os.fsync = keeps
print(json.dumps(told), flush=True)
"""


def told(folder: Path, size: int) -> list[dict[str, Any]]:
    """What each process of a world prints last."""
    ended = worlds['run'](PROGRAM, size, folder)
    assert not any(each.code for each in ended), [each.error[-3000:] for each in ended]
    return [json.loads(each.out.splitlines()[-1]) for each in ended]


def test_what_one_does_alone(tmp_path: Path):
    folders = tmp_path / 'one', tmp_path / 'two'
    for folder in folders:
        folder.mkdir()
    (alone,), (first, second) = told(folders[0], 1), told(folders[1], 2)
    for name in ('draws', 'draws, given to one', 'counts, given to one', 'now and then, given to one'):
        assert first[name] == second[name] == pytest.approx(alone[name], rel=1e-5), name
    assert (alone['batches'], first['batches'], second['batches']) == ([16, 5], [16, 5], [0, 0])
    for first_model, loaded, trained, best in (first['kept'], second['kept']):
        assert (first_model, trained) == (loaded, best)
    assert first['said'] == second['said']
    assert first['said'].pop() is None  # hosts of other processors round otherwise
    causes = (
        "the model's optimizer: ",
        'the learning rate: 0.1',
        'the learning rate: 0.1',
        'the weights: ',
        'the weights: ',
    )
    for said, cause in zip(first['said'], causes, strict=True):
        assert cause in said, said
