"""A governor ends, holds and hears a training between its chunks, and the state is whole wherever it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hefted
from hefted.callbacks import Callback, LambdaCallback
from hefted.layers import Dense, Input
from hefted.models import fitting
from hefted.train.governor import Ahead, Governor, Governors


class Limit(Governor):
    """Lets so many steps pass, and tells what it was asked and told."""

    def __init__(self, steps: int) -> None:
        self.left, self.heard, self.asked, self.works = steps, 0, list[Ahead](), list[str]()

    def allow(self, ahead: Ahead) -> int:
        self.asked.append(ahead)
        allowed = min(ahead.steps, self.left - ahead.done - ahead.waiting)
        if allowed < 1:
            self.stopped_by = 'a limit'
        return allowed

    def hear(self, steps: int, seconds: float, tick: Any) -> None:
        assert seconds > 0
        self.heard += steps
        assert tick.step == self.heard

    def did(self, work: Any, seconds: float) -> None:
        assert seconds > 0
        self.works.append(work)


@pytest.fixture
def governed(monkeypatch: pytest.MonkeyPatch):
    """`governed(governor)`: the next fit has it."""
    return lambda governor: monkeypatch.setattr(fitting, 'governor_of', lambda *_, **__: governor)


def data(rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(0).normal(size=(rows, 4)).astype('float32')
    return drawn, drawn.sum(axis=1, keepdims=True)


def model() -> Any:
    hefted.utils.set_random_seed(1)
    made = hefted.Sequential([Input((4,)), Dense(3), Dense(1)])
    made.compile('sgd', 'mse')
    return made


@pytest.mark.parametrize('by_batch', [False, True])
@pytest.mark.parametrize('steps', [1, 7, 10, 13])
def test_it_ends_a_training_after_any_step_with_the_weights_of_that_step(governed, steps: int, by_batch: bool):
    x, y = data()
    callbacks = [LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if by_batch else []
    governed(Limit(steps))
    ended = model()
    history = ended.fit(x, y, batch_size=10, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    governed(Governor())
    other = model()
    other.fit(x, y, batch_size=10, verbose=0, shuffle=False, epochs=steps // 10)
    if steps % 10:
        other.fit(x, y, batch_size=10, verbose=0, shuffle=False, steps_per_epoch=steps % 10)
    for mine, theirs in zip(ended.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert history.stopped_by == 'a limit'
    assert len(history.epoch) == steps // 10


def test_within_an_epoch_nothing_is_validated_and_no_epoch_ends(governed):
    x, y = data()
    called: list[str] = []

    class Told(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            called.append(f'begin {epoch}')

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            called.append(f'end {epoch}')

        def on_test_begin(self, logs: Any = None) -> None:
            called.append('validate')

        def on_train_end(self, logs: Any = None) -> None:
            called.append('over')

    limit = Limit(15)
    governed(limit)
    model().fit(x, y, batch_size=10, epochs=3, verbose=0, validation_data=data(20), callbacks=[Told()])
    assert called == ['begin 0', 'validate', 'end 0', 'begin 1', 'over']
    assert limit.heard == 15
    assert limit.works == ['begin', 'validate', 'epoch', 'begin', 'end']


def test_at_an_epochs_edge_the_next_does_not_begin(governed):
    x, y = data()
    begun: list[int] = []
    governed(Limit(20))
    model().fit(
        x, y, batch_size=10, epochs=3, verbose=0,
        callbacks=[LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))],
    )  # fmt: skip
    assert begun == [0, 1]


def test_it_is_told_how_far_the_epoch_goes(governed):
    x, y = data()
    limit = Limit(1000)
    governed(limit)
    model().fit(x, y, batch_size=10, epochs=2, verbose=0)
    assert {ahead.epoch for ahead in limit.asked} == {0, 1}
    assert all(ahead.to_end is not None and ahead.steps <= ahead.to_end <= 10 for ahead in limit.asked)
    assert limit.heard == 20


def test_a_validation_that_it_does_not_allow_ends_the_training_before_it(governed):
    class Frugal(Governor):
        def may(self, work: Any) -> bool:
            return work != 'validate'

    governed(Frugal())
    history = model().fit(*data(), epochs=2, verbose=0, validation_data=data(20))
    assert history.epoch == []


def test_it_holds_a_training_which_then_ends_with_the_same_numbers(governed):
    class Holding(Governor):
        held = 0

        def holds(self) -> bool:
            return self.held < 2

        def wait(self) -> None:
            self.held += 1

    x, y = data()
    plain = model()
    plain.fit(x, y, epochs=3, verbose=0, shuffle=False)
    holding = Holding()
    governed(holding)
    held = model()
    history = held.fit(x, y, epochs=3, verbose=0, shuffle=False)
    assert holding.held == 2
    assert 'wait' in history.footprint.phases
    for mine, theirs in zip(held.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_of_several_the_strictest_counts_and_all_hear():
    one, two = Limit(5), Limit(3)
    both = Governors([one, two])
    assert both.allow(Ahead(10, 0, 0, 10, 0)) == 3
    assert both.allow(Ahead(10, 3, 0, 10, 0)) == 0
    assert both.stopped_by == 'a limit'
    both.did('checkpoint', 0.5)
    assert one.works == two.works == ['checkpoint']
