"""Users' classes, and what `compile` was told, are saved or refused when they are saved: never lost."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted.errors import NotSavableError

LIBRARIES = {'keras': keras, 'hefted': hefted}
X = np.arange(8, dtype='float32').reshape(4, 2)
Y = X.sum(1, keepdims=True)


class Thing:
    """No class that a file can name."""


def classes(library: Any) -> dict[str, Any]:
    """Classes without a get_config, by what is uncommon in their constructors."""
    layers = library.layers

    class Plain(layers.Layer):
        def __init__(self, value: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.kept = value

        def call(self, inputs: Any) -> Any:
            return inputs

    class Changes(Plain):
        """Its attribute is not what it was given."""

        def __init__(self, kept: Any, **kwargs: Any) -> None:
            super().__init__(2 * kept, **kwargs)

    class Makes(layers.Layer):
        """Its attribute is a layer where its argument was a number."""

        def __init__(self, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = layers.Dense(inner)

        def build(self, input_shape: Any) -> None:
            self.inner.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    class Weighs(Plain):
        def __init__(self, weight: Any, **kwargs: Any) -> None:
            super().__init__(weight, **kwargs)
            self.weight = library.Variable(np.ones(weight, 'float32'))

    class Wider(layers.Dense):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)

    class Says(layers.Dense):
        def __init__(self, units: int, extra: Any = 1, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.extra = extra

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), 'extra': self.extra}

    return {cls.__name__: cls for cls in (Plain, Changes, Makes, Weighs, Wider, Says)}


MADE: dict[str, Callable[[dict[str, Any]], Any]] = {
    'a number': lambda known: known['Plain'](3),
    'nested values': lambda known: known['Plain']({'a': [1, 2.5], 'b': None, 'c': 'word'}),
    'an attribute that changes': lambda known: known['Changes'](3),
    'an attribute that is a layer': lambda known: known['Makes'](3),
    'an attribute that is a variable': lambda known: known['Weighs'](3),
    'a wider Dense': lambda known: known['Wider'](3, activation='relu', use_bias=False),
    'a Dense that says the rest': lambda known: known['Says'](3, extra=[7], activation='tanh', name='said'),
}


@pytest.mark.parametrize('what', MADE)
def test_a_class_comes_back_as_it_was_made(what: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    for library in LIBRARIES.values():
        known = classes(library)
        layer = MADE[what](known)
        model = library.Sequential([library.Input((2,)), layer])
        model.save(path)
        other = library.saving.load_model(path, custom_objects=known)
        assert getattr(other.layers[0], 'kept', None) == getattr(layer, 'kept', None)
        assert getattr(other.layers[0], 'extra', None) == getattr(layer, 'extra', None)
        assert other.layers[0].name == layer.name
        np.testing.assert_allclose(np.asarray(other(X)), np.asarray(model(X)), rtol=1e-6)


REFUSED = {'an instance': Thing(), 'a set': {1, 2}, 'a lambda': lambda x: x, 'a range': range(3)}


@pytest.mark.parametrize('what', REFUSED)
def test_an_argument_that_no_file_holds_is_refused_at_once(what: str, tmp_path: Path) -> None:
    for name, library in LIBRARIES.items():
        path = tmp_path / f'{name}.keras'
        layer = classes(library)['Plain'](REFUSED[what], name='odd')
        model = library.Sequential([library.Input((2,)), layer])
        for save in (lambda: model.save(path), layer.get_config):  # noqa: B023 - called in its own turn
            with pytest.raises(NotImplementedError, match='get_config') as told:
                save()
    assert not (tmp_path / 'hefted.keras').exists()
    for part in ("Plain 'odd'", "argument 'value'", 'def get_config(self)'):
        assert part in str(told.value)


def test_arguments_by_position_alone_are_refused(tmp_path: Path) -> None:
    for library in LIBRARIES.values():

        class Several(library.layers.Layer):
            def __init__(self, *sizes: int) -> None:
                super().__init__()

            def call(self, inputs: Any) -> Any:
                return inputs

        with pytest.raises(NotImplementedError):
            library.Sequential([library.Input((2,)), Several(1, 2)]).save(tmp_path / 'model.keras')
        Several().get_config()


KNOWN = {
    'an array': np.ones(3),
    'a number of numpy': np.float32(2),
    'bytes': b'a',
    'an initializer': hefted.initializers.Constant(3.0),
    'a policy': hefted.dtype_policies.DTypePolicy('mixed_bfloat16'),
}


@pytest.mark.parametrize('what', KNOWN)
def test_what_keras_refuses_and_a_file_holds_all_the_same_comes_back(what: str, tmp_path: Path) -> None:
    known = classes(hefted)
    hefted.Sequential([hefted.Input((2,)), known['Plain'](KNOWN[what])]).save(tmp_path / 'model.keras')
    kept = hefted.saving.load_model(tmp_path / 'model.keras', custom_objects=known).layers[0].kept
    if hasattr(kept, 'get_config'):
        assert kept.get_config() == KNOWN[what].get_config()
    else:
        np.testing.assert_array_equal(kept, KNOWN[what])


def test_layers_given_as_arguments_come_back_with_their_weights(tmp_path: Path) -> None:
    class Holds(hefted.layers.Layer):
        def __init__(self, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.held = inner

        def build(self, input_shape: Any) -> None:
            for layer in self.held:
                layer.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return sum(layer(inputs) for layer in self.held)

    model = hefted.Sequential([hefted.Input((2,)), Holds([hefted.layers.Dense(3), hefted.layers.Dense(3)])])
    model.save(tmp_path / 'model.keras')
    other = hefted.saving.load_model(tmp_path / 'model.keras', custom_objects={'Holds': Holds})
    assert len(other.weights) == 4
    np.testing.assert_array_equal(other(X), model(X))


def test_a_constructor_need_not_take_what_every_layer_is_told(tmp_path: Path) -> None:
    class This(hefted.layers.Layer):
        def __init__(this, size: int) -> None:
            super().__init__()
            this.size = size

        def build(self, input_shape: Any) -> None:
            self.weight = self.add_weight(shape=(self.size,), name='weight')

        def call(self, inputs: Any) -> Any:
            return inputs + self.weight

    layer = This(2)
    model = hefted.Sequential([hefted.Input((2,)), layer])
    layer.trainable = False
    model.save(tmp_path / 'model.keras')
    other = hefted.saving.load_model(tmp_path / 'model.keras', custom_objects={'This': This})
    assert (other.layers[0].size, other.layers[0].name, other.layers[0].trainable) == (2, layer.name, False)
    np.testing.assert_array_equal(other(X), model(X))


def closed(base: Any, *given: Any, **named: Any) -> Any:
    """A subclass whose constructor takes one argument and decides the rest."""

    class Closed(base):
        def __init__(self, units: Any) -> None:
            super().__init__(units, *given, **named)

    return Closed


CLOSED = {
    'Conv1D': (closed(hefted.layers.Conv1D, 2, padding='same'), 3),
    'LSTM': (closed(hefted.layers.LSTM, return_sequences=True), 3),
    'EinsumDense': (closed(hefted.layers.EinsumDense, (4, 5), bias_axes='d'), 'abc,cd->abd'),
    'LayerNormalization': (closed(hefted.layers.LayerNormalization, epsilon=0.1), -1),
}


@pytest.mark.parametrize('name', CLOSED)
def test_a_constructor_may_decide_what_our_layer_is_told(name: str, tmp_path: Path) -> None:
    cls, first = CLOSED[name]
    model = hefted.Sequential([hefted.Input((4, 3)), cls(first)])
    model.save(tmp_path / 'model.keras')
    other = hefted.saving.load_model(tmp_path / 'model.keras', custom_objects={'Closed': cls})
    x = np.random.default_rng(0).random((2, 4, 3)).astype('float32')
    np.testing.assert_allclose(other(x), model(x), rtol=1e-6)
    assert type(other.layers[0]) is cls


def test_a_config_that_a_class_says_itself_asks_for_no_argument() -> None:
    for library in LIBRARIES.values():

        class Own(library.layers.Layer):
            def __init__(self, thing: Any, **kwargs: Any) -> None:
                super().__init__(**kwargs)

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), 'thing': None}

        config = Own(Thing(), name='own').get_config()
        assert (config['name'], config['thing']) == ('own', None)


# What compile was told


def told(library: Any) -> dict[str, dict[str, Any]]:
    return {
        'a loss': {'optimizer': 'adam', 'loss': lambda a, b: (a - b) ** 2},
        'a metric': {'optimizer': 'adam', 'loss': 'mse', 'metrics': ['mae', lambda a, b: b]},
        'a wrapped metric': {
            'optimizer': 'adam', 'loss': 'mse', 'metrics': [library.metrics.MeanMetricWrapper(lambda a, b: b)],
        },
        'a learning rate': {'optimizer': library.optimizers.Adam(lambda: 0.01), 'loss': 'mse'},
    }  # fmt: skip


@pytest.mark.parametrize('what', told(hefted))
def test_a_lambda_given_to_compile_does_not_lose_the_training(what: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    for library in LIBRARIES.values():
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        model.compile(**told(library)[what])
        model.fit(X, Y, verbose=0)
        with pytest.warns(UserWarning, match='lambda'):
            model.save(path)
        other = library.saving.load_model(path, compile=False)
        np.testing.assert_allclose(np.asarray(other(X)), np.asarray(model(X)), rtol=1e-6)
    assert b'__lambda__' not in path.read_bytes()
    with pytest.warns(UserWarning, match='register_keras_serializable'):
        config = model.get_compile_config()
    other = hefted.saving.load_model(path)
    if what in ('a learning rate', 'a loss'):
        assert config is None
        assert not other.compiled
    else:
        assert config['metrics'] is None
        assert int(other.optimizer.iterations) == 1
    with warnings.catch_warnings(record=True):
        warnings.simplefilter('always')
        copy = hefted.models.clone_model(model)
    assert copy.compiled == other.compiled


def test_a_loss_that_was_left_out_is_asked_for_and_the_optimizer_s_state_is_there(tmp_path: Path) -> None:
    def loss(a: Any, b: Any) -> Any:
        return (a - b) ** 2

    path = tmp_path / 'model.keras'
    model = hefted.Sequential([hefted.Input((2,)), hefted.layers.Dense(1)])
    model.compile('adam', lambda a, b: loss(a, b))
    model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match=r'compile\(\) again, then load_weights\(\)'):
        model.save(path)
    other = hefted.saving.load_model(path)
    with pytest.raises(ValueError, match='compile'):
        other.fit(X, Y, verbose=0)
    other.compile('adam', loss)
    other.load_weights(path)
    assert int(other.optimizer.iterations) == 1
    for a, b in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_an_architecture_with_a_lambda_is_refused_with_the_layer_s_name(tmp_path: Path) -> None:
    inner = hefted.Sequential([hefted.layers.Dense(1, activation=lambda x: x, name='odd')], name='inner')
    model = hefted.Sequential([hefted.Input((2,)), inner])
    with pytest.raises(NotSavableError, match=r"Dense 'odd' cannot be saved.*register_keras_serializable") as error:
        model.save(tmp_path / 'model.keras')
    assert 'inner' not in str(error.value)
    assert list(tmp_path.iterdir()) == []


# Copies


@pytest.mark.parametrize('name', ['RandomFlip', 'Resizing', 'ConvLSTM2D', 'Dense'])
@pytest.mark.parametrize('functional', [False, True])
def test_a_model_with_a_layer_of_keras_s_is_cloned(name: str, functional: bool) -> None:
    arguments: dict[str, Any] = {
        'RandomFlip': ((), {'mode': 'vertical'}, (4, 4, 1)),
        'Resizing': ((3, 3), {}, (4, 4, 1)),
        'ConvLSTM2D': ((2, 2), {}, (3, 4, 4, 1)),
        'Dense': ((2,), {}, (4,)),
    }
    args, kwargs, shape = arguments[name]
    cls = keras.layers.Dense if name == 'Dense' else getattr(hefted.layers, name)
    model = hefted.Sequential([hefted.Input(shape), cls(*args, **kwargs), hefted.layers.Flatten()])
    if functional:
        model = hefted.Model(model.inputs, model.outputs)
    copy = hefted.models.clone_model(model)
    x = np.random.default_rng(0).random((2, *shape)).astype('float32')
    model(x)
    layer, other = (m.layers[-2] for m in (model, copy))
    assert layer is not other
    assert layer.get_weights() == [] or layer.theirs is not other.theirs
    copy.set_weights(model.get_weights())
    outputs = [np.asarray(m(x, training=False)) for m in (copy, model)]
    np.testing.assert_allclose(*outputs, rtol=1e-6)
    assert type(layer) is type(other)


# Small things


def test_names_are_checked_as_keras_checks_them() -> None:
    for library in LIBRARIES.values():
        for make in (
            lambda name, kind=library: kind.layers.Dense(3, name=name),
            lambda name, kind=library: kind.Input((2,), name=name),
            lambda name, kind=library: kind.Sequential([], name=name),
        ):
            for name in ('a/b', 3):
                with pytest.raises(ValueError, match='cannot contain character `/`'):
                    make(name)
        assert library.metrics.Mean(name='a/b').name == 'a/b'


def test_a_layer_s_number_out_of_range_is_told() -> None:
    for library in LIBRARIES.values():
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        assert model.get_layer(index=0) is model.get_layer(index=-1) is model.layers[0]
        with pytest.raises(ValueError, match='Was asked to retrieve layer at index 9 but model only has 1 layers'):
            model.get_layer(index=9)


def test_losses_are_shown_as_keras_shows_them() -> None:
    def shown(loss: Any) -> str:
        return inspect.cleandoc(repr(loss)).partition(' at 0x')[0] + repr(loss).partition('>, ')[2]

    for make in (
        lambda kind: kind.losses.MeanSquaredError(),
        lambda kind: kind.losses.BinaryCrossentropy(from_logits=True, name='a'),
        lambda kind: kind.losses.Huber(2.0),
        lambda kind: kind.losses.CategoricalFocalCrossentropy(),
        lambda kind: kind.losses.Dice(),
    ):
        assert shown(make(hefted)) == shown(make(keras))


def test_build_configs_are_keras_s() -> None:
    for library in LIBRARIES.values():
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        assert model.get_build_config() == {'input_shape': (None, 2)}
        assert library.Model(model.inputs, model.outputs).get_build_config() == {'input_shape': None}
