"""Small layers in a training with a short last batch: Keras's curves, whatever is drawn and masked."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(14)
X = rng.standard_normal((70, 6)).astype('float32')
Y = (X.sum(1, keepdims=True) > 0).astype('float32')


def noisy(kind: Any, x: Any) -> Any:
    x = kind.GaussianNoise(0.1, seed=1)(x)
    x = kind.PReLU()(kind.Dense(8)(x))
    x = kind.GaussianDropout(0.2, seed=2)(x)
    x = kind.AlphaDropout(0.2, seed=3)(kind.Dense(8, activation='selu')(x))
    return kind.SpatialDropout1D(0.3, seed=4)(kind.Reshape((4, 2))(x))


def merged(kind: Any, x: Any) -> Any:
    a, b = kind.Dense(4)(x), kind.ELU()(kind.Dense(4)(x))
    sums = kind.add([a, b]), kind.multiply([a, b]), kind.maximum([a, b]), kind.Subtract()([a, b])
    return kind.Dot(axes=1)([kind.RepeatVector(3)(kind.concatenate(sums)), kind.Reshape((3, 2))(x)])


def regularized(kind: Any, x: Any) -> Any:
    x = kind.Rescaling(0.5, offset=0.1)(x)
    x = kind.ActivityRegularization(l1=0.01, l2=0.02)(kind.Dense(6, activation='tanh')(x))
    return kind.Softmax(axis=[1, 2])(kind.Permute((2, 1))(kind.Reshape((3, -1))(x)))


@pytest.mark.parametrize('body', [noisy, merged, regularized])
def test_curves_are_keras_s(body: Any) -> None:
    models = []
    for backend in (keras, hefted):
        inputs = backend.Input((6,))
        x = backend.layers.Flatten()(body(backend.layers, inputs))
        models.append(backend.Model(inputs, backend.layers.Dense(1, activation='sigmoid')(x)))
    models[1].set_weights(models[0].get_weights())
    curves = []
    for model in models:
        model.compile('rmsprop', 'binary_crossentropy', metrics=['accuracy'])
        curves.append(model.fit(X, Y, batch_size=16, epochs=4, shuffle=False, verbose=0).history)
    for name, wanted in curves[0].items():
        np.testing.assert_allclose(curves[1][name], wanted, rtol=1e-4, atol=1e-5, err_msg=name)
