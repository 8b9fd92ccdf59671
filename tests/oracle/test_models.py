"""Functional and subclassed models train as Keras's: several inputs and outputs, own steps, own losses."""

from __future__ import annotations

import threading
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
rng = np.random.default_rng(5)
A = rng.standard_normal((50, 4)).astype('float32')
B = rng.standard_normal((50, 3)).astype('float32')
Y1 = (A.sum(axis=1, keepdims=True) > 0).astype('float32')
Y2 = rng.integers(0, 3, (50,))


def curves(make: Any, x: Any, y: Any, **fit: Any) -> list[dict[str, list[float]]]:
    """The histories of both libraries from the same weights."""
    histories: list[dict[str, list[float]]] = []
    weights: Any = None
    for kind in BACKENDS:
        model = make(kind)
        if weights is None:
            weights = model.get_weights()
        model.set_weights(weights)
        history = model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, **fit)
        histories.append(history.history)
    return histories


def agree(found: list[dict[str, list[float]]]) -> None:
    assert set(found[1]) == set(found[0])
    for name, values in found[0].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-5, atol=1e-5, err_msg=name)


def two(kind: Any, outputs: str = 'list', **compiled: Any) -> Any:
    a, b = kind.Input((4,), name='a'), kind.Input((3,), name='b')
    shared = kind.layers.Dense(5, activation='tanh', name='shared')
    left = shared(a)
    right = shared(kind.layers.Dense(4, name='widen')(b))
    one = kind.layers.Dense(1, activation='sigmoid', name='one')(left)
    many = kind.layers.Dense(3, activation='softmax', name='many', kernel_regularizer='l2')(right)
    made = {'list': [one, many], 'dict': {'first': one, 'second': many}}[outputs]
    model = kind.Model([a, b], made, name='two')
    model.compile('sgd', **compiled)
    return model


LOSSES = ['binary_crossentropy', 'sparse_categorical_crossentropy']


@pytest.mark.parametrize(
    'told',
    [
        {'loss': LOSSES},
        {'loss': LOSSES, 'metrics': [['accuracy'], ['accuracy', 'sparse_categorical_crossentropy']]},
        {'loss': LOSSES, 'loss_weights': [0.3, 2.0], 'metrics': {'one': 'mae'}},
        {'loss': {'one': LOSSES[0], 'many': LOSSES[1]}, 'loss_weights': {'one': 2.0, 'many': 0.5}},
        {'loss': [LOSSES[0], None], 'metrics': [None, ['accuracy']]},
        {'loss': LOSSES, 'metrics': [['mae'], []], 'weighted_metrics': [['mae'], ['accuracy']]},
    ],
)
def test_two_outputs_train_as_keras_s(told: dict[str, Any]) -> None:
    agree(curves(lambda kind: two(kind, **told), [A, B], [Y1, Y2]))


def test_dicts_of_inputs_and_targets_by_name() -> None:
    told = {'loss': {'one': LOSSES[0], 'many': LOSSES[1]}, 'weighted_metrics': [['mae'], None]}
    agree(curves(lambda kind: two(kind, **told), {'a': A, 'b': B}, {'one': Y1, 'many': Y2}))
    weights = [rng.random(50).astype('float32'), rng.random(50).astype('float32')]
    told = {'loss': LOSSES, 'weighted_metrics': [['mae'], None]}
    agree(curves(lambda kind: two(kind, **told), [A, B], [Y1, Y2], sample_weight=weights))


def test_dicts_of_outputs_by_key() -> None:
    told = {'loss': {'first': LOSSES[0], 'second': LOSSES[1]}, 'metrics': {'first': ['accuracy']}}
    agree(curves(lambda kind: two(kind, 'dict', **told), [A, B], {'first': Y1, 'second': Y2}, validation_split=0.2))


def test_evaluate_returns_values_in_keras_order() -> None:
    found: list[Any] = []
    weights: Any = None
    for kind in BACKENDS:
        model = two(kind, loss=LOSSES, metrics=[['accuracy'], ['accuracy']])
        weights = model.get_weights() if weights is None else weights
        model.set_weights(weights)
        found.append((model.evaluate([A, B], [Y1, Y2], verbose=0), model.train_on_batch([A, B], [Y1, Y2])))
        assert model.metrics_names == ['loss', 'compile_metrics', 'one_loss', 'many_loss']
        outputs = model.predict([A, B], verbose=0)
        assert isinstance(outputs, list)
    for one, other in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def own_step(kind: Any) -> Any:
    class Own(kind.Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.extra = kind.metrics.Mean(name='largest')

        def loss_of(self, trainable: Any, frozen: Any, x: Any, y: Any, training: bool = False) -> Any:
            y_pred, frozen = self.stateless_call(trainable, frozen, x, training=training)
            return self.compute_loss(x, y, y_pred), (y_pred, frozen)

        def train_step(self, state: Any, data: Any) -> Any:
            trainable, frozen, optimizer, values = state
            x, y = data
            (loss, (y_pred, frozen)), grads = jax.value_and_grad(self.loss_of, has_aux=True)(
                trainable, frozen, x, y, training=True
            )
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            logs, new = {}, []
            for metric in self.metrics:
                mine = values[len(new) : len(new) + len(metric.variables)]
                if metric.name == 'loss':
                    mine = metric.stateless_update_state(mine, loss)
                elif metric.name == 'largest':
                    mine = metric.stateless_update_state(mine, jnp.max(y_pred))
                else:
                    mine = metric.stateless_update_state(mine, y, y_pred)
                result = metric.stateless_result(mine)
                logs.update(result if isinstance(result, dict) else {metric.name: result})
                new += mine
            return logs, (trainable, frozen, optimizer, new)

    inputs = kind.Input((4,))
    x = kind.layers.BatchNormalization(name='n')(kind.layers.Dense(6, activation='relu', name='d')(inputs))
    model = Own(inputs, kind.layers.Dense(1, activation='sigmoid', name='o')(x))
    model.compile('adam', loss='binary_crossentropy', metrics=['accuracy'])
    return model


def test_an_overridden_training_step_trains_as_in_keras() -> None:
    agree(curves(own_step, A, Y1))


def own_loss(kind: Any) -> Any:
    class Coder(kind.Model):
        def __init__(self) -> None:
            super().__init__(name='coder')
            self.code = kind.layers.Dense(2, name='code')
            self.back = kind.layers.Dense(4, name='back', bias_regularizer='l1')
            self.size = kind.metrics.Mean(name='size')

        def call(self, inputs: Any, training: bool = False) -> Any:
            code = self.code(inputs)
            self.add_loss(0.1 * jnp.mean(jnp.square(code)))
            return self.back(code)

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return jnp.mean(jnp.abs(y - y_pred)) + jnp.sum(jnp.stack(self.losses))

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.size.update_state(jnp.max(y_pred))
            return {**results, 'size': self.size.result()}

    model = Coder()
    model(A[:2])
    model.compile('sgd')
    return model


def test_own_losses_and_metrics_of_a_subclass_train_as_in_keras() -> None:
    agree(curves(own_loss, A, A))


def test_layers_are_listed_and_named_as_in_keras() -> None:
    reference, model = (two(kind, loss=LOSSES) for kind in BACKENDS)
    assert [layer.name for layer in model.layers] == [layer.name for layer in reference.layers]
    assert [v.path for v in model.weights] == [v.path for v in reference.weights]
    assert model.output_names == reference.output_names
    assert model.input_shape == reference.input_shape
    assert model.output_shape == reference.output_shape


def test_a_model_of_what_lies_in_the_middle_shares_its_weights() -> None:
    for kind in BACKENDS:
        whole = two(kind, loss=LOSSES)
        part = kind.Model(whole.inputs, whole.get_layer('widen').output)
        tail = kind.Model(whole.get_layer('widen').output, whole.outputs[1])
        np.testing.assert_allclose(
            np.asarray(tail(part([A, B]))), np.asarray(whole([A, B])[1]), rtol=1e-5, err_msg=kind.__name__
        )
        assert tail.get_layer('shared') is whole.get_layer('shared')


def test_input_and_output_are_those_of_the_first_call() -> None:
    """A Sequential's layers were called when it was built, whoever asks for them first."""
    for kind in BACKENDS:
        layers = kind.layers

        class Own(kind.Model):
            def call(self, x: Any) -> Any:
                return x * 2

        model = kind.Sequential([kind.Input((4,)), layers.Dense(3), layers.Dense(2)])
        early = [layer.output for layer in model.layers]
        assert [tensor.shape for tensor in kind.Model(model.inputs, early).outputs] == [(None, 3), (None, 2)]
        model = kind.Sequential([kind.Input((4,)), layers.Dense(3)])
        x, other = kind.Input((4,)), kind.Input((4,))
        again = model.layers[0](x)
        assert model.layers[0].output is not again
        for called in (kind.Sequential([layers.Dense(3)]), model, layers.Dense(3), Own()):
            first = called(x)
            called(other)
            assert called.output is first
            assert called.input is x
            assert kind.Model(x, called.output).output_shape == first.shape
        with pytest.raises(AttributeError, match='never'):
            _ = layers.Dense(3).output
        for name in ('input', 'output', 'inputs', 'outputs'):
            assert not hasattr(kind.Sequential([layers.Dense(3)]), name)


def test_freezing_after_compile_is_said() -> None:
    model = two(hefted, loss=LOSSES)
    model.get_layer('shared').trainable = False
    before = model.get_layer('shared').get_weights()
    with pytest.warns(UserWarning, match='shared'):
        model.fit([A, B], [Y1, Y2], verbose=0)
    np.testing.assert_array_equal(model.get_layer('shared').get_weights()[0], before[0])


@pytest.mark.parametrize(
    'told',
    [
        {'loss': [*LOSSES, 'mse']},
        {'loss': {'one': 'mse', 'three': 'mse'}},
        {'loss': LOSSES, 'loss_weights': [1.0]},
        {'loss': LOSSES, 'metrics': ['accuracy', 'mae', 'mse']},
        {'loss': LOSSES, 'metrics': {'three': 'mae'}},
    ],
)
def test_what_does_not_fit_the_outputs_is_refused(told: dict[str, Any]) -> None:
    for kind in BACKENDS:
        with pytest.raises((ValueError, KeyError)):
            two(kind, **told).fit([A, B], [Y1, Y2], verbose=0)


def test_what_a_layer_carries_goes_on_through_every_method_as_in_keras() -> None:
    def model_of(kind: Any) -> Any:
        class Count(kind.layers.Layer):
            def build(self, input_shape: Any) -> None:
                self.calls = self.add_weight(shape=(), initializer='zeros', trainable=False, name='calls')

            def call(self, inputs: Any) -> Any:
                self.calls.assign(self.calls + 1)
                return inputs * 1.0

        model = kind.Sequential([kind.Input((3,)), Count(), kind.layers.Dense(1)])
        model.compile('sgd', 'mse', metrics=['mae'])
        return model

    def counts(kind: Any) -> list[float]:
        model = model_of(kind)
        calls = (
            lambda: model.fit(x, y, batch_size=10, epochs=2, verbose=0),
            lambda: model.evaluate(x, y, batch_size=10, verbose=0),
            lambda: model.predict(x, batch_size=10, verbose=0),
            lambda: model.test_on_batch(x, y),
            lambda: model.predict_on_batch(x),
            lambda: model.train_on_batch(x, y),
            lambda: model.fit(x, y, batch_size=10, epochs=2, verbose=0, validation_data=(x, y)),
        )
        return [(call(), float(np.asarray(model.layers[0].calls)))[1] for call in calls]

    x = np.random.default_rng(1).random((40, 3)).astype('float32')
    y = x.sum(1, keepdims=True)
    assert counts(hefted) == counts(keras) == [8, 12, 16, 17, 18, 19, 35]


def test_after_an_evaluation_the_metrics_hold_its_results() -> None:
    x = np.random.default_rng(1).random((40, 3)).astype('float32')
    y = x.sum(1, keepdims=True)
    model = hefted.Sequential([hefted.Input((3,)), hefted.layers.Dense(1)])
    model.compile('sgd', 'mse', metrics=['mae'])
    model.fit(x, y, verbose=0)
    loss, error = model.evaluate(x[:10], y[:10], verbose=0)
    told = {name: float(value) for name, value in model.get_metrics_result().items()}
    assert told == pytest.approx({'loss': loss, 'mae': error})


def test_a_model_tells_what_compile_was_told_and_names_functions_as_keras_does() -> None:
    def MeanOfAll(y: Any, p: Any) -> Any:
        return p * 1.0

    told: list[Any] = []
    for kind in BACKENDS:
        model = kind.Sequential([kind.Input((4,)), kind.layers.Dense(1)])
        found = [model.loss, model.jit_compile]
        metrics = [lambda y, p: p + y, lambda y, p: p - y, MeanOfAll]
        model.compile('sgd', 'mse', metrics=metrics, jit_compile=False)
        history = model.fit(A, Y1, verbose=0).history
        model.compile('sgd', 'mae')
        told.append([*found, sorted(history), model.loss, model.jit_compile])
    assert told[1] == told[0]
    assert told[1][2] == ['lambda', 'lambda_1', 'loss', 'mean_of_all']


def test_a_loss_that_is_a_model_or_an_own_attribute_is_no_part_of_what_it_trains() -> None:
    class Own(hefted.Model):
        def __init__(self) -> None:
            super().__init__()
            self.loss = hefted.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.loss(x)

    judge = hefted.Sequential([hefted.Input((2,)), hefted.layers.Dense(1)])
    model = Own()
    model.compile('sgd', judge)
    model(A)
    assert len(model.weights) == 2
    assert isinstance(model.loss, hefted.layers.Dense)


def test_a_variable_shows_its_value_as_keras_s() -> None:
    for value in (np.arange(6.0).reshape(2, 3), np.arange(6000).reshape(2000, 3), 3.5):
        ours, reference = (repr(kind.Variable(value, name='v')) for kind in (hefted, keras))
        assert ours == reference
    variable, seen = hefted.Variable(2.0, name='v'), []
    jax.jit(lambda: seen.append(repr(variable)))()
    assert 'value=2.0' in seen[0]
    variable.hold(jnp.ones(3))
    variable.held.delete()
    assert repr(variable) == '<Variable path=v, shape=(), dtype=float32>'


def test_what_was_trained_while_another_thread_predicts_stays() -> None:
    x = np.random.default_rng(1).random((64, 3)).astype('float32')
    model = hefted.Sequential([hefted.Input((3,)), hefted.layers.BatchNormalization(), hefted.layers.Dense(1)])
    model.compile('sgd', 'mse')
    model.fit(x, x[:, :1], verbose=0)
    mean = model.layers[0].moving_mean
    trained = np.full(3, 5.0, np.float32)

    class Trains(hefted.callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            thread = threading.Thread(target=mean.assign, args=(trained,))
            thread.start()
            thread.join()

    model.predict(x, verbose=0, callbacks=[Trains()])
    np.testing.assert_array_equal(mean.numpy(), trained)


def test_stateless_call_takes_variables_for_values():
    model = hefted.Sequential([hefted.Input((3,)), hefted.layers.Dense(2)])
    x = np.ones((1, 3), 'float32')
    np.testing.assert_array_equal(model.stateless_call(model.trainable_variables, [], x)[0], model(x))
