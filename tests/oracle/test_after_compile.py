"""What a compiled model can do, and says, before it was ever fitted."""

import jax
import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).normal(size=(32, 3)).astype('float32')
Y = X.sum(1, keepdims=True)


def compiled(library, **told):
    dense = library.layers.Dense(1, kernel_initializer='ones', kernel_regularizer=library.regularizers.L2(0.1))
    model = library.Sequential([library.Input((3,)), dense])
    model.compile('sgd', **({'loss': 'mse', 'metrics': ['mae']} | told))
    return model


def test_the_loss_and_the_metrics_of_outputs_can_be_computed() -> None:
    ours, theirs = compiled(hefted), compiled(keras)
    losses = [float(model.compute_loss(X, Y + 1, model(X))) for model in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-6)
    results = [model.compute_metrics(X, Y + 1, model(X), None) for model in (ours, theirs)]
    assert {k: float(v) for k, v in results[0].items()} == pytest.approx({k: float(v) for k, v in results[1].items()})
    assert set(results[0]) == {'loss', 'mae'}


@pytest.mark.parametrize('told', [{}, {'metrics': None}, {'metrics': None, 'weighted_metrics': ['mae']}])
def test_metrics_are_told_before_and_after_the_first_data(told) -> None:
    ours, theirs = compiled(hefted, **told), compiled(keras, **told)
    for _ in range(2):
        assert ours.metrics_names == theirs.metrics_names
        assert len(ours.metrics_variables) == len(theirs.metrics_variables)
        tracker = ours.metrics[0]
        for model in (ours, theirs):
            model.fit(X, Y, epochs=1, verbose=0)
        assert ours.metrics[0] is tracker


def losses_of_a_loop_of_one_s_own(library):
    model = compiled(library)
    model.optimizer.build(model.trainable_variables)

    def loss_of(trainable, rest, x, y):
        outputs, rest = model.stateless_call(trainable, rest, x, training=True)
        return model.compute_loss(x, y, outputs), rest

    @jax.jit
    def step(trainable, rest, optimizer, x, y):
        (loss, rest), grads = jax.value_and_grad(loss_of, has_aux=True)(trainable, rest, x, y)
        return loss, *model.optimizer.stateless_apply(optimizer, grads, trainable), rest

    trainable, rest, optimizer = (
        [v.value for v in group]
        for group in (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    )
    losses = []
    for _ in range(3):
        loss, trainable, optimizer, rest = step(trainable, rest, optimizer, X, Y + 1)
        losses.append(float(loss))
    for variable, value in zip(model.trainable_variables, trainable, strict=True):
        variable.assign(value)
    return losses + model.fit(X, Y + 1, batch_size=8, shuffle=False, verbose=0).history['loss']


def test_a_loop_of_one_s_own_around_compute_loss() -> None:
    ours, theirs = losses_of_a_loop_of_one_s_own(hefted), losses_of_a_loop_of_one_s_own(keras)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_several_outputs_and_a_cross_entropy_that_data_choose() -> None:
    results = []
    for library in (hefted, keras):
        inputs = library.Input((3,))
        first = library.layers.Dense(3, 'softmax', kernel_initializer='ones', name='first')(inputs)
        second = library.layers.Dense(1, kernel_initializer='ones', name='second')(inputs)
        model = library.Model(inputs, [first, second])
        model.compile('sgd', ['sparse_categorical_crossentropy', 'mse'], metrics=[['accuracy'], ['mae']])
        y = [np.arange(32) % 3, Y + 1]
        loss = float(model.compute_loss(X, y, model(X)))
        results.append({'total': loss} | {k: float(v) for k, v in model.compute_metrics(X, y, model(X)).items()})
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_what_a_model_has_before_it_is_compiled() -> None:
    ours, theirs = (library.Sequential([library.Input((3,)), library.layers.Dense(1)]) for library in (hefted, keras))
    names = ('run_eagerly', 'steps_per_execution', 'train_function', 'test_function', 'predict_function', 'loss')
    for name in (*names, 'jit_compile', 'metrics_names', 'compiled'):
        assert getattr(ours, name) == getattr(theirs, name), name
    for model in (ours, theirs):
        assert not hasattr(model, 'optimizer')
        model.summary(print_fn=lambda line: None)
        assert model.predict(X, verbose=0).shape == (32, 1)
        model.run_eagerly = True
        assert model.run_eagerly
        model.compile('sgd', 'mse')
        assert not model.run_eagerly


@pytest.mark.parametrize('library', [hefted, keras], ids=['hefted', 'keras'])
def test_a_program_is_made_anew_where_asked(library) -> None:
    class Scaled(library.layers.Layer):
        factor = 1.0

        def call(self, x):
            return x * self.factor

    layer = Scaled()
    model = library.Sequential([library.Input((3,)), layer])
    model.compile('sgd', 'mse')
    for factor, anew in (
        (2.0, lambda: (model.make_train_function(force=True), model.make_predict_function(force=True))),
        (3.0, lambda: [setattr(model, f'{kind}_function', None) for kind in ('train', 'test', 'predict')]),
    ):
        assert np.isfinite(model.fit(X, X, verbose=0).history['loss'][0])
        model.predict(X, verbose=0)
        layer.factor = factor
        anew()
        np.testing.assert_allclose(model.predict(X, verbose=0), X * factor, rtol=1e-6)
        np.testing.assert_allclose(
            model.fit(X, X, verbose=0).history['loss'][0], np.mean((X * factor - X) ** 2), rtol=1e-5
        )


def test_a_step_of_one_s_own_making_is_refused_or_said() -> None:
    class Own(hefted.Sequential):
        def make_train_function(self, force=False):
            self.train_function = lambda state, data: ({}, state)

    model = Own([hefted.Input((3,)), hefted.layers.Dense(1)])
    with pytest.warns(UserWarning, match=r'Own\.make_train_function is not called\. Say in train_step'):
        model.compile('sgd', 'mse')
    with pytest.raises(hefted.errors.ArgumentError, match='train_function to be set to None'):
        model.make_train_function()


def test_a_callback_that_asks_for_the_state_has_it() -> None:
    seen = {}
    for library in (hefted, keras):
        kernels = seen[library] = []

        class Reads(library.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None, kernels=kernels):
                self.model.jax_state_sync()
                kernels.append(np.array(self.model.layers[0].kernel))

        model = compiled(library)
        model.fit(X, Y + 1, batch_size=8, shuffle=False, verbose=0, callbacks=[Reads()])
        assert len(kernels) == 4
    np.testing.assert_allclose(seen[hefted], seen[keras], rtol=1e-5)


def test_callbacks_of_evaluate_and_predict_are_told_keras_s_params() -> None:
    seen = []
    for library in (hefted, keras):
        model = compiled(library)
        callback = library.callbacks.Callback()
        model.evaluate(X, Y, verbose=0, callbacks=[callback])
        seen.append(dict(callback.params))
        model.predict(X, batch_size=8, verbose=0, callbacks=[callback])
        seen.append(dict(callback.params))
    assert seen[:2] == seen[2:] == [{'verbose': 0, 'epochs': 1, 'steps': 1}, {'verbose': 0, 'epochs': 1, 'steps': 4}]


def test_a_warning_of_layers_frozen_after_compile_names_the_user_s_line() -> None:
    model = compiled(hefted)
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match='changed since the model was compiled') as heard:
        model.fit(X, Y, verbose=0)
    assert [w.filename for w in heard if 'compiled' in str(w.message)] == [__file__]
