"""Normalization as Keras's, over drawn configurations."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
import pytest

import hefted

from .alike import assert_alike, plain, rng

LAYERS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ('LayerNormalization', {}, (4, 5)),
    ('LayerNormalization', {'axis': [1, 2], 'epsilon': 1e-5}, (3, 4, 5)),
    ('LayerNormalization', {'axis': (-1, 1), 'center': False}, (3, 4, 2, 5)),
    ('LayerNormalization', {'axis': 1, 'scale': False, 'beta_regularizer': 'l2'}, (3, 4, 5)),
    ('LayerNormalization', {'gamma_regularizer': 'l1', 'gamma_constraint': 'non_neg'}, (3, 4, 5)),
    ('LayerNormalization', {'dtype': 'mixed_bfloat16'}, (3, 4, 5)),
    ('LayerNormalization', {'rms_scaling': True}, (3, 4, 5)),
    ('GroupNormalization', {'groups': 2}, (3, 4, 6)),
    ('GroupNormalization', {'groups': -1, 'axis': 1, 'center': False}, (3, 4, 6)),
    ('GroupNormalization', {'groups': 1, 'axis': -2, 'scale': False}, (3, 4, 6, 2)),
    ('GroupNormalization', {'groups': 3, 'dtype': 'mixed_bfloat16'}, (3, 4, 4, 6)),
    ('GroupNormalization', {'groups': 2, 'gamma_initializer': 'zeros', 'beta_constraint': 'unit_norm'}, (3, 4)),
    ('RMSNormalization', {}, (3, 4, 5)),
    ('RMSNormalization', {'axis': [2, 1], 'epsilon': 1e-3}, (3, 4, 5)),
    ('RMSNormalization', {'axis': 2, 'dtype': 'mixed_bfloat16'}, (3, 4, 5)),
    ('UnitNormalization', {}, (3, 4, 5)),
    ('UnitNormalization', {'axis': [1, 2]}, (3, 4, 5)),
    ('UnitNormalization', {'axis': 1, 'dtype': 'mixed_bfloat16'}, (3, 4)),
]


@pytest.mark.filterwarnings('ignore:rms_scaling=True', 'ignore:You passed `rms_scaling')
@pytest.mark.parametrize('number', range(len(LAYERS)))
def test_normalization(number: int) -> None:
    name, arguments, shape = LAYERS[number]
    assert_alike(name, arguments, (shape,), tolerance=2e-5)


BATCH: list[dict[str, Any]] = [
    {},
    {'axis': 1, 'scale': False, 'momentum': 0.9},
    {'renorm': True, 'momentum': 0.8},
    {'renorm': True, 'renorm_clipping': {'rmax': 1.1, 'rmin': 0.9, 'dmax': 0.1}, 'renorm_momentum': 0.7},
    {'renorm': True, 'scale': False, 'center': False},
    {'dtype': 'mixed_bfloat16', 'renorm': True},
]


@pytest.mark.parametrize('number', range(len(BATCH)))
@pytest.mark.parametrize('training', [True, False])
def test_batch_normalization(number: int, training: bool) -> None:
    assert_alike('BatchNormalization', BATCH[number], ((6, 4, 3),), {'training': training}, tolerance=5e-5)


@pytest.mark.parametrize('renorm', [False, True])
def test_masked_steps_are_no_part_of_a_batch_s_statistics(renorm: bool) -> None:
    x, mask = rng.standard_normal((6, 4, 3)).astype('float32'), rng.random((6, 4)) < 0.6
    made = []
    for kind in (keras, hefted):
        layer = kind.layers.BatchNormalization(renorm=renorm, momentum=0.7)
        for training in (True, True, False):
            outputs = layer(jax.numpy.array(x), training=training, mask=jax.numpy.array(mask))
        made.append([np.asarray(outputs), *layer.get_weights()])
    for theirs, ours in zip(*made, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    with pytest.raises(ValueError, match='one axis less'):
        hefted.layers.BatchNormalization()(x, mask=jax.numpy.array(mask[:, 0]))


def test_padding_rows_and_masked_steps_are_left_out_together() -> None:
    x, mask = rng.standard_normal((6, 4, 3)).astype('float32'), rng.random((6, 4)) < 0.6
    short, padded = (hefted.layers.BatchNormalization() for _ in range(2))
    wanted = short(jax.numpy.array(x[:4]), training=True, mask=jax.numpy.array(mask[:4]))
    rows = jax.numpy.array([1, 1, 1, 1, 0, 0], 'float32')
    with hefted.layers.layer.calling(True, rows):
        got = padded(jax.numpy.array(x), training=True, mask=jax.numpy.array(mask))
    np.testing.assert_allclose(np.asarray(got)[:4], np.asarray(wanted), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(padded.get_weights()[3], short.get_weights()[3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('inner', ['Dense', 'Embedding'])
def test_spectral_normalization(inner: str) -> None:
    arguments = {'units': 3} if inner == 'Dense' else {'input_dim': 5, 'output_dim': 3}
    x = rng.standard_normal((4, 5)).astype('float32') if inner == 'Dense' else rng.integers(0, 5, (4, 2))
    made = []
    for kind in (keras, hefted):
        wrapped = getattr(kind.layers, inner)(**arguments, name='inner')
        layer = kind.layers.SpectralNormalization(wrapped, power_iterations=2, name='it')
        layer(x)
        made.append(layer)
    theirs, ours = made
    ours.set_weights(theirs.get_weights())
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    for training in (True, True, False):
        got, wanted = (np.asarray(layer(x, training=training)) for layer in (ours, theirs))
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-5)
    config = keras.saving.serialize_keras_object(theirs)
    assert plain(hefted.saving.serialize_keras_object(ours)) == plain(config)
    assert plain(hefted.saving.deserialize_keras_object(config).get_config()) == plain(ours.get_config())


def test_wrong_arguments_are_named() -> None:
    layers = hefted.layers
    x = np.ones((2, 3), 'float32')
    for make, kind in (
        (lambda: layers.LayerNormalization(axis='last'), TypeError),
        (lambda: layers.LayerNormalization(axis=2)(x), ValueError),
        (lambda: layers.UnitNormalization(axis=1.5), TypeError),
        (lambda: layers.GroupNormalization(groups=2)(x), ValueError),
        (lambda: layers.SpectralNormalization(layers.Dense(2), power_iterations=0), ValueError),
        (lambda: layers.SpectralNormalization(layers.Dropout(0.1))(x), ValueError),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={'max': 1}), ValueError),
    ):
        with pytest.raises(kind, match='xpected'):
            make()
