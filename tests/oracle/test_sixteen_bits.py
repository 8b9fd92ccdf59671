"""Weights and losses in bfloat16 and float16, without mixed precision: as in Keras."""

import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).normal(size=(64, 3)).astype('float32')
Y = X.sum(1, keepdims=True)
OPTIMIZERS = {
    'SGD': {'momentum': 0.9, 'nesterov': True}, 'RMSprop': {'centered': True}, 'Adam': {'clipnorm': 0.5},
    'AdamW': {'weight_decay': 0.05}, 'Lamb': {}, 'Adagrad': {}, 'Lion': {}, 'Ftrl': {}, 'Adafactor': {}, 'Muon': {},
    'Adamax': {'gradient_accumulation_steps': 2}, 'Adadelta': {'use_ema': True},
}  # fmt: skip
LOSSES = (
    'MeanSquaredError', 'MeanAbsoluteError', 'Huber', 'LogCosh', 'Poisson', 'KLDivergence', 'BinaryCrossentropy',
    'CategoricalCrossentropy', 'SquaredHinge', 'Tversky',
)  # fmt: skip


def trained(library, optimizer, dtype):
    layers = library.layers
    model = library.Sequential(
        [layers.Input((3,)), *(layers.Dense(n, kernel_initializer='ones', dtype=dtype) for n in (4, 1))]
    )
    model.compile(optimizer, 'mse')
    model.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    return [np.asarray(weight, 'float32') for weight in model.get_weights()]


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('name', OPTIMIZERS)
def test_weights_of_sixteen_bits_are_trained(name, dtype):
    """Adam's beta_2 of 0.999 is 1 in bfloat16, so that it stands still; in Keras, too."""
    of_keras = keras.src.optimizers.lamb.Lamb if name == 'Lamb' else getattr(keras.optimizers, name)
    arguments = {'learning_rate': 0.05, **OPTIMIZERS[name]}
    ours = trained(hefted, getattr(hefted.optimizers, name)(**arguments), dtype)
    theirs = trained(keras, of_keras(**arguments), dtype)
    for mine, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, their, rtol=0.02, atol=0.02)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('name', LOSSES)
def test_losses_of_sixteen_bits(name, dtype):
    true, predicted, weight = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.1, 0.9], [0.3, 0.7]]), np.array([1, 3.0])
    ours, theirs = (getattr(library.losses, name)(dtype=dtype) for library in (hefted, keras))
    for given in ((true, predicted), (true, predicted, weight)):
        assert float(ours(*given)) == pytest.approx(float(theirs(*given)), rel=0.01)
