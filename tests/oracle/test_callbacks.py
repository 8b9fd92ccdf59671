"""Callbacks are called, and act, as Keras's are for the same program."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hefted

rng = np.random.default_rng(1)
X = rng.random((20, 3)).astype('float32')
Y = rng.random((20, 1)).astype('float32')
HOOKS = [name for name in dir(keras.callbacks.Callback) if name.startswith('on_')]
BACKENDS = [keras, hefted]


def pair(**compiled: Any) -> list[Any]:
    """The same small model, of Keras and of ours, with the same weights."""
    models = [b.Sequential([b.Input((3,)), b.layers.Dense(2), b.layers.Dense(1)]) for b in BACKENDS]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile(**{'optimizer': 'sgd', 'loss': 'mse', 'metrics': ['mae'], **compiled})
    return models


def recorder(backend: Any, told: list[Any], label: str = '', acts: Any = None) -> Any:
    """A callback that records each hook, and lets `acts` do something there."""

    def hook(name: str) -> Any:
        def called(self: Any, *arguments: Any, logs: Any = None) -> None:
            *index, logs = arguments if logs is None else (*arguments, logs)
            told.append((label + name, *index, sorted(logs)))
            assert all(type(v) is float for k, v in logs.items() if k != 'outputs')
            if acts is not None:
                acts(self.model, name, *index)

        return called

    names = [name for name in HOOKS if name not in ('on_batch_begin', 'on_batch_end')]
    return type('Recorder', (backend.callbacks.Callback,), {name: hook(name) for name in names})()


@cache
def ready() -> list[Any]:
    """One pair for all tests that only look at hooks: compiled once."""
    return pair()


def both(run: Any, acts: Any = None) -> None:
    """Run a program with each library: the hooks must be the same."""
    told: list[list[Any]] = [[], []]
    for backend, model, into in zip(BACKENDS, ready(), told, strict=True):
        run(model, [recorder(backend, into, 'first '), recorder(backend, into, 'second ', acts)])
    assert told[1] == told[0]
    assert told[0]


@pytest.mark.parametrize(
    'arguments',
    [
        {},
        {'validation_split': 0.25},
        {'validation_data': (X[:7], Y[:7]), 'validation_freq': 2, 'epochs': 5},
        {'validation_data': (X[:7], Y[:7]), 'validation_freq': [1, 3], 'epochs': 4, 'validation_batch_size': 3},
        {'validation_data': (X[:7], Y[:7], np.ones(7)), 'validation_steps': 1},
        {'initial_epoch': 2, 'epochs': 4},
        {'initial_epoch': 4, 'epochs': 4},
        {'epochs': 0},
        {'batch_size': 20},
    ],
    ids=lambda arguments: '-'.join(arguments) or 'plain',
)
def test_the_hooks_of_fit_come_in_keras_order(arguments: dict[str, Any]) -> None:
    both(
        lambda model, cbs: model.fit(X, Y, **{'epochs': 2, 'batch_size': 8, 'verbose': 0, 'callbacks': cbs} | arguments)
    )


def test_the_hooks_of_evaluate_and_predict_come_in_keras_order() -> None:
    both(lambda model, cbs: model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=cbs))
    both(lambda model, cbs: model.evaluate(X, Y, batch_size=8, steps=2, verbose=0, callbacks=cbs))
    both(lambda model, cbs: model.predict(X, batch_size=8, verbose=0, callbacks=cbs))


@pytest.mark.parametrize(
    'where',
    [
        ('on_train_begin',),
        ('on_epoch_begin', 1),
        ('on_train_batch_begin', 1),
        ('on_train_batch_end', 1),
        ('on_test_batch_end', 0),
        ('on_test_begin',),
        ('on_epoch_end', 1),
    ],
    ids=str,
)
def test_stop_training_stops_where_keras_stops(where: tuple[Any, ...]) -> None:
    def stop(model: Any, *now: Any) -> None:
        if now == where:
            model.stop_training = True

    arguments: dict[str, Any] = {'epochs': 4, 'batch_size': 8, 'verbose': 0, 'validation_split': 0.2}
    both(lambda model, cbs: model.fit(X, Y, callbacks=cbs, **arguments), stop)


def test_history_has_keras_epochs_and_lists() -> None:
    arguments: dict[str, Any] = {
        'epochs': 6, 'initial_epoch': 1, 'batch_size': 8, 'shuffle': False, 'verbose': 0,
        'validation_data': (X[:7], Y[:7]), 'validation_freq': 2,
    }  # fmt: skip
    wanted, found = (model.fit(X, Y, **arguments) for model in pair())
    assert found.epoch == wanted.epoch == [1, 2, 3, 4, 5]
    assert found.params == wanted.params
    assert list(found.history) == list(wanted.history)
    for name, values in wanted.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-5)
        assert all(type(v) is float for v in found.history[name])


def test_a_history_handed_in_is_filled_and_returned() -> None:
    for backend, model in zip(BACKENDS, ready(), strict=True):
        mine = backend.callbacks.History()
        assert model.fit(X, Y, epochs=2, verbose=0, callbacks=[mine]) is mine
        assert mine.epoch == [0, 1]
        assert len(mine.history['loss']) == 2


class Stub:
    """A model as far as a watching callback sees one: its weights are the number of the epoch."""

    def __init__(self) -> None:
        self.stop_training = False
        self.epoch = -1
        self.metrics: list[Any] = []
        self.saved: list[Any] = []
        self.restored: Any = None

    def get_weights(self) -> Any:
        return [np.array(self.epoch)]

    def set_weights(self, weights: Any) -> None:
        self.restored = int(weights[0])

    def save(self, path: Any, overwrite: bool) -> None:
        self.saved.append((self.epoch, str(path)))

    save_weights = save


def watch(callback: Any, values: list[float], monitor: str) -> Stub:
    """Give a callback one value an epoch, until it stops the training."""
    model = Stub()
    callback.set_model(model)
    callback.on_train_begin({})
    for model.epoch, value in enumerate(values):
        callback.on_epoch_begin(model.epoch, {})
        callback.on_epoch_end(model.epoch, {monitor: value})
        if model.stop_training:
            break
    callback.on_train_end({})
    return model


VALUES = st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=14)


@settings(max_examples=150)
@given(
    values=VALUES,
    monitor=st.sampled_from(['loss', 'val_loss']),
    mode=st.sampled_from(['auto', 'min', 'max']),
    patience=st.integers(0, 4),
    min_delta=st.sampled_from([0, 0.25, -0.5, 1.1]),
    baseline=st.sampled_from([None, 0.0, -1.0, 1.0]),
    restore=st.booleans(),
    start=st.integers(0, 4),
)
def test_early_stopping_stops_and_restores_as_keras(
    values: list[float], monitor: str, mode: str, patience: int, min_delta: float, baseline: Any, restore: bool,
    start: int,
) -> None:  # fmt: skip
    outcomes = []
    for backend in BACKENDS:
        callback = backend.callbacks.EarlyStopping(
            monitor, min_delta, patience, mode=mode, baseline=baseline, restore_best_weights=restore,
            start_from_epoch=start,
        )  # fmt: skip
        model = watch(callback, values, monitor)
        outcomes.append(
            (model.epoch, model.restored, callback.wait, callback.stopped_epoch, callback.best, callback.best_epoch)
        )
    assert outcomes[1] == outcomes[0]


@settings(max_examples=60)
@given(
    values=VALUES,
    mode=st.sampled_from(['auto', 'min', 'max']),
    best=st.booleans(),
    weights=st.booleans(),
    threshold=st.sampled_from([None, 0.0, -1.0, 1.0]),
)
def test_model_checkpoint_saves_when_keras_saves(
    values: list[float], mode: str, best: bool, weights: bool, threshold: Any
) -> None:
    ending = '.weights.h5' if weights else '.keras'
    saved = []
    for backend in BACKENDS:
        callback = backend.callbacks.ModelCheckpoint(
            'at-{epoch:02d}-{val_loss:.2f}' + ending, save_best_only=best, save_weights_only=weights, mode=mode,
            initial_value_threshold=threshold,
        )  # fmt: skip
        saved.append(watch(callback, values, 'val_loss').saved)
    assert saved[1] == saved[0]


@pytest.mark.parametrize('freq', [1, 2, 3, 5, 7])
def test_model_checkpoint_counts_batches_as_keras(freq: int, tmp_path: Path) -> None:
    found = []
    for backend, model in zip(BACKENDS, ready(), strict=True):
        folder = tmp_path / backend.__name__ / 'made' / 'on the way'
        callback = backend.callbacks.ModelCheckpoint(
            folder / '{epoch}-{batch}.weights.h5', save_weights_only=True, save_freq=freq
        )
        model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, callbacks=[callback])
        found.append(sorted(path.name for path in folder.iterdir()))
    assert found[1] == found[0]
    assert found[0]


def test_the_direction_of_a_metric_is_keras_s() -> None:
    def strange(y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred) ** 2

    names = ['mae', 'accuracy', 'AUC', 'Precision', 'CosineSimilarity', 'Poisson', 'Hinge', 'R2Score', 'TruePositives']
    directions: list[dict[str, Any]] = []
    for backend, model in zip(BACKENDS, pair(metrics=[*names, strange]), strict=True):
        model.fit(X, (Y > 0.5).astype('float32'), batch_size=20, verbose=0)
        found: dict[str, Any] = {}
        for name in ('loss', 'val_loss', 'strange', 'learning_rate', *names, *(f'val_{n}' for n in names)):
            callback = backend.callbacks.EarlyStopping(name, patience=9)
            callback.set_model(model)
            callback.on_train_begin({})
            try:
                callback.on_epoch_end(0, {name: 0.0})
                found[name] = bool(callback._is_improvement(1.0, 0.0))
            except ValueError as error:
                assert 'mode=' in str(error)
                found[name] = 'unknown'
        directions.append(found)
    assert directions[1] == directions[0]
    assert set(directions[0].values()) == {True, False, 'unknown'}


def test_a_metric_that_is_not_there_warns_and_trains_on_as_in_keras(tmp_path: Path) -> None:
    for backend, model in zip(BACKENDS, ready(), strict=True):
        path = tmp_path / f'{backend.__name__}.keras'
        for callback in (
            backend.callbacks.EarlyStopping('val_loss'),
            backend.callbacks.ModelCheckpoint(path, save_best_only=True),
        ):
            with pytest.warns(UserWarning, match='val_loss'):
                history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
            assert history.epoch == [0, 1]
        assert path.exists()


def test_learning_rate_schedules_set_what_keras_sets() -> None:
    histories = []
    for backend, model in zip(BACKENDS, pair(), strict=True):
        callbacks = [backend.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)]
        histories.append(model.fit(X, Y, epochs=4, batch_size=8, shuffle=False, verbose=0, callbacks=callbacks).history)
    assert list(histories[1]) == list(histories[0])
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_schedule_of_the_epoch_alone_works_and_one_that_returns_no_float_is_an_error(backend: Any) -> None:
    model = ready()[BACKENDS.index(backend)]

    def fit(schedule: Any) -> None:
        model.fit(X, Y, verbose=0, callbacks=[backend.callbacks.LearningRateScheduler(schedule)])

    fit(lambda epoch: 0.25)
    assert float(model.optimizer.learning_rate) == 0.25
    for bad in ('fast', 1, None):
        with pytest.raises(ValueError, match='float'):
            fit(lambda epoch, rate, bad=bad: bad)


def test_lambda_callbacks_are_called_with_what_keras_passes() -> None:
    told: list[list[Any]] = [[], []]
    for backend, model, into in zip(BACKENDS, ready(), told, strict=True):
        callback = backend.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: into.append(('epoch', epoch, sorted(logs))),  # noqa: B023
            on_epoch_end=lambda epoch, logs: into.append(('epoch end', epoch, sorted(logs))),  # noqa: B023
            on_train_begin=lambda logs: into.append(('begin', sorted(logs))),  # noqa: B023
            on_train_end=lambda logs: into.append(('end', sorted(logs))),  # noqa: B023
            on_train_batch_end=lambda batch, logs: into.append(('batch', batch, sorted(logs))),  # noqa: B023
            on_test_end=lambda logs: into.append(('test end', sorted(logs))),  # noqa: B023
        )
        model.fit(X, Y, epochs=2, batch_size=8, verbose=0, validation_split=0.2, callbacks=[callback])
    assert told[1] == told[0]


def test_what_a_callback_puts_into_the_logs_reaches_history_and_no_later_hook() -> None:
    for backend, model in zip(BACKENDS, ready(), strict=True):
        at_end: dict[str, float] = {}

        class Adds(backend.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                logs['mine'] = float(epoch)

            def on_train_end(self, logs: Any = None) -> None:
                at_end.update(logs)  # noqa: B023

        history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[Adds()]).history
        assert history['mine'] == [0.0, 1.0]
        assert sorted(at_end) == ['loss', 'mae']


def test_terminate_on_nan_stops_at_the_batch_where_keras_stops(capsys: pytest.CaptureFixture[str]) -> None:
    y = Y.copy()
    y[13] = np.nan
    outcomes = []
    for backend, model in zip(BACKENDS, pair(), strict=True):
        told: list[Any] = []
        callbacks = [backend.callbacks.TerminateOnNaN(), recorder(backend, told)]
        history = model.fit(X, y, epochs=3, batch_size=4, shuffle=False, verbose=0, callbacks=callbacks)
        outcomes.append((told, history.epoch, capsys.readouterr().out))
        with pytest.raises(RuntimeError, match='NaN or Inf loss encountered at batch 0'):
            model.fit(X, y, verbose=0, callbacks=[backend.callbacks.TerminateOnNaN(raise_error=True)])
    assert outcomes[1] == outcomes[0]
    assert outcomes[0][1] == [0]


def test_bad_arguments_are_the_same_kind_of_error_as_in_keras() -> None:
    for backend in BACKENDS:
        for bad in (
            {'filepath': 'a.txt'},
            {'filepath': 'a.h5', 'save_weights_only': True},
            {'filepath': 'a.keras', 'save_freq': 'day'},
        ):
            with pytest.raises(ValueError):
                backend.callbacks.ModelCheckpoint(**bad)
