"""`Worth`: what a gain costs, when that is too much, and what is shown of it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Input, Sequential
from hefted.callbacks import BackupAndRestore, Callback, Worth
from hefted.errors import ArgumentError
from hefted.layers import Dense
from hefted.quantities import Quantity, Source

RNG = np.random.default_rng(0)
X = RNG.random((400, 6), np.float32)
Y = (X.sum(1) > 3).astype('float32')
METER = Source('counter', 'A counter')


class Scripted(Worth):
    """Reads energy that a test writes: so many joules an epoch, 10 % more or less."""

    joules = 100.0

    def _energy(self) -> Quantity:
        used = self.joules * (len(self._rows) + 1)
        return Quantity.between(used, 0.9 * used, 1.1 * used, 'J', source=METER)


class Model:
    """A model as far as `Worth` sees one."""

    def __init__(self) -> None:
        self.stop_training, self.metrics, self.weights = False, [], 0

    def get_weights(self) -> list[Any]:
        return [self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        (self.weights,) = weights


def told(worth: Worth, *values: float, monitor: str = 'val_loss') -> Model:
    """Tell it one value an epoch, as long as it does not stop."""
    model = Model()
    worth.set_model(model)
    worth._reset()
    for epoch, value in enumerate(values):
        model.weights = epoch
        worth.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            break
    return model


def fitted(worth: Worth, epochs: int = 12, **more: Any) -> tuple[Sequential, Any]:
    hefted.utils.set_random_seed(3)
    model = Sequential([Input((6,)), Dense(16, 'relu'), Dense(1, 'sigmoid')])
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
    callbacks = [worth, *more.pop('callbacks', [])]
    history = model.fit(X, Y, epochs=epochs, validation_split=0.3, verbose=0, callbacks=callbacks, **more)
    return model, history


@pytest.mark.parametrize(
    ('most', 'joules', 'per'),
    [
        ('2 kJ per 0.01', 200_000, 0.01),
        ('500 J per 0.1', 5_000, 0.1),
        ('1Wh/1%', 360_000, 0.01),
        ('0.5 MJ per 1', 500_000, 1),
    ],
)
def test_a_price_is_energy_for_a_gain(most, joules, per):
    worth = Worth(most=most)
    assert (worth.most, worth.times, worth.per) == (pytest.approx(joules), None, per)


@pytest.mark.parametrize(
    'most', ['2 kJ', '2 per 0.01', '2 kg per 0.01', 'much', '0 J per 1', '1 J per 0', 0, -3, None, True]
)
def test_a_price_that_cannot_be_read_is_told_with_an_example(most):
    with pytest.raises(ArgumentError, match='most: expected'):
        Worth(most=most)


def test_a_patience_below_one_is_told():
    with pytest.raises(ArgumentError, match='patience: expected at least 1'):
        Worth(patience=0)


def test_it_stops_when_the_last_epochs_together_cost_more_than_was_said():
    worth = Scripted('val_loss', '5 kJ per 1', patience=2)
    model = told(worth, 1.0, 0.9, 0.8, 0.75, 0.73, 0.5)  # 200 J for 0.2, then for 0.15, then for 0.07
    assert (model.stop_training, worth.stopped_epoch) == (False, None)
    assert [round(row.price) for row in worth.table()[1:]] == [1000, 1000, 1333, 2857, 800]
    worth = Scripted('val_loss', '2 kJ per 1', patience=2)
    assert told(worth, 1.0, 0.9, 0.8, 0.75, 0.73, 0.5).stop_training
    assert worth.stopped_epoch == 4
    assert worth.verdict == (
        'Stopped after epoch 5. The last 2 epochs paid 2,900 J for each 1 of val_loss; the most was 2,000 J.'
    )


def test_one_epoch_of_noise_stops_nothing_and_as_many_as_its_patience_do():
    assert not told(Scripted('val_loss', '10 kJ per 1', patience=3), 1.0, 0.9, 0.95, 0.92, 0.8, 0.85, 0.7).stop_training
    worth = Scripted('val_loss', '10 kJ per 1', patience=3)
    model = told(worth, 1.0, 0.9, 0.95, 0.92, 0.91, 0.1)
    assert model.stop_training
    assert worth.stopped_epoch == 4
    assert 'The last 3 epochs bought nothing for 300 J' in worth.verdict


def test_a_number_is_so_many_times_what_gains_have_cost_before():
    values = [1.0, 0.9, 0.8, 0.7, 0.6, 0.59, 0.58, 0.57, 0.56]  # 1 kJ for each 1, then 10
    assert told(Scripted('val_loss', 5, patience=2), *values).stop_training
    worth = Scripted('val_loss', 5, patience=2)
    told(worth, *values)
    assert worth.stopped_epoch == 6
    assert not told(Scripted('val_loss', 20, patience=2), *values).stop_training


def test_more_is_better_where_the_mode_says_so():
    assert not told(Scripted('val_x', '5 kJ per 1', 1, 'max'), 0.1, 0.2, 0.3, monitor='val_x').stop_training
    assert told(Scripted('val_x', '5 kJ per 1', 1, 'max'), 0.3, 0.2, 0.1, monitor='val_x').stop_training


def test_epochs_before_the_first_that_is_watched_stop_nothing():
    worth = Scripted('val_loss', '1 J per 1', 1, start_from_epoch=3)
    told(worth, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert worth.stopped_epoch == 3


def test_the_best_weights_come_back_where_that_is_wished():
    worth = Scripted('val_loss', '2 kJ per 1', 2, restore_best_weights=True, verbose=0)
    model = told(worth, 1.0, 0.5, 0.6, 0.7)
    worth.on_train_end()
    assert model.weights == 1
    worth = Scripted('val_loss', '2 kJ per 1', 2, verbose=0)
    model = told(worth, 1.0, 0.5, 0.6, 0.7)
    worth.on_train_end()
    assert model.weights == 3


def test_a_metric_that_is_not_there_is_a_warning():
    worth = Scripted('val_loss', 5)
    with pytest.warns(UserWarning, match="watches 'val_loss', which is not among the logs"):
        told(worth, 1.0, monitor='loss')
    assert worth.table() == []


def test_a_real_training_is_stopped_by_what_its_sensors_tell(capsys):
    worth = Worth(most='1 mJ per 100', patience=2)
    _, history = fitted(worth)
    assert len(history.epoch) == 3
    rows = worth.table()
    assert [row.value for row in rows] == history.history['val_accuracy']
    joules = [row.energy.value for row in rows]
    assert 0 < joules[0] <= joules[1] <= joules[2] <= history.footprint.energy.value
    assert rows[-1].energy.low < joules[2] < rows[-1].energy.high
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:4] == ['epoch', 'val_accuracy', 'best', 'energy']
    assert 'Stopped after epoch 3. The last 2 epochs' in out
    _, history = fitted(Worth(most='1 MJ per 0.0001', patience=12, verbose=0))
    assert len(history.epoch) == 12
    assert capsys.readouterr().out == ''


def test_without_metering_it_says_so_before_the_first_step():
    with pytest.raises(ArgumentError, match='Worth: expected a training whose energy is metered'):
        fitted(Worth(), meter=None)


def test_a_resumed_training_goes_on_with_the_same_table(tmp_path):
    class Stops(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 3:
                raise KeyboardInterrupt

    kept = {'most': '1 MJ per 0.0001', 'patience': 12, 'verbose': 0, 'restore_best_weights': True}
    first = Worth(**kept)
    with pytest.raises(KeyboardInterrupt):
        fitted(first, 6, callbacks=[BackupAndRestore(tmp_path / 'kept'), Stops()])
    again = Worth(**kept)
    fitted(again, 6, callbacks=[BackupAndRestore(tmp_path / 'kept')])
    assert [row.epoch for row in again.table()] == [0, 1, 2, 3, 4, 5]
    assert again.table()[:3] == first.table()[:3]
    joules = [row.energy.value for row in again.table()]
    assert joules == sorted(joules)


def test_the_picture_is_drawn_as_its_suffix_says(tmp_path):
    worth = Scripted('val_loss', '2 kJ per 1', 2)
    told(worth, 1.0, 0.9, 0.8, 0.75, 0.73, 0.5)
    worth.plot(tmp_path / 'worth.png')
    worth.plot(tmp_path / 'worth.svg')
    assert (tmp_path / 'worth.png').read_bytes().startswith(b'\x89PNG')
    assert '</svg>' in (tmp_path / 'worth.svg').read_text()
    with pytest.raises(ArgumentError, match='path: expected a file that can be written'):
        worth.plot(tmp_path / 'none' / 'worth.png')
    with pytest.raises(ArgumentError, match='path: expected a file that can be written'):
        worth.plot(tmp_path / 'worth.nothing')
    with pytest.raises(ArgumentError, match='expected an epoch to draw'):
        Worth().plot(tmp_path / 'worth.png')


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch):
    worth = Scripted('val_loss', 5)
    told(worth, 1.0, 0.9)
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    with pytest.raises(ArgumentError, match=r'pip install "hefted\[plots\]"'):
        worth.plot(tmp_path / 'worth.png')


NAN, INFINITE = float('nan'), float('inf')


@pytest.mark.parametrize('mode', ['min', 'max'])
@pytest.mark.parametrize('nothing', [NAN, INFINITE, -INFINITE])
def test_what_is_no_number_gains_nothing_and_is_never_the_best(tmp_path, mode, nothing):
    better = [0.5, 0.6, 0.7] if mode == 'max' else [0.7, 0.6, 0.5]
    worth = Scripted('val_x', '1 MJ per 1', 2, mode, restore_best_weights=True)
    model = told(worth, nothing, better[0], nothing, better[1], better[2], monitor='val_x')
    assert not model.stop_training
    assert [row.best for row in worth.table()[1:]] == [better[0], better[0], better[1], better[2]]
    assert worth.table()[1].price is None  # the first number is no gain
    assert worth.table()[-1].price == pytest.approx(200.0 / 0.2)
    assert worth.best_weights == [4]
    assert 'paid' in worth.report
    worth.plot(tmp_path / 'worth.png')


def test_a_training_whose_metric_is_never_a_number_is_stopped_and_told_of(tmp_path):
    worth = Scripted('val_loss', 5, patience=2, restore_best_weights=True)
    model = told(worth, NAN, NAN, NAN, NAN)
    assert worth.stopped_epoch == 2
    assert model.stop_training
    assert worth.best_weights is None
    assert 'bought nothing for 200 J' in worth.report
    worth.plot(tmp_path / 'worth.png')


def test_one_epoch_is_a_table_and_a_picture_too(tmp_path):
    worth = Scripted('val_loss', 5)
    told(worth, 1.0)
    assert 'takes two epochs' in worth.report
    worth.plot(tmp_path / 'worth.svg')
    assert (tmp_path / 'worth.svg').stat().st_size > 1000


def test_a_training_that_took_nothing_that_a_sensor_saw_is_drawn_too(tmp_path):
    worth = Scripted('val_loss', 5)
    worth.joules = 0.0
    told(worth, 1.0)
    worth.plot(tmp_path / 'worth.png')
    assert (tmp_path / 'worth.png').stat().st_size > 1000
