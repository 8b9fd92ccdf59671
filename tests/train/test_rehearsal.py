"""Whole epochs are tried by the training's own loop, on copies, with nothing of the user's touched."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from hefted import Sequential, layers
from hefted.data.arrays import Rows
from hefted.data.source import ResidentSource, StreamedSource
from hefted.models.steps import binding_of, program_of
from hefted.train.pilot import Clocks
from hefted.train.program import compile_training
from hefted.train.rehearsal import LEAST_EPOCHS, Hooks, rehearse


def rows(count: int = 100) -> Rows:
    rng = np.random.default_rng(0)
    return Rows(rng.random((count, 4), np.float32), rng.random((count, 1), np.float32), None)


def trained(source):
    model = Sequential([layers.Dense(8, 'relu'), layers.Dropout(0.5), layers.Dense(1)])
    model.compile('adam', 'mse')
    model.build((None, 4))
    model.prepare(source.parts[0], source.parts[1], source.batch_size, 'fit')
    binding = binding_of(model)
    loop = compile_training(program_of(model, binding), binding.held(), source.layout)
    return model, binding, loop


def always(seconds: float):
    """An allowance that does not ask how long an epoch is."""
    return lambda _: seconds


def ticking(step: float) -> Clocks:
    """A clock that is so much later whenever it is read."""
    count = itertools.count()
    return Clocks(lambda: next(count) * step, time.process_time)


def test_epochs_are_rehearsed_and_neither_weights_nor_draws_nor_orders_change():
    source = ResidentSource(rows(), 32, shuffle=True)
    model, binding, loop = trained(source)
    weights, draws = model.get_weights(), np.random.get_state(legacy=False)
    told = rehearse(loop, source.rehearsal(), binding, 4, None, Hooks(), 0.5, always(0.5))
    assert told is not None
    assert told.epochs >= LEAST_EPOCHS - 1
    assert 0 < told.epoch < 1
    for one, two in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    now = np.random.get_state(legacy=False)
    assert draws['state']['pos'] == now['state']['pos']
    np.testing.assert_array_equal(draws['state']['key'], now['state']['key'])


def test_a_validation_is_told_apart_from_its_epoch():
    source = ResidentSource(rows(), 32)
    _, binding, loop = trained(source)
    states = []

    def validate(aside):
        states.append(aside.held())
        time.sleep(0.02)
        return {'loss': 1.0}

    told = rehearse(loop, source.rehearsal(), binding, 4, validate, Hooks(epochs=True), 0.1, always(0.1))
    assert told is not None
    assert 0.01 < told.validation < 0.2
    assert told.epoch < told.validation + 0.05
    assert len(states) >= LEAST_EPOCHS
    # Each evaluates what the epoch before it has come to.
    assert not np.array_equal(states[0]['trainable'][0], states[1]['trainable'][0])


def test_it_ends_when_its_time_is_over():
    source = ResidentSource(rows(), 32)
    _, binding, loop = trained(source)
    few, many = (
        rehearse(loop, source.rehearsal(), binding, 4, None, Hooks(), s, always(s), ticking(0.01)) for s in (0.2, 0.5)
    )
    assert few is not None
    assert many is not None
    assert LEAST_EPOCHS - 1 <= few.epochs < many.epochs < 60
    assert few.seconds < 0.3


def test_it_ends_sooner_where_epochs_turn_out_to_be_short():
    source = ResidentSource(rows(), 32)
    _, binding, loop = trained(source)
    told = rehearse(loop, source.rehearsal(), binding, 4, None, Hooks(), 5.0, lambda epoch: 6 * epoch, ticking(0.01))
    assert told is not None
    assert told.epochs < 10


def test_one_that_takes_far_longer_than_was_thought_is_left():
    source = ResidentSource(rows(), 32)
    _, binding, loop = trained(source)
    assert rehearse(loop, source.rehearsal(), binding, 4, None, Hooks(), 0.1, always(0.1), ticking(1.0)) is None


def test_a_step_by_step_training_is_rehearsed_step_by_step():
    source = ResidentSource(rows(), 32)
    model, binding, _ = trained(source)
    single = compile_training(program_of(model, binding), binding.held(), source.layout, True)
    together, each = [], []
    for loop, hooks, chunks in ((trained(source)[2], Hooks(), together), (single, Hooks(batches=True), each)):

        def run(*arguments, loop=loop, chunks=chunks):
            chunks.append(int(arguments[4]))
            return loop.run(*arguments)

        assert (
            rehearse(loop._replace(run=run), source.rehearsal(), binding, 4, None, hooks, 0.1, always(0.1)) is not None
        )
    assert set(each) == {1}
    assert max(together) == 4


@pytest.mark.parametrize('kind', [ResidentSource, StreamedSource])
def test_a_source_s_rehearsal_has_the_same_rows_in_orders_of_its_own(kind):
    source = kind(rows(), 32, True)
    before = np.random.get_state(legacy=False)['state']['pos']
    with_orders = source.rehearsal()
    for epoch in range(3):
        stretches = list(with_orders.epoch(epoch))
        assert sum(stretch.steps for stretch in stretches) == 4
        seen = np.concatenate([np.asarray(stretch.data[0])[: stretch.rows] for stretch in stretches])
        assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, np.asarray(source.parts[0]).tolist()))
    with_orders.close()
    assert np.random.get_state(legacy=False)['state']['pos'] == before
    assert list(source.epoch(0))  # nor is it closed with it
    source.close()
