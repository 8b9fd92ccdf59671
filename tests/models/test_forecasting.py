"""`Model.forecast`: what a fit would take, asked before it is begun."""

from __future__ import annotations

import random as python_random

import numpy as np
import pytest

import hefted
from hefted import errors, layers
from hefted.callbacks import Callback


def rows(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((count, 12), dtype=np.float32), rng.integers(0, 2, (count, 1)).astype(np.float32)


def dense(built: bool) -> hefted.Sequential:
    hefted.utils.set_random_seed(5)
    given = [layers.Input((12,))] if built else []
    model = hefted.Sequential([*given, layers.Dense(8, 'relu'), layers.Dropout(0.3), layers.Dense(1, 'sigmoid')])
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
    return model


@pytest.mark.parametrize('built', [True, False])
def test_a_fit_after_a_forecast_is_bit_equal_to_one_without(built: bool):
    def trained(asks: bool) -> tuple[list[np.ndarray], dict, float, float]:
        model, data = dense(built), rows()
        if asks:
            model.forecast(*data, epochs=3, batch_size=16, validation_split=0.2)
        history = model.fit(*data, epochs=3, batch_size=16, verbose=0, validation_split=0.2)
        return model.get_weights(), history.history, float(np.random.random()), python_random.random()

    asked, plain = trained(True), trained(False)
    for one, two in zip(asked[0], plain[0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert asked[1:] == plain[1:]


def test_a_forecast_trains_nothing_and_draws_nothing():
    model, data = dense(True), rows()
    before, drawn = model.get_weights(), np.random.get_state(legacy=False)
    told = model.forecast(*data, epochs=2)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(drawn['state']['key'], np.random.get_state(legacy=False)['state']['key'])
    assert int(model.optimizer.iterations) == 0
    assert told.plan.steps == 14


def test_the_fit_that_follows_goes_by_the_same_forecast():
    model, data = dense(True), rows()
    told = model.forecast(*data, epochs=2)
    followed = model.fit(*data, epochs=2, verbose=0).forecast
    assert followed.how == 'pilot'
    assert followed.duration.value == pytest.approx(told.duration.value, rel=0.11)


def test_it_tells_everything_there_is_to_pay():
    told = dense(True).forecast(*rows(), epochs=2, place='FR')
    text = str(told)
    for word in ('Duration', 'Energy', 'Carbon', 'Water', 'Minerals', 'France', '14 steps', 'a few steps'):
        assert word in text
    assert told.footprint.place.code == 'FR'
    assert told.utilisation is not None
    assert 0 < told.utilisation.value < 1
    assert told.fits
    page = told._repr_html_()
    assert page.startswith('<div class="hefted-forecast">')
    assert 'France' in page


def test_validation_is_foreseen_as_a_phase_of_its_own():
    model, data = dense(True), rows()
    told = model.forecast(*data, epochs=4, validation_data=data, validation_freq=2)
    assert (told.plan.validations, told.plan.validation_steps) == (2, 7)
    assert set(told.footprint.phases) == {'train', 'validate'}
    assert told.plan.flops > told.plan.steps * told.plan.flops_per_step


def test_a_generator_is_refused_because_its_first_batch_would_be_lost():
    given = []

    def batches():
        for number in range(3):
            given.append(number)
            yield rows(32)

    with pytest.raises(errors.ArgumentError, match='take its first batch'):
        dense(True).forecast(batches(), steps_per_epoch=3)
    assert given == []


def test_a_callback_at_each_step_makes_each_a_dispatch_and_is_not_called():
    class Each(Callback):
        called = 0

        def on_train_batch_end(self, batch, logs=None):
            type(self).called += 1

    model, data = dense(True), rows()
    plain = model.forecast(*data, epochs=5)
    stopped = model.forecast(*data, epochs=5, callbacks=[Each()])
    assert Each.called == 0
    assert stopped.pace.each
    assert not plain.pace.each


def test_a_model_that_is_not_compiled_is_told_to_compile():
    model = hefted.Sequential([layers.Dense(1)])
    with pytest.raises(errors.NotCompiledError, match='forecast'):
        model.forecast(*rows())


def test_what_has_no_end_is_told_to_say_how_many_steps():
    model = dense(True)
    model.run_eagerly = True
    with pytest.raises(errors.ArgumentError, match='steps_per_epoch'):
        model.forecast(*rows())


def test_other_machines_are_priced_by_a_catalogue_and_nothing_is_tried(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr('hefted.train.pilot.try_out', lambda *_: pytest.fail('steps were tried'))
    told = dense(True).forecast(*rows(), epochs=2, on='8 x H200', place='FR')
    assert told.how == 'catalogue'
    assert 'H200' in told.on
    assert told.plan.devices == 8
    assert told.duration.low < told.duration.value < told.duration.high
    assert 'H200' in str(told)


@pytest.mark.parametrize(('epochs', 'first'), [(0, 0), (3, 3), (2, 5)])
def test_a_training_of_no_epoch_is_refused_by_name(epochs: int, first: int):
    with pytest.raises(errors.ArgumentError, match=f'epochs to be above initial_epoch={first}, received {epochs}'):
        dense(True).forecast(*rows(), epochs=epochs, initial_epoch=first)
