"""A program that trains on as many devices as its argument says, in several ways, and prints it as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

if __name__ == '__main__':
    os.environ['XLA_FLAGS'] = f'--xla_force_host_platform_device_count={sys.argv[1]}'

import numpy as np

from hefted import Sequential, distribution, layers, losses, optimizers
from hefted.data import memory
from hefted.utils import set_random_seed

set_random_seed(1)
ROWS, SIZE = 1000, 64  # the last batch has 40 rows
_rng = np.random.default_rng(0)
X = _rng.normal(size=(ROWS, 100)).astype('float32')
Y = (X[:, :1] > 0).astype('float32')


def reference(middle: Any = None) -> Sequential:
    """The README's program, with a layer in between."""
    set_random_seed(3)
    between = [] if middle is None else [middle]
    model = Sequential(
        [layers.Dense(32, activation='relu', name='wide'), *between, layers.Dense(1, activation='sigmoid')]
    )
    model.compile('rmsprop', 'binary_crossentropy', metrics=['accuracy'])
    return model


def rounded(model: Any, data: Any = None, **arguments: Any) -> dict[str, Any]:
    """What a model's training comes to."""
    given: dict[str, Any] = {'x': X, 'y': Y, 'batch_size': SIZE} if data is None else {'x': data}
    history = model.fit(**given, **{'epochs': 3, 'verbose': 0} | arguments)
    predicted = model.predict(X, batch_size=SIZE, verbose=0)
    return {
        'losses': history.history['loss'],
        'validation': history.history.get('val_loss'),
        'evaluated': model.evaluate(X, Y, verbose=0),
        'predicted': [float(np.sum(predicted)), float(predicted[-1, 0])],
        'weights': [float(np.abs(v.numpy()).sum()) for v in model.weights],
        'devices': len(model.trainable_variables[0].value.sharding.device_set),
    }


def plain() -> Any:
    return rounded(reference(layers.Dropout(0.2)), validation_split=0.1)


def with_batch_statistics() -> Any:
    return rounded(reference(layers.BatchNormalization()))


def streamed_rows() -> Any:
    before, memory._SHARE = memory._SHARE, 0.0
    try:
        return rounded(reference(layers.BatchNormalization()))
    finally:
        memory._SHARE = before


def generated() -> Any:
    def batches() -> Any:
        while True:
            for start in range(0, ROWS, SIZE):
                yield X[start : start + SIZE], Y[start : start + SIZE]

    return rounded(reference(), batches(), steps_per_epoch=16)


def generated_eagerly() -> Any:
    def batches() -> Any:
        for start in range(0, 200, SIZE):  # the last one is short
            yield X[start : min(start + SIZE, 200)], Y[start : min(start + SIZE, 200)]

    model = reference()
    model.compile('rmsprop', 'binary_crossentropy', run_eagerly=True)
    history = model.fit(batches(), steps_per_epoch=4, verbose=0)
    return {'losses': history.history['loss'], 'evaluated': model.evaluate(batches(), verbose=0)}


def fully_sharded() -> Any:
    with distribution.FullyShardedDataParallel().scope():
        return rounded(reference(layers.Dropout(0.2)))


def by_layouts() -> Any:
    count = distribution.get_device_count()
    mesh = distribution.DeviceMesh((max(count // 4, 1), min(count, 4)), ('batch', 'model'))
    layouts = distribution.LayoutMap(mesh)
    layouts['.*wide/kernel'] = (None, 'model')
    layouts['.*wide/bias'] = ('model',)
    with distribution.ModelParallel(layout_map=layouts).scope():
        return rounded(reference(layers.Dropout(0.2)))


def accumulated() -> Any:
    """Gradients of three steps together, blocks computed again on the way back, weights and averages in shares."""
    model = reference(layers.Stack([layers.Dense(32, 'tanh') for _ in range(3)], remat='full'))
    optimizer = optimizers.Adam(1e-2, gradient_accumulation_steps=3, use_ema=True, ema_overwrite_frequency=5)
    model.compile(optimizer, 'binary_crossentropy')
    with distribution.FullyShardedDataParallel().scope():
        history = model.fit(X, Y, batch_size=SIZE, epochs=3, verbose=0)
    return {'losses': history.history['loss'], 'weights': [float(np.abs(v.numpy()).sum()) for v in model.weights]}


def batch_by_batch() -> Any:
    model = reference()
    losses = [float(model.train_on_batch(X[at : at + SIZE], Y[at : at + SIZE])[0]) for at in range(0, 640, SIZE)]
    return {'losses': losses, 'tested': model.test_on_batch(X[:SIZE], Y[:SIZE])[0]}


def bert() -> Any:
    """Masked language modelling over a stack of blocks, in three ways of docs/hosts.md, the last batch uneven."""
    from hefted.models.bert import BertBackbone, BertMaskedLM

    set_random_seed(5)
    model = BertMaskedLM(BertBackbone(200, 3, 4, 64, 128, max_sequence_length=16))
    model.compile('adamw', losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(1).integers(1, 200, (100, 16)).astype('int32')
    count = distribution.get_device_count()
    layouts = distribution.LayoutMap(distribution.DeviceMesh((max(count // 2, 1), min(count, 2)), ('batch', 'model')))
    layouts['.*intermediate/kernel'] = (None, 'model')
    layouts['.*intermediate/bias'] = ('model',)
    layouts['.*output_dense/kernel'] = ('model', None)
    found = {}
    for how in (
        distribution.DataParallel(),
        distribution.FullyShardedDataParallel(),
        distribution.ModelParallel(layout_map=layouts),
    ):
        with how.scope():
            found[type(how).__name__] = model.fit(
                {'token_ids': ids}, ids, batch_size=SIZE, epochs=2, verbose=0
            ).history['loss']
    return found


CASES: tuple[Callable[[], Any], ...] = (
    plain, with_batch_statistics, streamed_rows, generated, generated_eagerly, fully_sharded, by_layouts, accumulated,
    batch_by_batch, bert,
)  # fmt: skip

if __name__ == '__main__':
    print(json.dumps({case.__name__: case() for case in CASES}, default=float))
