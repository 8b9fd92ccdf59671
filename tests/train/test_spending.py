"""The governor of a budget, in a world whose clock and meter are made: it never passes a limit, and uses nearly all."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.budget import Limit
from hefted.quantities import Quantity
from hefted.runs import Tick
from hefted.train.costs import Costs
from hefted.train.governor import Ahead
from hefted.train.jitter import Jitter
from hefted.train.purse import Purse
from hefted.train.spending import Spending

TICK = Tick(0, 0, {})


class World:
    """Time passes as steps are done; energy goes at so many watts; each reading takes a moment."""

    def __init__(self, step: float, noise: float, seed: int, watts: float = 10.0) -> None:
        self.now, self.step, self.noise, self.watts = 0.3, step, noise, watts
        self._dice = random.Random(seed)

    def read(self) -> dict[str, float]:
        self.now += 0.0004
        return {'energy': self.now * self.watts, 'duration': self.now}

    def work(self, steps: int) -> float:
        took = steps * self.step * (1 + self.noise * self._dice.random())
        self.now += took
        return took


def trained(
    world: World, limit: Limit, costs: Costs, rates: dict[str, float] | None = None
) -> tuple[float, Spending, int]:
    """What was spent in the end, and by how many steps."""
    purse = Purse([limit], world.read, lambda: world.now, rates)
    governor = Spending(purse, costs, jitter=Jitter(lambda: 1.0))
    governor.begin(0, 0)
    done, waiting, behind = 0, 0, 0.0
    while True:
        steps = governor.allow(Ahead(10_000, waiting, 0, None, done))
        if waiting:  # the loop reads one chunk behind
            governor.hear(waiting, behind, TICK)
            done, waiting = done + waiting, 0
        if steps < 1:
            if governor.stopped_by:
                break
            continue
        waiting, behind = steps, world.work(steps)
    world.now += 0.002  # the run's end
    return world.now, governor, done


@settings(max_examples=60)
@given(st.floats(1e-5, 1e-3), st.floats(0, 0.5), st.floats(2, 60), st.integers(0, 99))
def test_no_limit_is_passed_and_nearly_all_is_used(step: float, noise: float, seconds: float, seed: int):
    for limit in (Limit('duration', Quantity(seconds, 's')), Limit('energy', Quantity(10 * seconds, 'J'))):
        spent, governor, done = trained(World(step, noise, seed), limit, Costs())
        assert governor.stopped_by == str(limit)
        assert done > 0
        assert 0.95 * seconds < spent <= seconds


class Warming(World):
    """One in which the power is twice as high from a moment on, as where a clock rises."""

    def read(self) -> dict[str, float]:
        self.now += 0.0004
        more = max(self.now - 0.36, 0.0)
        return {'energy': (self.now + more) * self.watts, 'duration': self.now}


def test_a_short_limit_is_kept_though_the_power_rises():
    world, costs = Warming(1e-4, 0, 0), Costs()
    costs.foresee('step', 1e-4)
    limit = Limit('energy', Quantity(4.2, 'J'))
    trained(world, limit, costs, {'energy': 10.5})
    assert 0.9 * 4.2 < world.read()['energy'] <= 4.2


def test_chunks_are_a_small_part_of_what_is_left():
    world, costs = World(1e-3, 0, 0), Costs()
    governor = Spending(
        Purse([Limit('duration', Quantity(10, 's'))], world.read, lambda: world.now), costs, jitter=Jitter(lambda: 1.0)
    )
    governor.begin(0, 0)
    assert governor.allow(Ahead(10_000, 0, 0, None, 0)) == 1  # nobody knows yet what one takes
    governor.hear(1, world.work(1), TICK)
    steps = governor.allow(Ahead(10_000, 0, 0, None, 1))
    assert 2 * steps * world.step < 0.01 * (10 - world.now)
    assert steps > 30


def test_what_is_not_read_yet_is_read_where_nobody_knows_what_a_step_takes():
    world = World(1e-3, 0, 0)
    governor = Spending(
        Purse([Limit('duration', Quantity(10, 's'))], world.read, lambda: world.now),
        Costs(),
        jitter=Jitter(lambda: 1.0),
    )
    governor.begin(0, 0)
    assert governor.allow(Ahead(100, 1, 0, None, 0)) == 0
    assert governor.stopped_by is None


def test_a_validation_that_cannot_be_paid_for_ends_the_training_and_says_what_it_held_back():
    world, costs = World(1e-3, 0, 0), Costs(judge_steps=100)
    governor = Spending(
        Purse([Limit('duration', Quantity(1, 's'))], world.read, lambda: world.now), costs, jitter=Jitter(lambda: 1.0)
    )
    governor.begin(0, 0)
    governor.hear(10, world.work(10), TICK)
    assert governor.may('validate')
    governor.did('validate', 0.9)
    assert not governor.may('validate')
    assert governor.stopped_by == 'budget 1 s'
    assert governor.held_back == pytest.approx(0.99)


def test_a_checkpoint_that_cannot_be_paid_for_does_not_end_the_training():
    world, costs = World(1e-3, 0, 0), Costs(state_bytes=10**9)
    governor = Spending(
        Purse([Limit('duration', Quantity(10, 's'))], world.read, lambda: world.now), costs, jitter=Jitter(lambda: 1.0)
    )
    governor.begin(0, 0)
    assert not governor.may('checkpoint')
    assert governor.stopped_by is None


def test_the_tightest_of_several_limits_is_named():
    world = World(1e-3, 0, 0, watts=100)
    limits = [Limit('duration', Quantity(60, 's')), Limit('energy', Quantity(100, 'J'))]
    purse = Purse(limits, world.read, lambda: world.now)
    purse.look()
    world.work(100)
    purse.look()
    assert purse.tightest.name == 'energy'


def test_what_the_run_s_end_took_longer_than_foreseen_is_held_back_the_next_time_if_it_comes_again():
    world, costs, jitter = World(1e-3, 0, 0), Costs(), Jitter(lambda: 1.0)
    reserved: list[float] = []
    for _ in range(2):
        governor = Spending(
            Purse([Limit('duration', Quantity(1, 's'))], world.read, lambda: world.now), costs, jitter=jitter
        )
        governor.begin(0, 0)
        reserved.append(governor.reserve())
        governor.stopped_by = 'budget 1 s'
        time.sleep(0.06)
        governor.over()
    assert reserved[0] < reserved[1]


def test_what_callbacks_took_at_an_epochs_beginning_and_at_the_end_is_reserved_from_then_on():
    world = World(1e-3, 0, 0)
    purse = Purse([Limit('duration', Quantity(2, 's'))], world.read, lambda: world.now)
    governor = Spending(purse, Costs(), jitter=Jitter(lambda: 1.0))
    governor.begin(0, 0)
    before = governor.reserve()
    governor.did('begin', 0.5)
    assert governor.reserve() == before
    assert governor.may('begin')
    world.now += 1.0
    governor.did('end', 0.3)
    assert governor.reserve() == pytest.approx(before + 0.33)
    assert not governor.may('begin')
    assert governor.stopped_by == 'budget 2 s'
