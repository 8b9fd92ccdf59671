"""Freezing a layer shows in its variables, as in Keras; it changes neither their order nor what is carried."""

import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).normal(size=(32, 3)).astype('float32')
Y = X.sum(1, keepdims=True)


def model_of(library, **kwargs):
    class Counting(library.layers.Layer):
        def build(self, input_shape):
            self.calls = self.add_weight(shape=(), initializer='zeros', trainable=False, name='calls')
            self.factor = self.add_weight(shape=(3,), initializer='ones', name='factor')

        def call(self, x):
            self.calls.assign(self.calls + 1.0)
            return x * self.factor

    layers = library.layers
    inside = library.Sequential([library.Input((3,)), layers.BatchNormalization(name='norm'), Counting(name='count')])
    dense = layers.Dense(1, kernel_initializer='ones', name='dense', **kwargs)
    return library.Sequential([library.Input((3,)), inside, layers.Dropout(0.1, seed=1), dense])


def told(model):
    kinds = ('variables', 'weights', 'trainable_variables', 'non_trainable_variables', 'non_trainable_weights')
    return {kind: [(v.name, v.trainable) for v in getattr(model, kind) if 'seed' not in v.name] for kind in kinds}


def freeze_all(model):
    model.trainable = False


def freeze_inside(model):
    model.layers[0].trainable = False


def thaw(model):
    model.trainable = False
    model.trainable = True


def freeze_kernel(model):
    model.layers[-1].kernel.trainable = False


def thaw_kernel(model):
    freeze_kernel(model)
    model.layers[-1].trainable = True


SWITCHES = [freeze_all, freeze_inside, thaw, freeze_kernel, thaw_kernel]


@pytest.mark.parametrize('switch', SWITCHES)
def test_a_switch_shows_in_the_variables(switch) -> None:
    ours, theirs = model_of(hefted), model_of(keras)
    for model in (ours, theirs):
        switch(model)
    assert told(ours) == told(theirs)


@pytest.mark.parametrize('switch', SWITCHES)
def test_training_and_what_is_carried_are_keras_s(switch) -> None:
    results = []
    for library in (hefted, keras):
        model = model_of(library)
        switch(model)
        model.compile(library.optimizers.SGD(0.01, momentum=0.9), 'mse')
        losses = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history['loss']
        losses.append(model.evaluate(X, Y, batch_size=8, verbose=0))
        model.predict(X, batch_size=8, verbose=0)
        results.append((losses, model.get_weights(), [tuple(v.shape) for v in model.optimizer.variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    for mine, reference in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)
    assert results[0][2] == results[1][2]


def test_layers_frozen_before_they_are_built() -> None:
    for library in (hefted, keras):
        frozen = library.layers.BatchNormalization()
        frozen.trainable = False
        made_frozen = library.layers.Dense(2, trainable=False)
        for layer in (frozen, made_frozen):
            layer.build((None, 3))
            assert not any(v.trainable for v in layer.variables)
            layer.trainable = True
        names = ['gamma', 'beta', 'moving_mean', 'moving_variance']
        assert [(v.name, v.trainable) for v in frozen.variables] == list(
            zip(names, [True, True, False, False], strict=True)
        )
        assert [v.trainable for v in made_frozen.variables] == [True, True]


def test_archives_of_frozen_models_are_keras_s(tmp_path) -> None:
    ours, theirs = model_of(hefted), model_of(keras)
    for model in (ours, theirs):
        model.layers[0].trainable = False
    ours.save_weights(tmp_path / 'a.weights.h5')
    theirs.load_weights(tmp_path / 'a.weights.h5')
    for mine, reference in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, reference)


def with_parts(library, **kwargs):
    class Block(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.early = library.layers.Dense(3, name='early')

        def build(self, input_shape):
            self.late = library.layers.Dense(3, name='late')
            self.early.build(input_shape)
            self.late.build(input_shape)

        def call(self, x):
            return self.late(self.early(x))

    return Block(name='block', **kwargs)


@pytest.mark.parametrize('made_so', [True, False])
def test_what_is_inside_of_what_was_frozen_before_it_was_built_is_as_in_keras(made_so) -> None:
    results = []
    for library in (hefted, keras):
        block = with_parts(library, trainable=not made_so)
        if not made_so:
            block.trainable = False
        heads = library.layers.MultiHeadAttention(1, 2, name='heads', trainable=not made_so)
        rows = library.Input((4, 3))
        model = library.Model(rows, heads(block(rows), rows))
        results.append([(v.name, v.trainable) for v in model.variables])
        assert block.trainable_variables == []
    assert results[0] == results[1]


def test_keras_opens_an_archive_that_says_what_is_frozen_inside(tmp_path) -> None:
    rows = hefted.Input((4, 3))
    heads = hefted.layers.MultiHeadAttention(1, 2, name='heads')
    model = hefted.Model(rows, heads(rows, rows))
    heads.trainable = False
    model.save(tmp_path / 'frozen.keras')
    theirs, again = (
        keras.models.load_model(tmp_path / 'frozen.keras'),
        hefted.saving.load_model(tmp_path / 'frozen.keras'),
    )
    batch = np.ones((2, 4, 3), 'float32')
    np.testing.assert_allclose(theirs.predict(batch, verbose=0), model.predict(batch, verbose=0), rtol=1e-5)
    assert again.trainable_variables == hefted.models.clone_model(model).trainable_variables == []
