"""Any Optax transformation trains, with its state in the optimizer's variables."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hefted import optimizers
from hefted.callbacks import LearningRateScheduler
from hefted.layers import Dense, Input
from hefted.models import Sequential
from hefted.utils import set_random_seed
from hefted.utils.naming import name_scope
from hefted.variables import Variable

optax = pytest.importorskip('optax')

RNG = np.random.default_rng(3)
START = [RNG.normal(size=(3, 4)).astype('float32'), RNG.normal(size=4).astype('float32')]
GRADS = [[RNG.normal(0, 2, w.shape).astype('float32') for w in START] for _ in range(4)]
X, Y = RNG.normal(size=(40, 3)).astype('float32'), RNG.normal(size=(40, 1)).astype('float32')
TRANSFORMATIONS = {
    'sgd': lambda: optax.sgd(0.1),
    'adamw': lambda: optax.adamw(1e-2),
    'chain': lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.add_decayed_weights(0.01), optax.lion(1e-2)),
    'schedule': lambda: optax.adam(optax.cosine_decay_schedule(0.1, 10)),
    'injected': lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.05),
    'masked': lambda: optax.masked(optax.adam(1e-2), lambda params: [p.ndim == 2 for p in params]),
    'many steps': lambda: optax.MultiSteps(optax.adam(1e-2), 2).gradient_transformation(),
    'noise': lambda: optax.chain(optax.add_noise(0.1, 0.5, 7), optax.scale(-0.1)),
}


def variables():
    with name_scope('dense'):
        return [Variable(w, name=name) for w, name in zip(START, ('kernel', 'bias'), strict=True)]


def by_optax(transformation):
    weights = [jnp.asarray(w) for w in START]
    state = transformation.init(weights)
    for grads in GRADS:
        moves, state = transformation.update(grads, state, weights)
        weights = optax.apply_updates(weights, moves)
    return weights, jax.tree.leaves(state)


@pytest.mark.parametrize('name', TRANSFORMATIONS)
def test_steps_are_optax_s_own(name):
    optimizer, weights = optimizers.get(TRANSFORMATIONS[name]()), variables()
    optimizer.build(weights)
    for grads in GRADS:
        optimizer.apply(grads)
    expected, state = by_optax(TRANSFORMATIONS[name]())
    for mine, theirs in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)
    assert len(optimizer.variables) == 1 + len(state)
    for mine, theirs in zip(optimizer.variables[1:], state, strict=True):
        theirs = jax.random.key_data(theirs) if theirs.dtype.name == 'key<fry>' else theirs
        np.testing.assert_allclose(np.asarray(mine), theirs, rtol=1e-4, atol=1e-6)


def model_for(optimizer):
    set_random_seed(3)
    model = Sequential([Input((3,)), Dense(4, 'tanh'), Dense(1)])
    model.compile(optimizer, 'mse')
    return model


def test_fit_trains_as_with_the_rule_of_ours():
    histories = [
        model_for(optimizer).fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0).history['loss']
        for optimizer in (optax.adam(0.01, eps=1e-7), optimizers.Adam(0.01))
    ]
    np.testing.assert_allclose(*histories, rtol=1e-3)


def test_a_checkpoint_holds_its_state(tmp_path):
    kwargs = {'batch_size': 16, 'shuffle': False, 'verbose': 0}
    whole, first, second = (model_for(optax.adam(0.05)) for _ in range(3))
    whole.fit(X, Y, epochs=4, **kwargs)
    first.fit(X, Y, epochs=2, **kwargs)
    store = {}
    first.optimizer.save_own_variables(store)
    second.optimizer.build(second.trainable_variables)
    second.optimizer.load_own_variables(store)
    second.set_weights(first.get_weights())
    second.fit(X, Y, epochs=2, **kwargs)
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match='What compile was told is not saved'):
        first.save(tmp_path / 'model.keras')


def test_an_injected_learning_rate_is_read_and_set():
    model = model_for(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5))
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])
    assert history.history['learning_rate'] == pytest.approx([0.1, 0.05])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    hidden = optimizers.get(optax.sgd(0.5))
    hidden.build(variables())
    with pytest.raises(AttributeError, match='inject_hyperparams'):
        float(hidden.learning_rate)


def test_what_all_optimizers_share_works_around_it():
    ours = optimizers.FromOptax(optax.sgd(0.1), clipnorm=1.0, loss_scale_factor=4.0, use_ema=True, ema_momentum=0.5)
    plain = optimizers.SGD(0.1, clipnorm=1.0, loss_scale_factor=4.0, use_ema=True, ema_momentum=0.5)
    results = []
    for optimizer in (ours, plain):
        weights = variables()
        optimizer.build(weights)
        for grads in GRADS:
            optimizer.apply(grads)
        optimizer.finalize_variable_values(weights)
        results.append([np.asarray(w) for w in weights])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_weight_without_a_gradient_stays():
    optimizer, weights = optimizers.get(optax.sgd(0.1)), variables()
    optimizer.build(weights)
    with pytest.warns(UserWarning, match='dense/bias'):
        optimizer.apply([GRADS[0][0], None])
    np.testing.assert_array_equal(weights[1], START[1])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match='GradientTransformation'):
        optimizers.FromOptax('adam')
    with pytest.raises(ValueError, match='add_decayed_weights'):
        optimizers.FromOptax(optax.sgd(0.1), weight_decay=0.1)
    with pytest.raises(ValueError, match='optimizer'):
        optimizers.get(optax.sgd)


def test_hefted_does_not_import_it():
    code = 'import sys, hefted.optimizers.from_optax, hefted.models; sys.exit("optax" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
