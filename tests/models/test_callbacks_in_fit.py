"""What callbacks assign, set and raise is heard as in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Input, Sequential
from hefted.callbacks import Callback, CSVLogger, History
from hefted.layers import Dense

X = np.random.default_rng(0).random((320, 3), np.float32)
Y = X.sum(1, keepdims=True)


def compiled() -> Sequential:
    hefted.utils.set_random_seed(1)
    model = Sequential([Input((3,)), Dense(1)])
    model.compile('sgd', 'mse')
    return model


@pytest.mark.parametrize('base', [Callback, History, CSVLogger], ids=lambda base: base.__name__)
def test_what_a_subclass_of_a_callback_of_ours_sets_is_heard(base: Any, tmp_path: Any) -> None:
    class Stops(base):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            self.model.optimizer.learning_rate = 0.0
            self.model.stop_training = epoch == 1

    callback = Stops(str(tmp_path / 'log.csv')) if base is CSVLogger else Stops()
    history = compiled().fit(X, Y, epochs=5, verbose=0, shuffle=False, callbacks=[callback])
    assert len(history.epoch) == 2
    assert history.history['loss'][1] < history.history['loss'][0]
    again = compiled()
    again.fit(X, Y, epochs=1, verbose=0, shuffle=False)
    assert history.history['loss'][1] == pytest.approx(again.evaluate(X, Y, verbose=0), rel=1e-5)


@pytest.mark.parametrize('hook', ['on_train_begin', 'on_epoch_begin', 'on_epoch_end', 'on_train_batch_end'])
@pytest.mark.parametrize('error', [StopIteration, KeyboardInterrupt])
def test_what_a_callback_assigned_stays_when_it_then_raises(hook: str, error: type[BaseException]) -> None:
    def raises(self: Any, *_: Any) -> None:
        self.model.set_weights([np.full((3, 1), 7.0), np.full(1, 8.0)])
        raise error

    callback = type('Raises', (Callback,), {hook: raises})()
    model = compiled()
    with pytest.raises(error):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(model.get_weights()[0], np.full((3, 1), 7.0))
    np.testing.assert_array_equal(model.get_weights()[1], [8.0])


@pytest.mark.parametrize(('hook', 'steps'), [('on_train_begin', 1), ('on_epoch_begin', 1), ('on_epoch_end', 10)])
def test_a_training_that_is_told_to_stop_ends_with_the_next_step(hook: str, steps: int) -> None:
    def stops(self: Any, *_: Any) -> None:
        self.model.stop_training = True

    model = compiled()
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[type('Stops', (Callback,), {hook: stops})()])
    assert int(model.optimizer.iterations) == steps
    assert len(history.epoch) == 1
