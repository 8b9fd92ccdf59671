"""Whole Keras models, and Keras's layers in models of ours, train with Keras's own numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArchiveError, ArgumentError
from hefted.integrations import KerasLayer
from hefted.train.convolutions import has_slow_convolution
from hefted.train.rewriting import rewritten

rng = np.random.default_rng(4)
X = rng.standard_normal((70, 6)).astype('float32')
Y = (X.sum(axis=1, keepdims=True) > 0).astype('float32')
FIT: dict[str, Any] = {'batch_size': 32, 'epochs': 3, 'shuffle': False, 'verbose': 0}


def classifier() -> Any:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation='relu', kernel_regularizer='l2')(inputs)
    x = layers.Dropout(0.3, seed=7)(layers.BatchNormalization()(x))
    model = keras.Model(inputs, layers.Dense(1, activation='sigmoid')(x))
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
    return model


def test_a_keras_model_has_the_numbers_of_its_own_fit_and_keeps_its_state() -> None:
    reference, model = classifier(), classifier()
    wanted = reference.fit(X, Y, validation_data=(X[:20], Y[:20]), **FIT).history
    history = hefted.fit(model, X, Y, validation_data=(X[:20], Y[:20]), **FIT)
    assert set(history.history) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    for found, value in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
    assert int(model.optimizer.iterations) == int(reference.optimizer.iterations) == 9
    assert history.footprint is not None
    assert history.footprint.energy is not None
    # It goes on where it was, by either.
    wanted, found = reference.fit(X, Y, **FIT).history, hefted.fit(model, X, Y, **FIT).history
    np.testing.assert_allclose(found['loss'], wanted['loss'], rtol=1e-4)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), reference.evaluate(X, Y, verbose=0), rtol=1e-4)


def test_a_second_fit_compiles_nothing() -> None:
    from hefted.integrations.keras_models import BorrowedModel

    model = classifier()
    hefted.fit(model, X, Y, **FIT)
    compiled = dict(BorrowedModel.of(model)._compiled)
    hefted.fit(model, X, Y, **FIT)
    assert BorrowedModel.of(model)._compiled.keys() == compiled.keys()


def test_keras_s_callbacks_see_the_keras_model_and_stop_it(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append((self.model, int(self.model.optimizer.iterations), sorted(logs)))
            if epoch == 1:
                self.model.stop_training = True

    model = classifier()
    saves = keras.callbacks.ModelCheckpoint(tmp_path / 'best.keras', monitor='loss', save_best_only=True)
    history = hefted.fit(model, X, Y, callbacks=[Watch(), saves], **FIT)
    assert [steps for _, steps, _ in seen] == [3, 6]
    assert all(found is model and logs == ['accuracy', 'loss'] for found, _, logs in seen)
    assert len(history.epoch) == 2
    assert keras.saving.load_model(tmp_path / 'best.keras').count_params() == model.count_params()


def test_a_keras_model_s_own_training_step_is_taken() -> None:
    class Doubled(keras.Model):
        def train_step(self, state: Any, data: Any) -> Any:
            logs, state = super().train_step(state, data)
            return {**logs, 'twice': 2 * logs['loss']}, state

    inputs = keras.Input((6,))
    model = Doubled(inputs, keras.layers.Dense(1)(inputs))
    model.compile('sgd', 'mse')
    history = hefted.fit(model, X, Y, **FIT).history
    np.testing.assert_allclose(history['twice'], 2 * np.array(history['loss']), rtol=1e-6)


def mixed(kind: Any, adopted: bool) -> Any:
    keras.utils.set_random_seed(5)
    ours = kind.layers
    theirs = keras.layers
    return kind.Sequential([
        kind.Input((3, 6, 6, 2)),
        theirs.ConvLSTM2D(3, 3, kernel_regularizer='l2'),
        ours.Flatten(),
        theirs.Dropout(0.2, seed=1) if adopted else ours.Dropout(0.2, seed=1),
        theirs.Dense(1),
    ])  # fmt: skip


def test_keras_s_layers_in_a_model_of_ours_train_and_go_to_an_archive_and_back(tmp_path: Path) -> None:
    x = rng.random((40, 3, 6, 6, 2)).astype('float32')
    y = rng.random((40, 1)).astype('float32')
    reference, model = mixed(keras, False), mixed(hefted, True)
    for found in (reference, model):
        found.compile('sgd', 'mse')
    for variable, value in zip(model.trainable_variables, reference.get_weights(), strict=True):
        variable.assign(value)
    wanted, history = reference.fit(x, y, **FIT).history, model.fit(x, y, **FIT).history
    np.testing.assert_allclose(history['loss'], wanted['loss'], rtol=1e-5)
    outputs = model.predict(x, verbose=0)
    model.save(tmp_path / 'ours.keras')
    for load in (keras.saving.load_model, hefted.saving.load_model):
        np.testing.assert_allclose(load(tmp_path / 'ours.keras').predict(x, verbose=0), outputs, atol=1e-6)


def test_a_keras_layer_in_a_functional_model_is_wrapped_by_hand() -> None:
    inputs = hefted.Input((6,))
    layer = keras.layers.Dense(4, activation='tanh')
    model = hefted.Model(inputs, hefted.layers.Dense(1)(KerasLayer(layer)(inputs)))
    np.testing.assert_allclose(
        np.asarray(model(X)),
        np.asarray(layer(X)) @ model.weights[2].numpy() + model.weights[3].numpy(),
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(ValueError):
        layer(inputs)


def test_a_keras_layer_s_seed_is_carried_and_is_no_weight() -> None:
    flip = hefted.layers.RandomFlip(seed=3)
    model = hefted.Sequential([hefted.Input((4, 4, 1)), flip])
    assert model.weights == []
    before = flip.variables[0].numpy()
    model(jnp.ones((2, 4, 4, 1)), training=True)
    assert (flip.variables[0].numpy() != before).any()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ArgumentError, match='Hefted, Keras 3 or Flax'):
        hefted.fit(object(), X, Y)
    with pytest.raises(ValueError, match='compile'):
        hefted.fit(keras.Sequential([keras.layers.Dense(1)]), X, Y)


def test_a_rewritten_step_has_plain_convolutions_and_the_same_values() -> None:
    def loss(kernels: Any, x: Any) -> Any:
        for kernel in kernels:
            x = jax.lax.conv_general_dilated(x, kernel, (2, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 3, 1), (1, 2, 2, 1), 'SAME')
        return jnp.sum(jnp.tanh(x) ** 2)

    kernels = [jnp.asarray(rng.standard_normal(shape), 'float32') for shape in ((3, 2, 2, 5), (2, 2, 5, 4))]
    x = jnp.asarray(rng.standard_normal((6, 20, 17, 2)), 'float32')
    step = jax.value_and_grad(loss, argnums=(0, 1))
    assert has_slow_convolution(jax.make_jaxpr(step)(kernels, x))
    assert not has_slow_convolution(jax.make_jaxpr(rewritten(step))(kernels, x))
    for found, wanted in zip(
        jax.tree.leaves(rewritten(step)(kernels, x)), jax.tree.leaves(step(kernels, x)), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_long_tail_of_layers_comes_from_keras_by_the_import_alone() -> None:
    from hefted.layers import Resizing

    model = hefted.Sequential([hefted.Input((8, 8, 3)), Resizing(4, 4), hefted.layers.Flatten()])
    images = rng.random((2, 8, 8, 3)).astype('float32')
    wanted = np.asarray(keras.layers.Resizing(4, 4)(images)).reshape(2, -1)
    np.testing.assert_allclose(model.predict(images, verbose=0), wanted, rtol=1e-5)


def test_json_goes_both_ways() -> None:
    model = hefted.Sequential([hefted.Input((6,)), hefted.layers.Dense(2, name='d')])
    assert keras.models.model_from_json(model.to_json()).count_params() == 14
    assert hefted.models.model_from_json(classifier().to_json()).count_params() == classifier().count_params()


def test_a_keras_layer_in_a_file_makes_nobody_import_what_it_names() -> None:
    config = keras.saving.serialize_keras_object(keras.layers.ConvLSTM2D(2, 3))
    assert isinstance(hefted.saving.deserialize_keras_object(config), KerasLayer)
    config['config']['kernel_initializer'] = {
        'module': 'antigravity', 'class_name': 'Door', 'config': {}, 'registered_name': 'Door',
    }  # fmt: skip
    with pytest.raises(ArchiveError, match='antigravity'):
        hefted.saving.deserialize_keras_object(config)
    assert 'antigravity' not in sys.modules


def test_what_a_keras_model_s_training_will_take_is_told_and_changes_nothing() -> None:
    asked, plain = classifier(), classifier()
    told = hefted.foresee(asked, X, Y, epochs=3, batch_size=32)
    assert (told.plan.steps, told.how) == (9, 'pilot')
    found, wanted = (hefted.fit(model, X, Y, **FIT) for model in (asked, plain))
    assert found.history == wanted.history
    assert found.forecast.how == 'pilot'


def test_what_is_no_model_cannot_be_foreseen() -> None:
    with pytest.raises(ArgumentError, match='received int'):
        hefted.foresee(3, X, Y)
