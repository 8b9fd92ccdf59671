"""Optimizers update as Keras's do, keep the same state, and write the same configs."""

import re

import jax
import keras
import numpy as np
import pytest

from hefted import optimizers
from hefted.errors import ArgumentError, NotBuiltError, ShapeError, UnknownNameError
from hefted.utils.naming import name_scope
from hefted.variables import Variable

RNG = np.random.default_rng(3)
START = [RNG.normal(size=(3, 4)).astype('float32'), RNG.normal(size=4).astype('float32')]
GRADS = [[RNG.normal(0, 2, w.shape).astype('float32') for w in START] for _ in range(5)]
ALL = ['SGD', 'RMSprop', 'Adam', 'AdamW', 'Adamax', 'Nadam', 'Lamb', 'Adagrad', 'Adadelta', 'Lion', 'Ftrl', 'Adafactor']
THEIRS = {**vars(keras.optimizers)}
RULES = [
    *((name, {}) for name in ALL),
    ('SGD', {'momentum': 0.9}), ('SGD', {'momentum': 0.9, 'nesterov': True}), ('RMSprop', {'momentum': 0.5}),
    ('RMSprop', {'centered': True, 'rho': 0.8}), ('RMSprop', {'centered': True, 'momentum': 0.3}),
    ('Adam', {'amsgrad': True, 'learning_rate': 0.1}), ('Lion', {'weight_decay': 0.1, 'learning_rate': 0.01}),
    ('Ftrl', {'l1_regularization_strength': 0.01, 'l2_regularization_strength': 0.02, 'beta': 0.1,
              'l2_shrinkage_regularization_strength': 0.03, 'learning_rate': 0.1}),
    ('Muon', {}), ('Muon', {'nesterov': False, 'rms_rate': None, 'ns_steps': 3, 'adam_lr_ratio': 0.1}),
    ('Muon', {'exclude_layers': ['kern'], 'adam_weight_decay': None, 'learning_rate': 0.1}),
    ('ScheduleFreeAdamW', {}),
    ('ScheduleFreeAdamW', {'warmup_steps': 3, 'learning_rate': 0.1, 'weight_decay': 0.01, 'beta_1': 0.7}),
    ('Adafactor', {'learning_rate': 0.5, 'clip_threshold': 0.3}), ('Adadelta', {'learning_rate': 1.0}),
]  # fmt: skip
SHARED = [
    {'clipnorm': 0.5}, {'clipvalue': 0.3}, {'global_clipnorm': 1.0}, {'weight_decay': 0.05},
    {'use_ema': True, 'ema_momentum': 0.7, 'ema_overwrite_frequency': 2}, {'loss_scale_factor': 8.0},
    {'gradient_accumulation_steps': 2}, {'gradient_accumulation_steps': 2, 'use_ema': True, 'clipnorm': 1.0},
]  # fmt: skip


def our_variables(constraint=None):
    with name_scope('dense'):
        made = [Variable(w, name=name) for w, name in zip(START, ('kernel', 'bias'), strict=True)]
    made[0].constraint = constraint
    return made


def keras_variables(constraint=None):
    made = [keras.Variable(w, name=name) for w, name in zip(START, ('kernel', 'bias'), strict=True)]
    for variable in made:
        variable._path = f'dense/{variable.name}'
    made[0].constraint = constraint
    return made


def trained(optimizer, variables, grads=GRADS):
    """The weights after steps, and the optimizer's state: a pure function of the gradients."""
    optimizer.build(variables)
    state = [np.asarray(v.value) for v in optimizer.variables], [np.asarray(v.value) for v in variables]

    def step(state, gradient):
        weights, slots = optimizer.stateless_apply(state[0], gradient, state[1])
        return (slots, weights), None

    stacked = [np.stack(of_one) for of_one in zip(*grads, strict=True)]
    return lambda: jax.lax.scan(step, jax.tree.map(jax.numpy.asarray, state), stacked)[0]


def keras_optimizer(name, kwargs):
    if name == 'Lamb':
        from keras.src.optimizers.lamb import Lamb

        return Lamb(**kwargs)
    return THEIRS[name](**kwargs)


def assert_same_training(ours, theirs, constraints=(None, None), grads=GRADS, atol=1e-6):
    mine = trained(ours, our_variables(constraints[0]), grads)
    other = trained(theirs, keras_variables(constraints[1]), grads)
    got, expected = jax.jit(lambda: (mine(), other()))()
    for mine, other in zip(got, expected, strict=True):
        assert len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=atol)


@pytest.mark.parametrize(('name', 'kwargs'), RULES, ids=str)
def test_five_steps_are_kerass(name, kwargs):
    atol = 1e-5 if name == 'ScheduleFreeAdamW' else 1e-6  # it subtracts and divides to find the mean again
    assert_same_training(getattr(optimizers, name)(**kwargs), keras_optimizer(name, kwargs), atol=atol)


@pytest.mark.parametrize('kwargs', SHARED, ids=str)
@pytest.mark.parametrize('name', ['RMSprop', 'Adam'])
def test_what_all_optimizers_share_is_kerass(name, kwargs):
    assert_same_training(getattr(optimizers, name)(**kwargs), keras_optimizer(name, kwargs))


def test_constraints_are_applied_after_the_update():
    from hefted.constraints import MaxNorm

    pair = MaxNorm(0.7), keras.constraints.MaxNorm(0.7)
    assert_same_training(optimizers.SGD(0.1), keras.optimizers.SGD(0.1), pair)


def test_a_loss_scale_halves_at_an_overflow_and_doubles_after_a_while():
    grads = [*GRADS[:2], [GRADS[2][0] * np.nan, GRADS[2][1]], *GRADS[3:], *GRADS[:1]]
    ours = optimizers.LossScaleOptimizer(optimizers.Adam(), initial_scale=64.0, dynamic_growth_steps=2)
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=64.0, dynamic_growth_steps=2)
    assert_same_training(ours, theirs, grads=grads)
    assert float(ours.scale_loss(np.float32(2.0))) == 128.0


@pytest.mark.parametrize(('name', 'kwargs'), RULES, ids=str)
def several(module, **kwargs):
    inner = module.OptimizerMap(module.SGD(0.1, momentum=0.5), {'dense/bia.': module.Adam(0.01)})
    return module.MultiOptimizer(inner, name='several', **kwargs)


@pytest.mark.parametrize('kwargs', [{}, {'loss_scale_factor': 4.0}], ids=str)
def test_several_optimizers_each_train_their_own_weights(kwargs):
    assert_same_training(several(optimizers, **kwargs), several(keras.optimizers, **kwargs))


def test_several_optimizers_have_kerass_state_and_config():
    ours, theirs = several(optimizers), several(keras.optimizers)
    ours.build(our_variables())
    theirs.build(keras_variables())
    unnumbered = [[re.sub(r'_\d+/', '/', v.path) for v in o.variables] for o in (ours, theirs)]
    assert unnumbered[0] == unnumbered[1]
    config, other = (m.serialize(o) for m, o in ((optimizers, ours), (keras.optimizers, theirs)))
    assert re.sub(r'(sgd|adam)_\d+', r'\1', str(config)) == re.sub(r'(sgd|adam)_\d+', r'\1', str(other))
    again = optimizers.deserialize(other)
    again.build(our_variables())
    assert [type(o).__name__ for o in again.optimizers] == ['Adam', 'SGD']
    again.set_weights([v.numpy() for v in ours.variables])
    for read in (lambda o: o.learning_rate, lambda o: setattr(o, 'learning_rate', 1.0)):
        for optimizer in (ours, theirs):
            with pytest.raises(AttributeError, match='optimizers'):
                read(optimizer)


def test_a_function_may_choose_the_optimizer():
    adam, sgd = optimizers.Adam(0.1), optimizers.SGD(0.1)
    chosen = optimizers.MultiOptimizer(lambda v: adam if v.name == 'bias' else sgd)
    variables = our_variables()
    chosen.apply(GRADS[0], variables)
    np.testing.assert_allclose(variables[0], START[0] - 0.1 * GRADS[0][0], rtol=1e-6)
    np.testing.assert_allclose(variables[1], START[1] - 0.1 * np.sign(GRADS[0][1]), rtol=1e-5)
    assert (int(adam.iterations), int(chosen.iterations)) == (1, 1)


@pytest.mark.parametrize(
    ('kind', 'wrong'),
    [
        (TypeError, lambda m: m.OptimizerMap('adam')), (TypeError, lambda m: m.OptimizerMap(m.SGD(), [1])),
        (ValueError, lambda m: m.OptimizerMap(m.SGD()).update({'a': 3})),
        (ValueError, lambda m: m.OptimizerMap(m.SGD()).update({'a': m.LossScaleOptimizer(m.SGD())})),
        (ValueError, lambda m: m.OptimizerMap(m.SGD(), {'a': m.SGD()}).update({'a': m.SGD()})),
        (ValueError, lambda m: m.OptimizerMap(m.SGD(), {'a.': m.SGD(), '.b': m.SGD()})['ab']),
    ],
)  # fmt: skip
def test_maps_refuse_what_keras_refuses(kind, wrong):
    for module in (optimizers, keras.optimizers):
        with pytest.raises(kind):
            wrong(module)


@pytest.mark.parametrize(('name', 'kwargs'), RULES, ids=str)
def test_state_has_kerass_names_in_kerass_order(name, kwargs):
    ours, theirs = getattr(optimizers, name)(**kwargs, name='it'), keras_optimizer(name, {**kwargs, 'name': 'it'})
    ours.build(our_variables())
    theirs.build(keras_variables())
    mine, other = [v.path for v in ours.variables], [v.path for v in theirs.variables]
    if name == 'Nadam':
        mine, other = mine[:-1], other[:-1]  # an unnamed product, numbered as it comes
    assert mine == other


@pytest.mark.parametrize(('name', 'kwargs'), [case for case in RULES if case[0] != 'Lamb'], ids=str)
def test_configs_are_kerass_and_open_in_both(name, kwargs):
    kwargs = {**kwargs, 'name': 'it', 'clipnorm': 1.0}
    ours, theirs = getattr(optimizers, name)(**kwargs), keras_optimizer(name, kwargs)
    config = optimizers.serialize(ours)
    other = keras.optimizers.serialize(theirs)
    assert config == other
    assert type(keras.optimizers.deserialize(dict(config))) is type(theirs)
    assert optimizers.serialize(optimizers.deserialize(other)) == config


def test_shared_arguments_may_be_given_by_position_as_in_keras():
    ours = optimizers.RMSprop(0.01, 0.8, 0.1, 1e-6, True, 0.02, 1.5, name='it')
    theirs = keras.optimizers.RMSprop(0.01, 0.8, 0.1, 1e-6, True, 0.02, 1.5, name='it')
    assert ours.get_config() == theirs.get_config()
    assert optimizers.AdamW(0.01, 0.2).get_config()['weight_decay'] == 0.2


SCHEDULES = [
    ('ExponentialDecay', (0.1, 4, 0.5), {}), ('ExponentialDecay', (0.1, 4, 0.5), {'staircase': True}),
    ('InverseTimeDecay', (0.1, 4, 0.5), {}), ('InverseTimeDecay', (0.1, 4, 0.5), {'staircase': True}),
    ('PolynomialDecay', (0.1, 5), {'power': 2.0}), ('PolynomialDecay', (0.1, 5), {'cycle': True}),
    ('PiecewiseConstantDecay', ([2, 5, 9], [0.1, 0.05, 0.02, 0.01]), {}),
    ('CosineDecay', (0.1, 8), {'alpha': 0.1}),
    ('CosineDecay', (0.01, 8), {'warmup_target': 0.1, 'warmup_steps': 3}),
    ('CosineDecayRestarts', (0.1, 4), {'m_mul': 0.7, 'alpha': 0.01}), ('CosineDecayRestarts', (0.1, 4), {'t_mul': 1.0}),
]  # fmt: skip


@pytest.mark.parametrize(('name', 'args', 'kwargs'), SCHEDULES, ids=str)
def test_schedules_are_kerass(name, args, kwargs):
    ours = getattr(optimizers.schedules, name)(*args, **kwargs)
    theirs = getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    rates = jax.jit(lambda step: (ours(step), theirs(step)))
    for step in (0, 1, 2, 3, 5, 7, 9, 13):
        np.testing.assert_allclose(*rates(step), rtol=2e-6, atol=1e-8)
    config = optimizers.schedules.serialize(ours)
    assert config == keras.optimizers.schedules.serialize(theirs)
    assert optimizers.schedules.deserialize(config).get_config() == ours.get_config()


def test_a_schedule_is_followed_as_keras_follows_it():
    ours, theirs = (m.SGD(m.schedules.ExponentialDecay(0.1, 1, 0.5)) for m in (optimizers, keras.optimizers))
    assert_same_training(ours, theirs)
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert float(again.learning_rate) == pytest.approx(0.1)
    with pytest.raises(TypeError, match='schedule'):
        ours.learning_rate = 0.3


def test_outside_a_step_apply_changes_the_variables_themselves():
    optimizer, variables = optimizers.SGD(0.5), our_variables()
    optimizer.apply_gradients(zip(GRADS[0], variables, strict=True))
    np.testing.assert_allclose(variables[0], START[0] - 0.5 * GRADS[0][0], rtol=1e-6)
    assert int(optimizer.iterations) == 1
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25


def test_averages_become_the_weights_at_the_end():
    ours, theirs = (m.SGD(0.1, use_ema=True, ema_momentum=0.5) for m in (optimizers, keras.optimizers))
    results = []
    for optimizer, variables in ((ours, our_variables()), (theirs, keras_variables())):
        optimizer.build(variables)
        for gradient in GRADS[:3]:
            optimizer.apply(gradient)
        optimizer.finalize_variable_values(variables)
        results.append([np.asarray(v.value) for v in variables])
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_excluded_weights_do_not_decay():
    optimizer, variables = optimizers.SGD(0.1, weight_decay=0.5), our_variables()
    optimizer.exclude_from_weight_decay(var_names=['bias'])
    optimizer.build(variables)
    optimizer.apply([g * 0 for g in GRADS[0]])
    np.testing.assert_allclose(variables[0], START[0] * 0.95, rtol=1e-6)
    np.testing.assert_array_equal(variables[1], START[1])


def test_an_optimizer_written_for_keras_runs():
    class Momentum(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.momentums = [self.add_variable_from_reference(v, 'momentum') for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, m * 0.9 - gradient * learning_rate)
            self.assign_add(variable, m)

    assert_same_training(Momentum(0.01), keras.optimizers.SGD(0.01, momentum=0.9))


def test_slots_wait_on_the_host():
    optimizer = optimizers.Adam()
    optimizer.build(our_variables())
    assert all(isinstance(v.held, np.ndarray) for v in optimizer.variables)


def test_state_is_saved_and_loaded():
    first, store = optimizers.Adam(), {}
    first.apply(GRADS[0], our_variables())
    first.save_own_variables(store)
    second = optimizers.Adam()
    second.build(our_variables())
    second.load_own_variables(store)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match='Expected 4 variables'):
        optimizer = optimizers.RMSprop()
        optimizer.build(our_variables())
        optimizer.load_own_variables(store)


def test_missing_gradients_are_told():
    optimizer = optimizers.SGD(1.0)
    variables = our_variables()
    optimizer.build(variables)
    with pytest.warns(UserWarning, match='dense/bias'):
        optimizer.apply([GRADS[0][0], None])
    np.testing.assert_array_equal(variables[1], START[1])
    with pytest.raises(ArgumentError, match='received none'):
        optimizer.apply([None, None])


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'adam'"):
        optimizers.get('adamm')
    assert isinstance(optimizers.get('RMSProp'), optimizers.RMSprop)
    with pytest.raises(ArgumentError, match='Write, for example'):
        optimizers.get(lambda: None)
    with pytest.raises(ArgumentError, match='clipvalue'):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ArgumentError, match='learning_rate'):
        optimizers.SGD('fast')
    with pytest.raises(NotBuiltError, match='build'):
        optimizers.SGD().apply(GRADS[0])
    built = optimizers.SGD()
    built.build(our_variables())
    with pytest.raises(ShapeError, match='Expected 2 gradients'):
        built.apply(GRADS[0][:1])
    with pytest.raises(ArgumentError, match='Make a new optimizer'):
        built.apply(GRADS[0], our_variables())
