"""Who is told that a model trains: as in Keras, in a step, in a call, and by a layer's own default."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).random((16, 5)).astype('float32') + 1
IMAGES = np.random.default_rng(0).random((4, 8, 8, 3)).astype('float32')


def noisy(library: Any) -> Any:
    return (
        library.layers.GaussianNoise(0.5, seed=1),
        library.layers.BatchNormalization(),
        library.layers.Dropout(0.5, seed=2),
    )


def takes_none(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = list(noisy(library))

        def call(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x

    return Own()


def keeps_it(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = list(noisy(library))

        def call(self, x: Any, training: Any = None) -> Any:
            x = self.parts[0](x)
            return self.parts[1](x) + (1.0 if training else 0.0)

    return Own()


def hands_it_on(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = library.Sequential(noisy(library))

        def call(self, x: Any, training: Any = False) -> Any:
            return self.body(x, training=training)

    return Own()


def block(library: Any) -> Any:
    """A layer of one's own that takes no `training`, in a functional model: the call around tells what is within."""

    class Block(library.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.parts = list(noisy(library))

        def call(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x

    inputs = library.Input((5,))
    return library.Model(inputs, Block()(inputs))


def sequential(library: Any) -> Any:
    return library.Sequential([library.Input((5,)), *noisy(library)])


@pytest.mark.parametrize('build', [takes_none, keeps_it, hands_it_on, block, sequential])
def test_a_step_tells_what_keras_s_step_tells(build: Any) -> None:
    found = []
    for library in (hefted, keras):
        model = build(library)
        model.compile(library.optimizers.SGD(0.01), 'mse')
        losses = model.fit(X, X, batch_size=8, epochs=2, shuffle=False, verbose=0).history['loss']
        outputs = model.predict(X, verbose=0), np.asarray(model(X)), np.asarray(model(X, training=True))
        found.append([losses, model.evaluate(X, X, verbose=0), *outputs])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('build', [takes_none, keeps_it, hands_it_on, block, sequential])
def test_a_pure_call_tells_what_keras_s_tells(build: Any) -> None:
    found = []
    for library in (hefted, keras):
        model = build(library)
        model(X)
        groups = model.trainable_variables, model.non_trainable_variables
        told = {'training': True} if build is not takes_none else {}
        outputs, _ = model.stateless_call(*([v.value for v in group] for group in groups), X, **told)
        found.append(np.asarray(outputs))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


def changed(library: Any, name: str, **arguments: Any) -> list[bool]:
    """Whether an augmentation changes images: called alone, in a model, in predict, told, not told."""
    layer = getattr(library.layers, name)(**arguments, seed=3)
    inputs = library.Input((8, 8, 3))
    calls = [
        layer,
        library.Sequential([layer]),
        library.Model(inputs, layer(inputs)),
        lambda x: library.Sequential([layer]).predict(x, verbose=0),
        lambda x: layer(x, training=True),
        lambda x: layer(x, training=False),
    ]
    return [not np.allclose(call(IMAGES), IMAGES) for call in calls]


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [('RandomFlip', {}), ('RandomRotation', {'factor': 0.3}), ('RandomContrast', {'factor': 0.9}),
     ('RandomZoom', {'height_factor': 0.5})],
)  # fmt: skip
def test_an_augmentation_works_unless_it_is_told_not_to(name: str, arguments: Any) -> None:
    assert changed(hefted, name, **arguments) == changed(keras, name, **arguments) == [True] * 3 + [False, True, False]


def test_layers_that_are_keras_s_are_classes() -> None:
    flip, resize = hefted.layers.RandomFlip('horizontal'), hefted.layers.Resizing(4, 4)
    assert isinstance(flip, hefted.layers.RandomFlip)
    assert isinstance(flip, hefted.layers.Layer)
    assert not isinstance(resize, hefted.layers.RandomFlip)
    assert type(resize).__name__ == 'Resizing'
    theirs = keras.layers.Resizing(4, 4, name=resize.name)
    assert resize.get_config() == theirs.get_config()
    again = hefted.layers.Resizing.from_config(resize.get_config())
    assert again(IMAGES).shape == (4, 4, 4, 3)
    model = hefted.Sequential([hefted.Input((8, 8, 3)), keras.layers.Resizing(4, 4), hefted.layers.Flatten()])
    assert isinstance(model.layers[0], hefted.layers.Resizing)
    copied = hefted.models.clone_model(model)
    np.testing.assert_array_equal(copied(IMAGES), model(IMAGES))
    assert 'ConvLSTM2D' in dir(hefted.layers)
    with pytest.raises(hefted.errors.ArgumentError, match=r'Derive it from keras\.layers\.RandomFlip'):
        type('Mine', (hefted.layers.RandomFlip,), {})
