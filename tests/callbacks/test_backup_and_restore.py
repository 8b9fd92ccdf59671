"""A training that is interrupted in this process goes on where it was, to the bit, and with all that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Sequential, callbacks, layers, utils

rng = np.random.default_rng(3)
X = rng.random((70, 4)).astype('float32')
Y = (X.sum(axis=1, keepdims=True) > 2).astype('float32')
FIT: dict[str, Any] = {'batch_size': 16, 'epochs': 4, 'verbose': 0, 'meter': None, 'validation_data': (X[:20], Y[:20])}
STEPS = 5  # an epoch; the last is short


def fresh(optimizer: Any = 'adam', **compiled: Any) -> Any:
    utils.set_random_seed(5)
    model = Sequential(
        [
            Input((4,)), layers.Dense(8, activation='relu'), layers.BatchNormalization(), layers.Dropout(0.3),
            layers.Dense(1, activation='sigmoid'),
        ]
    )  # fmt: skip
    model.compile(optimizer, 'binary_crossentropy', metrics=['accuracy'], **compiled)
    return model


class Fails(callbacks.Callback):
    """Raises where it is told to."""

    def __init__(self, hook: str, epoch: int, batch: int | None = None) -> None:
        super().__init__()
        self.at, self.now = (hook, epoch, batch), -1

    def _look(self, hook: str, batch: int | None) -> None:
        if (hook, self.now, batch) == self.at:
            raise RuntimeError('struck')

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.now = epoch
        self._look('epoch begin', None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._look('epoch end', None)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._look('batch', batch)


def others() -> list[Any]:
    """Callbacks with a state of their own."""
    return [
        callbacks.EarlyStopping('val_loss', patience=9, restore_best_weights=True),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8),
    ]


def run(folder: Path | None, fails: Fails | None = None, save_freq: Any = 'epoch', **arguments: Any) -> Any:
    """One process's part of it: (history, weights), or what struck."""
    backup = [] if folder is None else [callbacks.BackupAndRestore(folder, save_freq, **arguments)]
    model = fresh()
    history = model.fit(X, Y, callbacks=[*backup, *others(), *([fails] if fails else [])], **FIT)
    return history.epoch, history.history, model.get_weights(), [v.numpy() for v in model.optimizer.variables]


@pytest.fixture(scope='module')
def whole() -> Any:
    return run(None)


def assert_same(found: Any, wanted: Any) -> None:
    assert found[0] == wanted[0]
    assert found[1] == wanted[1]
    for a, b in zip(found[2] + found[3], wanted[2] + wanted[3], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ('save_freq', 'where'),
    [
        ('epoch', ('epoch begin', 2)),
        ('epoch', ('epoch end', 1)),
        ('epoch', ('batch', 3, 2)),
        (1, ('batch', 2, 3)),
        (3, ('batch', 2, 2)),
        (5, ('batch', 1, 4)),
        (4, ('epoch end', 3)),
        (7, ('epoch begin', 0)),
    ],
    ids=str,
)
def test_a_training_that_was_interrupted_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, whole: Any, save_freq: Any, where: tuple[Any, ...]
) -> None:
    folder = tmp_path / 'backup'
    with pytest.raises(RuntimeError, match='struck'):
        run(folder, Fails(*where), save_freq)
    found = run(folder, None, save_freq)
    assert_same(found, whole)  # a hook at an epoch's edge that failed is called again
    assert not folder.exists()
