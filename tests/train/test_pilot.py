"""A few steps are timed by clocks that are handed in: overhead and step are told apart, and the allowance is kept."""

from __future__ import annotations

import numpy as np
import pytest

from hefted.data.source import Stretch
from hefted.train import pilot
from hefted.train.program import Stretcher


class Machine:
    """Steps of so many seconds, on a clock of its own; the first call takes longer."""

    def __init__(self, step: float, overhead: float = 0.0, first: float = 0.0, single: bool = False) -> None:
        self.step, self.overhead, self.first, self.now, self.chunks = step, overhead, first, 0.0, []
        self.loop = Stretcher(self._run, single, None)

    def _run(self, constants, carry, data, order, steps, fresh, numbers, key):
        self.now += int(steps) * self.step + self.overhead + (0.0 if self.chunks else self.first)
        self.chunks.append(int(steps))
        return carry, {}

    def tried(self, chunk: int, allowed: float, guess: float = 1e-5) -> pilot.Paced:
        stretch = Stretch(np.zeros(1), np.zeros(1, np.int32), 0, chunk, 1)
        clocks = pilot.Clocks(lambda: self.now, lambda: 0.5 * self.now)
        return pilot.try_out(self.loop, None, {}, stretch, chunk, guess, lambda step: allowed, clocks)


def test_a_step_is_told_apart_from_the_dispatch_where_chunks_are_shorter_than_the_training_s():
    told = Machine(1e-5, overhead=1e-4, first=0.5).tried(chunk=100_000, allowed=0.1)
    assert told.step == pytest.approx(1e-5, rel=0.02)
    assert told.overhead == pytest.approx(1e-4, rel=0.02)
    assert told.cpu_share == pytest.approx(0.5)


def test_a_chunk_as_long_as_the_training_s_has_its_dispatch_in_its_steps():
    told = Machine(1e-3, overhead=2e-3).tried(chunk=10, allowed=1.0)
    assert told.step == pytest.approx(1e-3 + 2e-4)
    assert told.overhead == 0.0


def test_the_allowance_is_kept_but_for_the_first_call_which_the_training_need_not_pay_any_more():
    machine = Machine(1e-3, overhead=1e-3, first=2.0)
    told = machine.tried(chunk=1000, allowed=0.2)
    assert told.seconds <= 0.25
    assert told.steps == sum(machine.chunks)


def test_steps_that_are_dispatched_one_by_one_are_timed_so():
    machine = Machine(1e-3, overhead=4e-3, single=True)
    told = machine.tried(chunk=100, allowed=0.5)
    assert set(machine.chunks) == {1}
    assert told.step == pytest.approx(5e-3)


def test_a_step_longer_than_the_allowance_is_tried_once_after_the_first():
    machine = Machine(2.0)
    told = machine.tried(chunk=100, allowed=0.5, guess=1.0)
    assert machine.chunks == [1, 1]
    assert told.step == pytest.approx(2.0)
