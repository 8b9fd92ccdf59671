"""The other callbacks: the same rates, tables, posts and weights as Keras's for the same program."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hefted

rng = np.random.default_rng(1)
X = rng.random((20, 3)).astype('float32')
Y = rng.random((20, 1)).astype('float32')
BACKENDS = [keras, hefted]
FIT: dict[str, Any] = {'batch_size': 8, 'shuffle': False, 'verbose': 0}


def pair(**compiled: Any) -> list[Any]:
    """The same small functional model, of Keras and of ours, with the same weights."""
    models: list[Any] = []
    for backend in BACKENDS:
        inputs = backend.Input((3,))
        outputs = backend.layers.Dense(1)(backend.layers.Dense(2)(inputs))
        models.append(backend.Model(inputs, outputs))
    models[1].set_weights(models[0].get_weights())
    for backend, model in zip(BACKENDS, models, strict=True):
        made = {name: value(backend) if callable(value) else value for name, value in compiled.items()}
        model.compile(**{'optimizer': 'sgd', 'loss': 'mse', 'metrics': ['mae'], **made})
    return models


def test_the_names_are_keras_s() -> None:
    names = {name for name in dir(keras.callbacks) if name[0].isupper()}
    assert set(hefted.callbacks.__all__) == names | {'Worth'}
    for name in names:
        assert isinstance(getattr(hefted.callbacks, name), type)


class Rate:
    """An optimizer as far as a callback sees one."""

    learning_rate: Any = np.float32(0.5)


class Stub:
    """A model as far as a callback sees one."""

    def __init__(self) -> None:
        self.optimizer, self.metrics = Rate(), []


@settings(max_examples=60, derandomize=True)
@given(
    values=st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=14),
    mode=st.sampled_from(['auto', 'min', 'max']),
    factor=st.sampled_from([0.1, 0.5]),
    patience=st.integers(0, 3),
    min_delta=st.sampled_from([1e-4, 0.25, 1.1]),
    cooldown=st.integers(0, 3),
    min_lr=st.sampled_from([0.0, 0.1]),
)
def test_a_plateau_lowers_the_rate_where_keras_lowers_it(values: list[float], mode: str, **named: Any) -> None:
    told: list[list[Any]] = [[], []]
    for backend, into in zip(BACKENDS, told, strict=True):
        callback, model = backend.callbacks.ReduceLROnPlateau('loss', mode=mode, **named), Stub()
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            logs = {'loss': value}
            callback.on_epoch_end(epoch, logs)
            into.append((model.optimizer.learning_rate, logs, callback.wait, callback.cooldown_counter, callback.best))
    assert told[1] == told[0]


def test_a_plateau_in_a_training_gives_keras_s_history_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for backend, model in zip(BACKENDS, pair(), strict=True):
        callback = backend.callbacks.ReduceLROnPlateau('loss', factor=0.5, patience=1, min_delta=1.0, verbose=1)
        history = model.fit(X, Y, epochs=5, callbacks=[callback], **FIT).history
        found.append((list(history), history['learning_rate'], capsys.readouterr().out.split('rate to')[0]))
        with pytest.raises(ValueError, match='factor'):
            backend.callbacks.ReduceLROnPlateau(factor=1.0)
    assert found[1] == found[0]


@pytest.mark.parametrize('arguments', [{}, {'separator': ';'}, {'append': True}], ids=str)
def test_the_table_of_epochs_is_keras_s(tmp_path: Path, arguments: dict[str, Any]) -> None:
    tables = []
    for backend, model in zip(BACKENDS, pair(), strict=True):
        path = tmp_path / f'{backend.__name__}.csv'
        logger = backend.callbacks.CSVLogger(path, **arguments)
        model.fit(X, Y, epochs=2, callbacks=[logger], **FIT)
        model.fit(X, Y, epochs=1, validation_split=0.2, callbacks=[logger], **FIT)
        rows = path.read_bytes().decode().split('\r\n')
        tables.append([row.split(arguments.get('separator', ',')) for row in rows])
    assert [len(row) for row in tables[1]] == [len(row) for row in tables[0]]
    for ours, theirs in zip(tables[1], tables[0], strict=True):
        for a, b in zip(ours, theirs, strict=True):
            try:
                number = float(b)
            except ValueError:
                assert a == b
            else:
                assert float(a) == pytest.approx(number, rel=1e-5)


@pytest.fixture
def server() -> Any:
    """A server of this machine, and what was posted to it."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers['Content-Length'])).decode()
            posted.append((self.path, self.headers['Content-Type'], self.headers['X-Token'], body))
            self.send_response(404 if 'nowhere' in self.path else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    running = HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{running.server_port}', posted
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize('as_json', [False, True])
def test_a_remote_monitor_posts_what_keras_s_posts(server: Any, as_json: bool) -> None:
    """Keras's needs the package requests; what it posts is written down here."""
    root, posted = server
    path = '/in/' if as_json else '/nowhere/'
    monitor = hefted.callbacks.RemoteMonitor(
        root, field='told', headers={'X-Token': '7'}, send_as_json=as_json, path=path
    )
    monitor.on_epoch_end(3, {'loss': np.float32(0.5), 'mae': 0.25})
    ((*head, body),) = posted
    assert head == [path, 'application/json' if as_json else 'application/x-www-form-urlencoded', '7']
    text = body if as_json else parse_qs(body)['told'][0]
    assert json.loads(text) == {'epoch': 3, 'loss': 0.5, 'mae': 0.25}


@pytest.mark.parametrize('root', ['http://127.0.0.1:9', 'file:///etc', 'nonsense'])
def test_a_server_that_is_not_there_is_a_warning(root: str) -> None:
    with pytest.warns(UserWarning, match='Could not reach RemoteMonitor'):
        hefted.callbacks.RemoteMonitor(root).on_epoch_end(0, {})


@pytest.mark.parametrize('swap_on_epoch', [False, True])
@pytest.mark.parametrize('every', [None, 2])
def test_averages_are_evaluated_and_end_up_in_the_model_as_in_keras(swap_on_epoch: bool, every: int | None) -> None:
    found = []
    models = pair(
        optimizer=lambda b: b.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=every)
    )
    for backend, model in zip(BACKENDS, models, strict=True):
        callback = backend.callbacks.SwapEMAWeights(swap_on_epoch)
        seen: list[Any] = []
        watch = backend.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))  # noqa: B023
        history = model.fit(X, Y, epochs=3, validation_split=0.3, callbacks=[callback, watch], **FIT).history
        found.append((history, seen, model.get_weights()))
    (theirs, ours) = found
    assert list(ours[0]) == list(theirs[0])
    for name, values in theirs[0].items():
        np.testing.assert_allclose(ours[0][name], values, rtol=1e-5)
    for mine, keras_s in zip([*ours[1], ours[2]], [*theirs[1], theirs[2]], strict=True):
        for a, b in zip(mine, keras_s, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_averages_that_are_not_kept_are_an_error() -> None:
    for backend, model in zip(BACKENDS, pair(), strict=True):
        with pytest.raises(ValueError, match='use_ema'):
            model.fit(X, Y, validation_split=0.3, callbacks=[backend.callbacks.SwapEMAWeights()], **FIT)


def test_a_progress_bar_is_shown_by_whoever_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    model = pair()[1]
    model.fit(X, Y, epochs=2, callbacks=[hefted.callbacks.ProgbarLogger()], **{**FIT, 'verbose': 1, 'meter': None})
    out = capsys.readouterr().out
    assert out.count('Epoch 1/2') == out.count('Epoch 2/2') == 1
    assert out.count('3/3 ━━━━━━━━━━━━━━━━━━━━') == 2
    assert 'loss: ' in out


def test_a_list_of_callbacks_serves_a_loop_that_a_user_writes() -> None:
    told: list[list[Any]] = [[], []]
    for backend, into in zip(BACKENDS, told, strict=True):
        hooks = {
            name: lambda *given, name=name, into=into, **logs: into.append((name, *given[: len(given) + len(logs) - 1]))
            for name in ('on_train_begin', 'on_epoch_begin', 'on_epoch_end', 'on_train_batch_end', 'on_train_end')
        }
        model = Stub()
        listeners = backend.callbacks.CallbackList(
            [backend.callbacks.LambdaCallback(**hooks)], add_history=True, model=model, epochs=1, steps=2, verbose=0
        )
        listeners.on_train_begin()
        listeners.on_epoch_begin(0)
        for batch in range(2):
            listeners.on_train_batch_begin(batch)
            listeners.on_train_batch_end(batch, {'loss': 1.0})
        listeners.on_epoch_end(0, {'loss': 1.0})
        listeners.on_train_end()
        into.append(model.history.history)
    assert told[1] == told[0]


def test_orbax_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, 'orbax', None)
    with pytest.raises(ImportError, match='pip install orbax-checkpoint'):
        hefted.callbacks.OrbaxCheckpoint(tmp_path)
