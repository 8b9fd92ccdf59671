"""What a layer or a metric holds in its attributes is found as Keras finds it: in lists, tuples and dicts too."""

import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(32, 3)).astype('float32')
Y = X.sum(1, keepdims=True)


def holder(library):
    """A layer with variables, layers and seed generators in every kind of attribute."""

    class Holder(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = library.Variable(np.ones(3, 'float32'), name='first')
            frozen = library.Variable(np.ones(3, 'float32'), name='in_dict', trainable=False)
            self.listed = [library.Variable(np.ones(3, 'float32'), name='in_list'), {'a': frozen}]
            self.pair = (library.Variable(np.ones(3, 'float32'), name='in_tuple'), 'a word')
            self.dense = {'one': library.layers.Dense(3, kernel_initializer='ones')}
            self.generators = [library.random.SeedGenerator(3), {'b': library.random.SeedGenerator(4)}]

        def build(self, input_shape):
            self.late = library.Variable(np.ones(3, 'float32'), name='late')
            self.weight = self.add_weight(shape=(3,), initializer='ones', name='weight')
            self.dense['one'].build(input_shape)

        def call(self, x):
            noise = library.random.normal((3,), seed=self.generators[0])
            noise = noise + library.random.normal((3,), seed=self.generators[1]['b'])
            x = self.dense['one'](x * self.first + self.pair[0] * self.late)
            return x * self.weight * self.listed[0] + noise * self.listed[1]['a']

    return Holder()


def fitted(library):
    model = library.Sequential(
        [library.Input((3,)), holder(library), library.layers.Dense(1, kernel_initializer='ones')]
    )
    model.compile(library.optimizers.SGD(0.01), 'mse')
    history = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model, history.history['loss']


def test_a_layer_s_variables_are_found_in_keras_s_order() -> None:
    ours, theirs = holder(hefted), holder(keras)
    for layer in (ours, theirs):
        layer(X)
    for kind in ('variables', 'trainable_variables', 'non_trainable_variables', 'weights'):
        names = [v.name for v in getattr(theirs, kind)]
        assert [v.name for v in getattr(ours, kind)] == names, kind
        assert ('in_list' in names) != (kind == 'non_trainable_variables')


def test_what_is_held_in_lists_is_trained_and_carried() -> None:
    ours, theirs = fitted(hefted), fitted(keras)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)
    for mine, reference in zip(ours[0].get_weights(), theirs[0].get_weights(), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)
    for _ in range(2):  # its generators go on
        np.testing.assert_allclose(ours[0].predict(X, verbose=0), theirs[0].predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_variables_in_lists_are_saved(tmp_path) -> None:
    model, _ = fitted(hefted)
    model.save_weights(tmp_path / 'a.weights.h5')
    reference = keras.Sequential([keras.Input((3,)), holder(keras), keras.layers.Dense(1)])
    reference.load_weights(tmp_path / 'a.weights.h5')
    for mine, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize('library', [hefted, keras], ids=['hefted', 'keras'])
def test_a_variable_that_no_layer_holds_stays_as_it_is(library) -> None:
    """A step does not know it: what the step assigns to it is forgotten at its end, as in Keras."""
    generator = library.random.SeedGenerator(3)

    class Noise(library.layers.Layer):
        def call(self, x):
            return x + library.random.normal((3,), seed=generator)

    class Held(library.layers.Layer):
        def __init__(self):
            super().__init__()
            self.pieces = (Noise(), library.layers.Dense(1))

        def call(self, x):
            return self.pieces[1](self.pieces[0](x))

    model = library.Sequential([library.Input((3,)), Held()])
    before = np.array(generator.state)
    model.compile('sgd', 'mse')
    model.fit(X, Y, epochs=2, verbose=0)
    first = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), first)
    np.testing.assert_array_equal(generator.state, before)
    assert np.isfinite(model.evaluate(X, Y, verbose=0))


def spread(library):
    """A metric with a variable and metrics in attributes."""

    class Spread(library.metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.batches = library.Variable(0.0, name='batches', trainable=False)
            self.means = [library.metrics.Mean(name='low'), library.metrics.Mean(name='high')]

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.batches.assign(self.batches + 1.0)
            self.means[0].update_state(library.ops.min(y_pred))
            self.means[1].update_state(library.ops.max(y_pred))

        def result(self):
            return (self.means[1].result() - self.means[0].result()) * self.batches

    return Spread(name='spread')


def test_a_metric_s_variables_are_found_in_lists() -> None:
    ours, theirs = spread(hefted), spread(keras)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    results = []
    for library, metric in ((hefted, ours), (keras, theirs)):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(1, kernel_initializer='ones')])
        model.compile(library.optimizers.SGD(0.01), 'mse', metrics=[metric])
        history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        results.append(history.history['spread'])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def derived(library):
    """An optimizer that goes its own way with what Adam keeps, and counts in a variable."""

    class Signed(library.optimizers.Adam):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.steps_seen = library.Variable(0.0, trainable=False, name='steps_seen')

        def update_step(self, gradient, variable, learning_rate):
            index = self._get_variable_index(variable)
            m, v = self._momentums[index], self._velocities[index]
            self.assign_add(self.steps_seen, 1.0)
            self.assign(m, 0.9 * m + 0.1 * gradient)
            self.assign(v, library.ops.maximum(v, library.ops.abs(gradient)))
            self.assign_sub(variable, learning_rate * m / (v + 1e-3))

    return Signed(learning_rate=0.01)


def test_an_optimizer_s_variables_are_found_and_have_keras_s_names() -> None:
    results = []
    for library in (hefted, keras):
        optimizer = derived(library)
        dense = library.layers.Dense(1, kernel_initializer='ones', name='dense')
        model = library.Sequential([library.Input((3,)), dense], name='model')
        model.compile(optimizer, 'mse')
        losses = model.fit(X, Y + 1, batch_size=8, epochs=2, shuffle=False, verbose=0).history['loss']
        results.append((losses, float(optimizer.steps_seen), [v.name for v in optimizer.variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    assert results[0][1:] == results[1][1:]
    assert results[0][1] == 2 * 4 * 2


def test_momentums_of_sgd() -> None:
    for library in (hefted, keras):
        weights = [library.Variable(np.ones(2, 'float32')), library.Variable(np.ones(3, 'float32'))]
        for momentum, shapes in ((0.0, []), (0.9, [(2,), (3,)])):
            optimizer = library.optimizers.SGD(momentum=momentum)
            optimizer.build(weights)
            assert [tuple(v.shape) for v in optimizer.momentums] == shapes


def test_metrics_in_the_place_of_loss_weights_are_told() -> None:
    model = hefted.Sequential([hefted.Input((3,)), hefted.layers.Dense(1)])
    with pytest.raises(ArgumentError, match=r"Expected loss_weights to be one number .*'mae'.*metrics="):
        model.compile('sgd', 'mse', ['mae'])
        model.fit(X, Y, verbose=0)
