"""Each optimizer acts on a stack of weights as on the weights by themselves."""

import jax
import numpy as np
import pytest

from hefted import constraints, optimizers
from hefted.utils.stacked import gathered, stacked
from hefted.variables import Variable, bind

GEN = np.random.default_rng(2)
SHAPES = {'kernel': (4, 3), 'bias': (3,), 'cube': (2, 3, 4)}
COUNT = 3
GRADS = [{name: GEN.normal(size=(COUNT, *shape)).astype('float32') for name, shape in SHAPES.items()} for _ in range(3)]
START = {name: GEN.normal(size=(COUNT, *shape)).astype('float32') for name, shape in SHAPES.items()}
NAMES = [
    'Adadelta', 'Adafactor', 'Adagrad', 'Adam', 'AdamW', 'Adamax', 'Ftrl', 'Lamb', 'Lion', 'Muon', 'Nadam', 'RMSprop',
    'SGD', 'ScheduleFreeAdamW',
]  # fmt: skip


def updated(optimizer, stacks, constraint=None):
    """The weights, by name, after three steps: one by one, or stacked in a compiled step."""
    rows = {n: [Variable(v, name=n) for v in START[n]] for n in SHAPES}
    for n in SHAPES:
        for i, variable in enumerate(rows[n]):
            variable.path = f'block_{i}/{n}'
            variable.constraint = constraint
    variables = [rows[n][i] for i in range(COUNT) for n in SHAPES]
    optimizer.build(variables)
    if stacks:
        assert all(stacked(rows[n]) is not None for n in SHAPES)
    weights = gathered(variables)
    assert len(weights) == (len(SHAPES) if stacks else len(variables))
    state = optimizer.stacked_variables(weights) if stacks else optimizer.variables

    def step(values, kept, grads):
        with bind(weights + state, values + kept) as scope:
            by_weight = [grads[w.name] if w.parts else grads[w.name][int(w.path[6])] for w in weights]
            optimizer.apply(by_weight, weights)
        return scope.values(weights), scope.values(state)

    values, kept = [w.held for w in weights], [v.held for v in state]
    for grads in GRADS:
        values, kept = jax.jit(step)(values, kept, grads)
    for held, value in zip(weights + state, values + kept, strict=True):
        held.hold(value)
    return {n: np.stack([v.numpy() for v in rows[n]]) for n in SHAPES}, [v.numpy() for v in optimizer.variables]


def assert_same(make, **how):
    (one, kept_one), (other, kept_other) = (updated(make(), stacks, **how) for stacks in (False, True))
    for name in SHAPES:
        np.testing.assert_allclose(other[name], one[name], rtol=2e-5, atol=1e-6, err_msg=name)
        assert np.abs(one[name] - START[name]).max() > 1e-6
    assert len(kept_one) == len(kept_other)
    for a, b in zip(kept_one, kept_other, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize('name', NAMES)
def test_an_optimizer_acts_on_each_weight_of_a_stack(name):
    assert_same(lambda: getattr(optimizers, name)(0.01))


def test_the_list_holds_every_optimizer_with_a_rule_of_its_own():
    found = {getattr(optimizers, name) for name in dir(optimizers)}
    ours = {c for c in found if isinstance(c, type) and issubclass(c, optimizers.Optimizer)}
    others = {'Optimizer', 'LossScaleOptimizer', 'MultiOptimizer', 'FromOptax'}
    assert {c.__name__ for c in ours} - others == set(NAMES)


@pytest.mark.parametrize(
    'how',
    [
        {'clipnorm': 0.5},
        {'global_clipnorm': 0.5},
        {'clipvalue': 0.1},
        {'weight_decay': 0.1},
        {'use_ema': True, 'ema_overwrite_frequency': 2},
        {'gradient_accumulation_steps': 2},
        {'loss_scale_factor': 4.0},
    ],
)
def test_what_comes_before_and_after_a_rule_is_each_weights_own(how):
    assert_same(lambda: optimizers.SGD(0.1, 0.9, **how))


def test_a_weight_left_out_of_the_decay_is_so_within_a_stack():
    def make():
        optimizer = optimizers.AdamW(0.01, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=['bias'])
        optimizer._use_weight_decay = lambda v: v.path not in ('block_1/kernel', 'block_0/bias')
        return optimizer

    assert_same(make)


def test_muon_trains_a_weight_of_a_stack_that_it_is_told_to_leave_by_adam():
    assert_same(lambda: optimizers.Muon(0.01, exclude_layers=['block_1']))


def test_a_constraint_holds_for_each_weight_of_a_stack():
    assert_same(lambda: optimizers.SGD(0.5), constraint=constraints.MaxNorm(1.0, axis=0))


def test_a_scaled_loss_and_its_overflow_are_the_same():
    assert_same(lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), initial_scale=1.0))


def test_an_optimizer_of_ones_own_is_given_each_weight_by_itself():
    class Own(optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            assert not variable.parts
            super().update_step(gradient, variable, learning_rate)

    assert not Own().takes_stacks
    assert optimizers.SGD().takes_stacks
    assert not optimizers.LossScaleOptimizer(Own()).takes_stacks
