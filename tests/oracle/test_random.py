"""The same seed draws the same bits as Keras on JAX."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import hefted
from hefted import random

X = jnp.arange(24, dtype='float32').reshape(4, 6)
DRAWS = [
    ('normal', ((3, 4),), {'mean': 2.0, 'stddev': 0.5}), ('normal', ([5],), {'dtype': 'bfloat16'}),
    ('truncated_normal', ((40,),), {'stddev': 3.0}), ('uniform', ((3, 4),), {'minval': -2, 'maxval': 5}),
    ('uniform', ((7,),), {'dtype': 'float16'}), ('randint', ((9,), -3, 12), {}),
    ('randint', ((9,), 0, 200), {'dtype': 'uint8'}), ('categorical', (jnp.log1p(X), 5), {}),
    ('categorical', (X, 3), {'dtype': 'int8'}), ('gamma', ((6,), 1.5), {}), ('beta', ((4, 2), [2.0, 0.5], 3.0), {}),
    ('binomial', ((8,), 10, 0.3), {}), ('binomial', ((2, 3), [3, 5, 9], [0.1, 0.5, 0.9]), {'dtype': 'float16'}),
    ('shuffle', (X,), {}), ('shuffle', (X,), {'axis': 1}), ('dropout', (X, 0.4), {}), ('dropout', (X, 0.0), {}),
    ('dropout', (X, 1.0), {}), ('dropout', (X, 0.4), {'noise_shape': (None, 1)}),
]  # fmt: skip
IDS = [f'{i}-{name}' for i, (name, _, _) in enumerate(DRAWS)]


@pytest.mark.parametrize(('name', 'args', 'kwargs'), DRAWS, ids=IDS)
def test_draws_are_kerass(name, args, kwargs):
    key = jax.random.PRNGKey(3)
    for ours, theirs in ((2**31 + 5, 2**31 + 5), (key, key), (random.SeedGenerator(5), keras.random.SeedGenerator(5))):
        for _ in range(2):
            mine = np.asarray(getattr(random, name)(*args, **kwargs, seed=ours))
            other = np.asarray(getattr(keras.random, name)(*args, **kwargs, seed=theirs))
            assert mine.dtype == other.dtype
            np.testing.assert_array_equal(mine.astype('float32'), other.astype('float32'))


def test_unseeded_draws_follow_set_random_seed_as_kerass_do():
    hefted.utils.set_random_seed(11)
    ours = [np.asarray(random.normal((3,))) for _ in range(4)]
    keras.utils.set_random_seed(11)
    theirs = [np.asarray(keras.random.normal((3,))) for _ in range(4)]
    np.testing.assert_array_equal(ours, theirs)


def test_a_generator_keeps_its_config_and_counts_its_name():
    generator = random.SeedGenerator(3, name='mine')
    assert generator.get_config() == keras.random.SeedGenerator(3, name='mine').get_config()
    assert generator.state.path == keras.random.SeedGenerator(3, name='mine').state.path
    assert random.SeedGenerator.from_config(generator.get_config()).get_config() == generator.get_config()
    keys = [np.asarray(generator.next(ordered=False)).tolist() for _ in range(3)]
    other = keras.random.SeedGenerator(3)
    assert keys == [np.asarray(other.next(ordered=False)).tolist() for _ in range(3)]


@pytest.mark.parametrize(
    'wrong',
    [
        lambda r: r.uniform((2,), dtype='int32'), lambda r: r.randint((2,), 0, 3, dtype='float32'),
        lambda r: r.categorical(np.zeros(3), 2), lambda r: r.normal((2,), seed='x'), lambda r: r.SeedGenerator(1.5),
        lambda r: jax.jit(lambda: r.normal((2,)))(),
    ],
)  # fmt: skip
def test_mistakes_are_value_errors_for_both(wrong):
    for module in (random, keras.random):
        with pytest.raises(ValueError):
            wrong(module)
