"""The compiled loop: any pure step, any number of steps, short batches exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hefted.callbacks import CallbackList
from hefted.data.arrays import Rows, rows_of
from hefted.data.source import ResidentSource
from hefted.runs import NullRun
from hefted.train import evaluation, loop
from hefted.train.binding import Binding
from hefted.train.pace import Pace
from hefted.train.program import Batch, Program, Spec, Stretcher, compile_evaluation, compile_training
from hefted.train.progress import Progress

rng = np.random.default_rng(0)
X = rng.random((70, 3)).astype('float32')
Y = (X @ np.array([[1.0], [-2.0], [0.5]], 'float32')) + 0.25
KEY = np.array([1, 0], np.uint32)


def step(state: Any, batch: Batch, key: Any) -> Any:
    """Least squares by gradient descent, rows masked where they are padding."""

    def loss(weights: Any) -> Any:
        error = jnp.square(batch.x @ weights - batch.y)[:, 0]
        rows = jnp.ones(len(error)) if batch.rows is None else batch.rows
        return jnp.sum(error * rows) / jnp.sum(rows)

    value, slope = jax.value_and_grad(loss)(state['weights'])
    noise = 1e-3 * jax.random.normal(key, slope.shape)
    return {'weights': state['weights'] - 0.1 * (slope + noise), 'steps': state['steps'] + 1}, {'loss': value}


def evaluate(state: Any, metrics: Any, batch: Batch) -> Any:
    error = jnp.square(batch.x @ state['weights'] - batch.y)[:, 0]
    rows = jnp.ones(len(error)) if batch.rows is None else batch.rows
    metrics = {'sum': metrics['sum'] + jnp.sum(error * rows), 'count': metrics['count'] + jnp.sum(rows)}
    return metrics, {'loss': metrics['sum'] / metrics['count']}


def program(independent: bool) -> Program:
    return Program(
        init=lambda: {'weights': np.zeros((3, 1), 'float32'), 'steps': np.int32(0)},
        train_step=step,
        eval_step=evaluate,
        spec=Spec(rows_independent=independent),
        init_metrics=lambda: {'sum': np.float32(0), 'count': np.float32(0)},
    )


def source(size: int = 16) -> ResidentSource:
    return ResidentSource(rows_of(X, Y), size)


def run(compiled: Stretcher, state: Any, data: ResidentSource, first: int, steps: int) -> Any:
    stretch = next(data.epoch(0))
    numbers = np.array([first, stretch.rows, first], np.int32)
    state, logs = compiled.run(
        None, state, stretch.data, stretch.order, np.int32(steps), np.bool_(first == 0), numbers, KEY
    )
    return state, logs


def by_hand(steps: int) -> Any:
    """The same steps, one by one in Python, the last of 6 rows."""
    state: Any = {'weights': jnp.zeros((3, 1)), 'steps': 0}
    for i in range(steps):
        batch = Batch(X[16 * i : 16 * (i + 1)], Y[16 * i : 16 * (i + 1)], None, None)
        state, logs = step(state, batch, KEY + np.array([0, i], np.uint32))
    return state, logs  # pyright: ignore[reportPossiblyUnboundVariable]


@pytest.mark.parametrize('independent', [True, False], ids=['masked', 'true-sized'])
def test_a_pass_with_a_short_batch_equals_the_steps_by_hand(independent: bool) -> None:
    mine = program(independent)
    data = source()
    state, logs = run(compile_training(mine, mine.init(), data.layout), mine.init(), data, 0, 5)
    wanted, wanted_logs = by_hand(5)
    np.testing.assert_allclose(state['weights'], wanted['weights'], rtol=1e-5)
    assert int(state['steps']) == 5
    assert float(logs['loss']) == pytest.approx(float(wanted_logs['loss']), rel=1e-5)


@pytest.mark.parametrize('independent', [True, False], ids=['masked', 'true-sized'])
def test_any_number_of_steps_runs_in_one_compiled_program_to_the_same_bits(independent: bool) -> None:
    mine = program(independent)
    data = source()
    compiled = compile_training(mine, mine.init(), data.layout)
    whole, _ = run(compiled, mine.init(), data, 0, 5)
    for parts in ((1, 1, 1, 1, 1), (2, 3), (4, 1), (3, 2)):
        state, first = mine.init(), 0
        for steps in parts:
            state, _ = run(compiled, state, data, first, steps)
            first += steps
        # The key of a step is folded with its number in the pass, so that parts draw what the whole draws.
        np.testing.assert_array_equal(state['weights'], whole['weights'])


def test_an_evaluation_weighs_rows_and_keeps_the_state() -> None:
    mine = program(True)
    data = source()
    state = mine.init()
    compiled = compile_evaluation(mine, state, data.layout)
    logs, _ = evaluation.evaluate(compiled, state, mine.init_metrics(), data)
    assert logs['loss'] == pytest.approx(float(np.mean(np.square(Y))), rel=1e-5)
    assert not state['weights'].any()


def test_two_networks_with_an_optimizer_each_are_one_program() -> None:
    """A generator that learns the mean of the data, and a critic: a GAN is only a pure step."""

    def gan_step(state: Any, batch: Batch, key: Any) -> Any:
        noise = jax.random.normal(key, batch.x[:, :1].shape)

        def critic_loss(critic: Any) -> Any:
            fake = state['generator'] + 0.1 * noise
            return jnp.mean(jax.nn.softplus(-critic * batch.x[:, :1])) + jnp.mean(jax.nn.softplus(critic * fake))

        def generator_loss(generator: Any) -> Any:
            return jnp.mean(jax.nn.softplus(-state['critic'] * (generator + 0.1 * noise)))

        c, critic_slope = jax.value_and_grad(critic_loss)(state['critic'])
        g, generator_slope = jax.value_and_grad(generator_loss)(state['generator'])
        moved = {
            'critic': state['critic'] - 0.1 * critic_slope,
            'generator': state['generator'] - 0.1 * generator_slope,
        }
        return moved, {'critic_loss': c, 'generator_loss': g}

    start = {'critic': np.float32(0.1), 'generator': np.float32(-3)}
    mine = Program(lambda: dict(start), gan_step)
    data = source()
    state, logs = run(compile_training(mine, start, data.layout), dict(start), data, 0, 5)
    assert set(logs) == {'critic_loss', 'generator_loss'}
    assert float(state['generator']) > -3


@pytest.mark.parametrize(('groups', 'steps'), [(1, [3]), (2, [1, 1, 1])])
def test_a_foreign_convolution_is_exchanged_or_run_step_by_step(groups: int, steps: list[int]) -> None:
    images = rng.random((20, 8, 8, 2)).astype('float32')
    targets = rng.random((20, 6, 6, 2)).astype('float32')

    def conv_step(state: Any, batch: Batch, key: Any) -> Any:
        del key

        def loss(kernel: Any) -> Any:
            out = jax.lax.conv_general_dilated(
                batch.x, kernel, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC'), feature_group_count=groups
            )
            return jnp.mean(jnp.square(out - batch.y))

        value, slope = jax.value_and_grad(loss)(state)
        return state - 0.1 * slope, {'loss': value}

    data = ResidentSource(Rows(images, targets, None), 8)
    kernel = rng.random((3, 3, 2 // groups, 2)).astype('float32')
    compiled = compile_training(Program(lambda: kernel, conv_step), kernel, data.layout)
    assert compiled.single == (groups > 1)
    assert _steps_of_a_fit(compiled, data, kernel) == steps


def _steps_of_a_fit(compiled: Stretcher, data: ResidentSource, state: Any) -> list[int]:
    """How many steps each dispatch of one epoch takes."""
    taken: list[int] = []

    def counting(*arguments: Any) -> Any:
        taken.append(int(arguments[4]))
        return compiled.run(*arguments)

    loop.fit(
        loop.Job(
            train=compiled._replace(run=counting), source=data, binding=Binding({}), state=state,
            callbacks=CallbackList(), progress=Progress(), run=NullRun(), epochs=1, key=KEY,
        )
    )  # fmt: skip
    return taken


def test_our_own_convolutions_run_in_the_loop() -> None:
    from hefted import Input, Sequential
    from hefted.layers import Conv2D, Dense, Flatten, MaxPooling2D

    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3), MaxPooling2D(), Flatten(), Dense(1)])
    model.compile('sgd', 'mse')
    model.fit(rng.random((20, 8, 8, 1)), rng.random(20), batch_size=8, verbose=0)
    trained = [held for key, held in model._compiled.items() if key[0] == 'train']
    assert len(trained) == 1
    assert not trained[0].single


def test_steps_take_as_many_at_a_time_as_last_a_fifth_of_a_second() -> None:
    pace = Pace()
    pace.learn(64, 0.064)  # a millisecond a step
    assert pace.steps == 200
    pace.learn(200, 2.0)
    assert pace.steps == 20
    pace.learn(20, 1e-9)
    assert pace.steps == 320  # no more than sixteen times longer at once


@pytest.mark.parametrize(('seconds', 'steps'), [(0.01, 20), (0.06, 4), (0.5, 4), (0.9, 2), (3.0, 1)])
def test_long_steps_are_taken_a_few_at_a_time_unless_that_is_too_long_to_wait_for(seconds: float, steps: int) -> None:
    pace = Pace()
    pace.learn(10, 10 * seconds)
    assert pace.steps == steps


@pytest.mark.parametrize('independent', [True, False], ids=['masked', 'true-sized'])
def test_a_block_may_name_its_short_batch_alone_and_hold_several(independent: bool) -> None:
    """A stream's layout says how many rows the last batch has, not how many the block."""
    mine = program(independent)
    data = ResidentSource(rows_of(X[:38], Y[:38]), 16)
    compiled = compile_training(mine, mine.init(), replace(data.layout, rows=6))
    state, logs = run(compiled, mine.init(), data, 0, 3)
    assert state['steps'] == 3
    first, _ = run(compile_training(mine, mine.init(), data.layout), mine.init(), data, 0, 3)
    np.testing.assert_array_equal(state['weights'], first['weights'])
    assert float(logs['loss']) > 0
