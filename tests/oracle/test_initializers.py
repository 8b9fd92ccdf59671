"""Initializers draw Keras's numbers, on the host."""

import jax
import keras
import numpy as np
import pytest

from hefted import initializers
from hefted.errors import ArgumentError, ShapeError, UnknownNameError
from hefted.random import SeedGenerator, host_uniform

UNIFORM = ['glorot_uniform', 'he_uniform', 'lecun_uniform', 'random_uniform']
NORMAL = ['glorot_normal', 'he_normal', 'lecun_normal', 'random_normal', 'truncated_normal', 'variance_scaling']
SHAPES = [(100, 32), (3, 3, 4, 8)]


@pytest.mark.parametrize('name', UNIFORM)
@pytest.mark.parametrize('shape', SHAPES)
def test_uniform_draws_are_kerass_bit_for_bit(name, shape):
    ours = getattr(initializers, name)(seed=1234)(shape)
    assert isinstance(ours, np.ndarray)
    assert np.array_equal(ours, getattr(keras.initializers, name)(seed=1234)(shape))


@pytest.mark.parametrize('name', NORMAL)
def test_normal_draws_are_kerass(name, shape=(3, 3, 4, 8)):
    ours = getattr(initializers, name)(seed=77)(shape)
    assert isinstance(ours, np.ndarray) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, getattr(keras.initializers, name)(seed=77)(shape), rtol=2e-6, atol=1e-6)


def test_a_million_normal_draws_reach_the_tails_as_kerass_do():
    ours = initializers.RandomNormal(stddev=1.0, seed=3)((1_000_000,))
    theirs = np.asarray(keras.initializers.RandomNormal(stddev=1.0, seed=3)((1_000_000,)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    assert ours.max() > 4.5


@pytest.mark.parametrize('shape', [(4, 6), (3, 3, 2, 5)])
def test_orthogonal_is_kerass(shape):
    theirs = keras.initializers.Orthogonal(gain=2.0, seed=5)(shape)
    np.testing.assert_allclose(initializers.Orthogonal(2.0, seed=5)(shape), theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    'scale_mode', [('fan_in', 'uniform'), ('fan_out', 'untruncated_normal'), ('fan_avg', 'normal')]
)
def test_variance_scaling_has_kerass_modes(scale_mode):
    mode, distribution = scale_mode
    arguments = {'scale': 3.0, 'mode': mode, 'distribution': distribution, 'seed': 9}
    ours, theirs = (m.VarianceScaling(**arguments)((5, 8)) for m in (initializers, keras.initializers))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('kwargs', [
    {}, {'side': 'imag', 'window': 'hamming', 'scaling': 'spectrum', 'periodic': True}, {'window': None},
    {'window': np.linspace(0, 1, 64), 'scaling': None},
])  # fmt: skip
def test_fourier_kernels_are_kerass(kwargs):
    ours, theirs = (m.STFT(**kwargs) for m in (initializers, keras.initializers))
    np.testing.assert_allclose(ours((64, 1, 129)), theirs((64, 1, 129)), atol=2e-7)
    assert str(initializers.serialize(ours)) == str(keras.initializers.serialize(theirs))


@pytest.mark.parametrize(
    'wrong', [{'side': 'left'}, {'scaling': 'power'}, {'window': 'hamster'}, {'window': np.ones(3)}], ids=str
)
def test_fourier_kernels_refuse_what_keras_refuses(wrong):
    for module in (initializers, keras.initializers):
        with pytest.raises(ValueError):
            module.STFT(**wrong)((8, 1, 5))


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_is_kerass(dtype):
    ours, theirs = (m.HeNormal(seed=3)((4, 4), dtype) for m in (initializers, keras.initializers))
    assert ours.dtype == dtype
    np.testing.assert_array_equal(np.asarray(ours, 'float32'), np.asarray(theirs, 'float32'))


def test_a_seed_generator_moves_on_and_a_seed_does_not():
    moving, still = initializers.RandomUniform(seed=SeedGenerator(3)), initializers.RandomUniform()
    assert not np.array_equal(moving((4,)), moving((4,)))
    assert np.array_equal(still((4,)), still((4,)))


def test_constants_are_kerass():
    for ours, theirs in zip(
        (initializers.Zeros(), initializers.Ones(), initializers.Constant([1.0, 2.0]), initializers.Identity(3.0)),
        (keras.initializers.Zeros(), keras.initializers.Ones(), keras.initializers.Constant([1.0, 2.0]),
         keras.initializers.Identity(3.0)),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(ours((2, 2)), theirs((2, 2)))


@pytest.mark.parametrize('name', [*UNIFORM, *NORMAL, 'zeros', 'ones', 'orthogonal'])
def test_configs_are_kerass_and_open_in_both(name):
    ours, theirs = initializers.get(name), keras.initializers.get(name)
    config = initializers.serialize(ours)
    assert config == keras.initializers.serialize(theirs)
    assert type(keras.initializers.deserialize(config)) is type(theirs)
    assert initializers.serialize(initializers.deserialize(config)) == config


def test_old_configs_without_a_module_open():
    assert isinstance(initializers.get({'class_name': 'zeros', 'config': {}}), initializers.Zeros)


def test_arrays_and_functions_are_taken():
    given = initializers.get(np.eye(2))
    np.testing.assert_array_equal(given((2, 2)), np.eye(2))
    with pytest.raises(ShapeError, match=r'\(2, 2\).*\(3,\)'):
        given((3,))


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match='glorot_uniform'):
        initializers.get('glorot_unifrom')
    with pytest.raises(ArgumentError, match='seed'):
        initializers.HeNormal(seed='seven')
    with pytest.raises(ArgumentError, match='initializer'):
        initializers.get(7)


def test_draws_of_several_blocks_equal_those_of_jax() -> None:
    """Weights are drawn by NumPy in blocks of 2**15; JAX draws them at once."""
    shape = (257, 300)
    wanted = jax.random.uniform(np.array([7, 0], np.uint32), shape, minval=-0.3, maxval=0.2)
    np.testing.assert_array_equal(host_uniform(shape, -0.3, 0.2, 7), np.asarray(wanted))
