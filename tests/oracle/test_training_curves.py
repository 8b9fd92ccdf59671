"""Training curves equal Keras's: same initial weights, same order of samples, ten epochs, to 1e-5."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted import layers as ours

theirs = keras.layers
rng = np.random.default_rng(7)
X = rng.random((1000, 20)).astype('float32')
Y = (X[:, :1] + 0.3 * rng.standard_normal((1000, 1)) > 0.6).astype('int64')
CLASSES = rng.integers(0, 4, 1000)


def plain(kind: Any) -> list[Any]:
    return [kind.Dense(32, activation='relu'), kind.Dense(1, activation='sigmoid')]


def normalized(kind: Any) -> list[Any]:
    return [
        kind.Dense(16),
        kind.BatchNormalization(momentum=0.9),
        kind.Activation('relu'),
        kind.Dense(1, activation='sigmoid'),
    ]


def dropped(kind: Any) -> list[Any]:
    return [
        kind.Dense(16, activation='tanh'),
        kind.Dropout(0.4, seed=11),
        kind.Dense(16, activation='relu'),
        kind.Dropout(0.2, seed=12),
        kind.Dense(1, activation='sigmoid'),
    ]


def everything(kind: Any) -> list[Any]:
    return [
        # No bias: before a normalization it has no gradient but rounding, which Adam would make large.
        kind.Dense(16, kernel_regularizer='l2', use_bias=False),
        kind.BatchNormalization(),
        kind.Activation('relu'),
        kind.Dropout(0.3, seed=5),
        kind.Flatten(),
        kind.Dense(1, activation='sigmoid', bias_regularizer='l1'),
    ]


def pair(build: Any, **compiled: Any) -> tuple[Any, Any]:
    """The same model twice, with the same weights."""
    keras.utils.set_random_seed(20)
    reference = keras.Sequential([keras.Input((X.shape[1],)), *build(theirs)])
    model = hefted.Sequential([hefted.Input((X.shape[1],)), *build(ours)])
    model.set_weights(reference.get_weights())
    reference.compile(**compiled)
    model.compile(**compiled)
    return reference, model


def assert_same_curves(reference: Any, model: Any, y: Any = Y, **arguments: Any) -> None:
    wanted = reference.fit(X, y, epochs=10, batch_size=32, shuffle=False, verbose=0, **arguments).history
    found = model.fit(X, y, epochs=10, batch_size=32, shuffle=False, verbose=0, **arguments).history
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(model.predict(X, verbose=0), reference.predict(X, verbose=0), atol=1e-4)


@pytest.mark.parametrize('build', [plain, normalized, dropped, everything])
def test_a_classifier_with_a_short_last_batch_has_keras_curves(build: Any) -> None:
    reference, model = pair(build, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    assert_same_curves(reference, model)


@pytest.mark.parametrize('optimizer', ['sgd', 'adam', 'adamw', 'adagrad', 'nadam'])
def test_each_optimizer_has_keras_curves(optimizer: str) -> None:
    reference, model = pair(everything, optimizer=optimizer, loss='binary_crossentropy', metrics=['accuracy', 'mse'])
    assert_same_curves(reference, model)


def test_class_weights_with_everything_have_keras_curves() -> None:
    reference, model = pair(everything, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    assert_same_curves(reference, model, class_weight={0: 0.3, 1: 2.0})


def test_sample_weights_and_weighted_metrics_have_keras_curves() -> None:
    reference, model = pair(
        plain, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'], weighted_metrics=['mae']
    )
    assert_same_curves(reference, model, sample_weight=np.linspace(0, 2, 1000))


def test_validation_data_and_split_have_keras_curves() -> None:
    for arguments in ({'validation_split': 0.23}, {'validation_data': (X[:77], Y[:77])}):
        reference, model = pair(everything, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
        assert_same_curves(reference, model, **arguments)


def test_a_loss_that_averages_over_the_batch_itself_trains_a_true_sized_tail() -> None:
    def batch_mean(backend: Any) -> Any:
        def loss(y_true: Any, y_pred: Any) -> Any:
            return backend.mean(backend.square(y_pred - backend.mean(y_pred)) + backend.square(y_true - y_pred))

        return loss

    import jax.numpy as jnp

    reference, model = pair(dropped)
    reference.compile(optimizer='rmsprop', loss=batch_mean(keras.ops), metrics=['mae'])
    model.compile(optimizer='rmsprop', loss=batch_mean(jnp), metrics=['mae'])
    assert_same_curves(reference, model, y=Y.astype('float32'))


def test_sparse_classes_have_keras_curves() -> None:
    def build(kind: Any) -> list[Any]:
        return [
            # No unit that is never active: normalized, its gradient is rounding, which Adam would make large.
            kind.Dense(16, activation='tanh'),
            kind.BatchNormalization(),
            kind.Dense(4, activation='softmax'),
        ]

    reference, model = pair(build, optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
    assert_same_curves(reference, model, y=CLASSES)


def test_an_image_classifier_has_keras_curves() -> None:
    images = rng.random((200, 12, 12, 1)).astype('float32')

    def build(kind: Any) -> list[Any]:
        return [
            kind.Conv2D(8, 3, activation='relu'),
            kind.MaxPooling2D(),
            kind.Conv2D(4, (2, 2), strides=2, padding='same'),
            kind.Flatten(),
            kind.Dense(4, activation='softmax'),
        ]

    reference = keras.Sequential([keras.Input((12, 12, 1)), *build(theirs)])
    model = hefted.Sequential([hefted.Input((12, 12, 1)), *build(ours)])
    model.set_weights(reference.get_weights())
    for each in (reference, model):
        each.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
    arguments: dict[str, Any] = {'epochs': 5, 'batch_size': 48, 'shuffle': False, 'verbose': 0}
    wanted = reference.fit(images, CLASSES[:200], **arguments).history
    found = model.fit(images, CLASSES[:200], **arguments).history
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_same_seed_draws_the_same_first_weights() -> None:
    keras.utils.set_random_seed(3)
    reference = keras.Sequential([keras.Input((20,)), *plain(theirs)])
    hefted.utils.set_random_seed(3)
    model = hefted.Sequential([hefted.Input((20,)), *plain(ours)])
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_evaluate_and_predict_equal_keras() -> None:
    reference, model = pair(everything, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    np.testing.assert_allclose(
        model.evaluate(X[:333], Y[:333], verbose=0),
        reference.evaluate(X[:333], Y[:333], verbose=0),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        model.predict(X[:333], verbose=0), reference.predict(X[:333], verbose=0), rtol=1e-5, atol=1e-6
    )


def test_train_on_batch_equals_keras() -> None:
    reference, model = pair(plain, optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    for start in (0, 32, 64):
        batch = slice(start, start + 32)
        np.testing.assert_allclose(
            model.train_on_batch(X[batch], Y[batch]), reference.train_on_batch(X[batch], Y[batch]), rtol=1e-5
        )


def test_class_weights_are_for_what_is_trained_on_and_not_for_what_is_held_out() -> None:
    made = [
        kind.Sequential([kind.Input((20,)), layers.Dense(8, activation='relu'), layers.Dense(4, activation='softmax')])
        for kind, layers in ((keras, theirs), (hefted, ours))
    ]
    made[1].set_weights(made[0].get_weights())
    told = [
        (
            model.compile('sgd', 'sparse_categorical_crossentropy', weighted_metrics=['accuracy']),
            model.fit(
                X, CLASSES, epochs=2, verbose=0, shuffle=False, validation_split=0.3,
                class_weight={0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0},
            ).history,
        )[1]
        for model in made
    ]  # fmt: skip
    assert set(told[1]) == set(told[0])
    for name, values in told[0].items():
        np.testing.assert_allclose(told[1][name], values, rtol=1e-5)


@pytest.mark.parametrize(
    ('declared', 'given'),
    [((1,), (40,)), ((10,), (40, 10, 1)), ((6, 6, 1), (40, 6, 6))],
    ids=['column', 'axis too many', 'channel missing'],
)
def test_an_axis_of_one_may_be_missing_or_too_many_in_a_sequential_model(declared: Any, given: Any) -> None:
    data = rng.random(given).astype('float32')
    made = [
        kind.Sequential([kind.Input(declared), layers.Flatten(), layers.Dense(1)])
        for kind, layers in ((keras, theirs), (hefted, ours))
    ]
    made[1].set_weights(made[0].get_weights())
    for model in made:
        model.compile('sgd', 'mse')
    curves = [model.fit(data, Y[:40], epochs=3, verbose=0, shuffle=False).history['loss'] for model in made]
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)
    wanted = np.asarray(made[0].predict(data, verbose=0))
    np.testing.assert_allclose(np.asarray(made[1].predict(data, verbose=0)), wanted, rtol=1e-5, atol=1e-6)
