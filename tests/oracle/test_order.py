"""The order of rows in `fit` is Keras's: after `set_random_seed` both take the same rows in the same batches."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).random((53, 3)).astype('float32')
Y = X.sum(1, keepdims=True) ** 2


def model_of(library: Any, **compiled: Any) -> Any:
    layers = library.layers
    model = library.Sequential([library.Input((3,)), layers.Dense(8, activation='relu'), layers.Dense(1)])
    model.compile('sgd', 'mse', **compiled)
    return model


def plain(library: Any) -> Any:
    model = model_of(library)
    return [model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history['loss'] for _ in range(2)]


def measured_before(library: Any) -> Any:
    model = model_of(library, metrics=['mae'])
    first = model.evaluate(X, Y, verbose=0)
    return first, model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history['loss'], np.random.random()


def compiled_anew(library: Any) -> Any:
    model = model_of(library)
    first = model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history['loss']
    model.compile('adam', 'mae')
    return first, model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history['loss']


def held_out(library: Any) -> Any:
    history = model_of(library).fit(X, Y, batch_size=8, epochs=3, validation_split=0.25, verbose=0).history
    return history['loss'], history['val_loss']


def not_built(library: Any) -> Any:
    model = library.Sequential([library.layers.Dense(4, activation='tanh'), library.layers.Dense(1)])
    model.compile('sgd', 'mse')
    return model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history['loss']


def parts_of_passes(library: Any) -> Any:
    return model_of(library).fit(X, Y, batch_size=8, epochs=5, steps_per_epoch=3, verbose=0).history['loss']


def in_batches(library: Any) -> Any:
    return model_of(library).fit(X, Y, batch_size=8, epochs=3, shuffle='batch', verbose=0).history['loss']


def stopped(library: Any) -> Any:
    """What was drawn ahead and not used is drawn again."""
    model = model_of(library)
    stop = library.callbacks.EarlyStopping(monitor='loss', patience=0, min_delta=1e9)
    losses = model.fit(X, Y, batch_size=8, epochs=9, callbacks=[stop], verbose=0).history['loss']
    return losses, np.random.random(3)


def drawn_in_a_callback(library: Any) -> Any:
    class Draw(library.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            np.random.normal(size=3)

    model = model_of(library)
    return model.fit(X, Y, batch_size=8, epochs=4, callbacks=[Draw()], verbose=0).history['loss'], np.random.random()


def without_a_loss(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = library.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return library.ops.mean((y_pred - y) ** 2)

    model = Own()
    model(X[:2])
    model.compile('sgd')
    return [model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history['loss'] for _ in range(2)]


@pytest.mark.filterwarnings('ignore:Your input ran out of data')
@pytest.mark.parametrize(
    'program',
    [plain, measured_before, compiled_anew, held_out, not_built, parts_of_passes, in_batches, stopped,
     drawn_in_a_callback, without_a_loss],
)  # fmt: skip
def test_seeded_programs_take_the_same_rows(program: Any) -> None:
    found = []
    for library in (hefted, keras):
        library.utils.set_random_seed(1)
        found.append(np.concatenate([np.ravel(part) for part in program(library)]))
    np.testing.assert_allclose(found[0], found[1], rtol=2e-5)


def test_a_keras_model_takes_them_too() -> None:
    losses = []
    for fit in (lambda model, *a, **k: model.fit(*a, **k), hefted.fit):
        keras.utils.set_random_seed(1)
        model = model_of(keras)
        losses += [fit(model, X, Y, batch_size=8, epochs=2, verbose=0).history['loss'] for _ in range(2)]
    np.testing.assert_allclose(losses[:2], losses[2:], rtol=2e-5)
