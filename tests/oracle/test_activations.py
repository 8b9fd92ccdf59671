"""Activations have Keras's values and gradients."""

import jax
import keras
import numpy as np
import pytest

from hefted import activations
from hefted.errors import UnknownNameError

NAMES = sorted(set(keras.activations.__dict__) & activations._room._homes.keys())
ARGUMENTS = {
    'relu': [{}, {'negative_slope': 0.1}, {'max_value': 1.5, 'threshold': 0.3, 'negative_slope': 0.2},
             {'max_value': 6}, {'negative_slope': 0.3, 'max_value': 1.0}, {'threshold': 1.0}],
    'leaky_relu': [{}, {'negative_slope': 0.5}],
    'softmax': [{}, {'axis': 0}, {'axis': [0, 1]}],
    'log_softmax': [{}, {'axis': 0}],
    'sparsemax': [{}, {'axis': 0}],
    'elu': [{}, {'alpha': 2.0}],
    'celu': [{}, {'alpha': 2.0}],
    'squareplus': [{}, {'b': 1}],
    'soft_shrink': [{}, {'threshold': 1.0}],
    'hard_shrink': [{}, {'threshold': 1.0}],
    'gelu': [{}, {'approximate': True}],
    'glu': [{}, {'axis': 0}],
    'threshold': [{'threshold': 0.3, 'default_value': -2.0}],
}  # fmt: skip
CASES = [(name, kwargs) for name in NAMES for kwargs in ARGUMENTS.get(name, [{}])]


@pytest.mark.parametrize(('name', 'kwargs'), CASES)
def test_value_and_gradient_are_kerass(name, kwargs):
    x = np.random.default_rng(0).normal(0, 2, (4, 6)).astype('float32')
    x[0, :3] = [0.0, -0.0, 6.0]
    (ours, ours_vjp), (theirs, theirs_vjp) = (
        jax.jit(lambda v, f=f: (f(v, **kwargs), jax.grad(lambda u: (f(u, **kwargs) ** 2).sum())(v)))(x)
        for f in (getattr(activations, name), getattr(keras.activations, name))
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours_vjp, theirs_vjp, rtol=1e-5, atol=1e-5)


def test_every_activation_of_keras_is_here():
    theirs = {name for name in keras.activations.__dict__ if not name.startswith('_')}
    assert theirs - {'get', 'serialize', 'deserialize'} <= set(dir(activations))


@pytest.mark.parametrize('name', ['relu', 'swish', 'gelu'])
def test_names_go_there_and_back_as_kerass_do(name):
    assert activations.serialize(activations.get(name)) == keras.activations.serialize(keras.activations.get(name))
    assert activations.deserialize(activations.serialize(activations.get(name))) is activations.get(name)


def test_none_is_linear_and_functions_stay():
    assert activations.get(None) is activations.linear
    assert activations.get(np.sin) is np.sin
    assert activations.is_builtin(activations.relu) and not activations.is_builtin(np.sin)


def test_relu_keeps_nan():
    assert np.isnan(activations.relu(np.float32(np.nan)))


def test_an_unknown_name_is_told_its_neighbours():
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        activations.get('rellu')
