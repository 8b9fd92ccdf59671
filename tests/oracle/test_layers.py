"""Layers keep Keras's contract: names, paths, tracking, switches, configs, shapes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
rng = np.random.default_rng(2)
BUILT: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ('Dense', {'units': 3}, (4, 5)),
    ('Dense', {'units': 3, 'activation': 'relu', 'use_bias': False, 'kernel_regularizer': 'l2'}, (4, 2, 5)),
    ('Dense', {'units': 3, 'activity_regularizer': 'l2', 'bias_constraint': 'non_neg'}, (4, 5)),
    ('Dropout', {'rate': 0.4, 'seed': 3, 'noise_shape': (None, 1)}, (4, 5)),
    ('BatchNormalization', {'axis': 1, 'momentum': 0.8, 'center': False}, (4, 5, 2)),
    ('Flatten', {'data_format': 'channels_first'}, (4, 5, 2, 3)),
    ('Flatten', {}, (4,)),
    ('Activation', {'activation': 'softplus'}, (4, 5)),
    ('Conv2D', {'filters': 4, 'kernel_size': 3, 'strides': 2, 'padding': 'same', 'groups': 2}, (2, 7, 6, 4)),
    ('Conv2D', {'filters': 4, 'kernel_size': (2, 3), 'dilation_rate': (1, 2), 'activation': 'gelu'}, (2, 7, 8, 1)),
    ('MaxPooling2D', {'pool_size': (2, 3), 'strides': 1, 'padding': 'same'}, (2, 7, 6, 2)),
]
IDS = [f'{name}-{number}' for number, (name, _, _) in enumerate(BUILT)]


def plain(config: Any) -> Any:
    """Without what is this process's own; a shape that was built for without its number of rows."""
    if isinstance(config, dict) and set(config) == {'input_shape'}:
        return [None, *config['input_shape'][1:]]
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k != 'shared_object_id'}
    if isinstance(config, float):
        return float(np.float32(config))  # Keras keeps some as float32
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


@pytest.mark.parametrize(('name', 'arguments', 'shape'), BUILT, ids=IDS)
def test_a_layer_computes_and_is_configured_as_keras_s(name: str, arguments: Any, shape: Any) -> None:
    x = rng.standard_normal(shape).astype('float32')
    reference, layer = (getattr(b.layers, name)(**arguments, name='it') for b in BACKENDS)
    wanted = np.asarray(reference(x))
    layer(x)
    layer.set_weights(reference.get_weights())
    np.testing.assert_allclose(np.asarray(layer(x)), wanted, rtol=1e-5, atol=1e-6)
    assert [v.path for v in layer.weights] == [v.path for v in reference.weights]
    assert [v.trainable for v in layer.weights] == [v.trainable for v in reference.weights]
    assert tuple(layer.compute_output_shape(shape)[1:]) == tuple(reference.compute_output_shape(shape)[1:])
    assert layer.count_params() == reference.count_params()
    np.testing.assert_allclose([float(v) for v in layer.losses], [float(v) for v in reference.losses], rtol=1e-5)
    assert plain(hefted.saving.serialize_keras_object(layer)) == plain(keras.saving.serialize_keras_object(reference))
    again = type(layer).from_config(layer.get_config())
    assert plain(again.get_config()) == plain(layer.get_config())


def block_of(kind: Any) -> type:
    class Block(kind.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.gain = self.add_weight(shape=(1,), initializer='ones', name='gain')
            self.steps = self.add_weight(shape=(), initializer='zeros', trainable=False, name='steps')
            self.first = kind.layers.Dense(4, name='first')
            self.rest = [kind.layers.Dense(4, name='a'), (kind.layers.BatchNormalization(name='b'),)]
            self.by_name = {'last': kind.layers.Dense(2, name='last', kernel_regularizer='l2')}
            self.also_first = self.first

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.rest[0](self.first(inputs))
            x = self.rest[1][0](x, training=training)
            self.add_loss(0.5 * kind.ops.mean(x * x) if kind is keras else 0.5 * (x * x).mean())
            return self.by_name['last'](x) * self.gain.value + (100.0 if training else 0.0)

    return Block


def blocks() -> tuple[Any, Any]:
    x = rng.standard_normal((6, 3)).astype('float32')
    made = []
    for kind in BACKENDS:
        block = block_of(kind)(name='block')
        block(x)
        made.append(block)
    made[1].set_weights(made[0].get_weights())
    return made[0], made[1]


def test_nested_layers_are_tracked_once_in_keras_order_with_keras_paths() -> None:
    reference, block = blocks()
    for kind in ('weights', 'trainable_variables', 'non_trainable_variables', 'variables'):
        assert [v.path for v in getattr(block, kind)] == [v.path for v in getattr(reference, kind)], kind
    assert block.count_params() == reference.count_params()


def test_seeds_are_listed_among_the_variables_where_keras_lists_them() -> None:
    seen = []
    for kind in BACKENDS:
        layers = kind.layers
        inner = kind.Sequential([layers.Dropout(0.2), layers.BatchNormalization()])
        model = kind.Sequential([kind.Input((3,)), layers.Dropout(0.1), layers.Dense(2), inner])
        seen.append([(v.name, tuple(v.shape)) for v in model.variables + model.non_trainable_variables])
    assert seen[1] == seen[0]


def test_trainable_switches_act_as_keras_s() -> None:
    reference, block = blocks()

    def names(layer: Any) -> Any:
        return [v.path for v in layer.trainable_variables], [v.path for v in layer.non_trainable_variables]

    for switch in (
        lambda b: setattr(b.first, 'trainable', False),
        lambda b: setattr(b, 'trainable', False),
        lambda b: setattr(b.by_name['last'], 'trainable', True),
        lambda b: setattr(b, 'trainable', True),
        lambda b: setattr(b.rest[1][0], 'trainable', False),
    ):
        switch(reference)
        switch(block)
        assert names(block) == names(reference)
        assert block.trainable == reference.trainable


def test_training_and_added_losses_act_as_keras_s() -> None:
    reference, block = blocks()
    x = rng.standard_normal((6, 3)).astype('float32')
    for training in (False, True, None):
        given = {} if training is None else {'training': training}
        np.testing.assert_allclose(block(x, **given), np.asarray(reference(x, **given)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose([float(v) for v in block.losses], [float(v) for v in reference.losses], rtol=1e-4)
    for a, b in zip(block.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_custom_layer_with_losses_trains_as_in_keras() -> None:
    reference, block = blocks()
    x, y = rng.standard_normal((20, 3)).astype('float32'), rng.standard_normal((20, 2)).astype('float32')
    histories = []
    for kind, layer in zip(BACKENDS, (reference, block), strict=True):
        model = kind.Sequential([kind.Input((3,)), layer])
        model.compile('sgd', 'mse')
        histories.append(model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history['loss'])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)


def test_paths_in_models_in_models_are_keras_s() -> None:
    found = []
    for kind in BACKENDS:
        inner = kind.Sequential(
            [kind.layers.Dense(2, name='a'), kind.layers.BatchNormalization(name='b')], name='inner'
        )
        alone = kind.Sequential([kind.Input((2,)), kind.layers.Dense(2, name='a')], name='alone')
        model = kind.Sequential([kind.Input((3,)), kind.layers.Dense(3, name='d'), inner], name='model')
        found.append([v.path for v in (*model.weights, *alone.weights)])
    assert found[1] == found[0]


@pytest.mark.parametrize('dtype', ['float32', 'mixed_bfloat16', 'mixed_float16', 'bfloat16'])
def test_dtype_policies_act_as_keras_s(dtype: str) -> None:
    x = rng.standard_normal((4, 5)).astype('float32')
    reference, layer = (b.layers.Dense(3, dtype=dtype) for b in BACKENDS)
    wanted = reference(x)
    assert str(layer(x).dtype) == keras.backend.standardize_dtype(wanted.dtype)
    for name in ('dtype', 'compute_dtype', 'variable_dtype'):
        assert getattr(layer, name) == getattr(reference, name)
    assert [v.dtype for v in layer.weights] == [v.dtype for v in reference.weights]


@pytest.mark.parametrize('backend', BACKENDS)
def test_weights_of_another_number_or_shape_are_refused_and_nothing_is_set(backend: Any) -> None:
    layer = backend.layers.Dense(3)
    layer.build((None, 2))
    before = layer.get_weights()
    for bad in ([before[0]], [*before, before[0]], [before[0].T, before[1]], []):
        with pytest.raises(ValueError):
            layer.set_weights(bad)
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_build_makes_weights_once_however_it_is_called() -> None:
    class Outer(hefted.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name='outer')
            self.inner = hefted.layers.Dense(2, name='inner')

        def build(self, input_shape: Any) -> None:
            self.inner.build(input_shape)
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    outer = Outer()
    outer(np.ones((1, 3)))
    assert outer.built
    assert outer.inner.built
    assert [v.path for v in outer.weights] == ['outer/inner/kernel', 'outer/inner/bias']


def test_a_layer_that_is_given_words_says_so() -> None:
    with pytest.raises(ValueError, match="numbers for layer 'words', received an array of dtype <U1"):
        hefted.layers.Dense(1, name='words')(np.array([['a'], ['b']]))
