"""What a subclass of an optimizer overrides is called, and as in Keras, by fit and by itself."""

import keras
import numpy as np
import pytest

import hefted

X = np.random.default_rng(0).normal(size=(32, 3)).astype('float32')
Y = X.sum(1, keepdims=True)
LIBRARIES = pytest.mark.parametrize('library', [hefted, keras], ids=['hefted', 'keras'])


def losses_of(library, optimizer, epochs=3, **kwargs):
    model = library.Sequential([library.Input((3,)), library.layers.Dense(1, kernel_initializer='ones')])
    model.compile(optimizer, 'mse')
    return model.fit(X, Y + 1, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs).history['loss']


def compare(make, **kwargs):
    """The same losses by Hefted and by Keras, and other ones than without what is overridden."""
    ours, theirs = (losses_of(library, make(library), **kwargs) for library in (hefted, keras))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert not np.allclose(ours, losses_of(hefted, hefted.optimizers.SGD(0.01), **kwargs), rtol=1e-3)


def clipping(library):
    class Signs(library.optimizers.SGD):
        def _clip_gradients(self, grads):
            return [library.ops.sign(g) for g in super()._clip_gradients(grads)]

    return Signs(0.01, clipnorm=1.0)


def centralizing(library):
    class Central(library.optimizers.SGD):
        def _clip_by_norm(self, values, axes=None):
            return super()._clip_by_norm(values - library.ops.mean(values) / 2, axes)

    return Central(0.01, clipnorm=0.1)


def stepping(library):
    class Halved(library.optimizers.SGD):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            super()._backend_update_step([g / 2 for g in grads], trainable_variables, learning_rate)

    return Halved(0.01)


def one_by_one(library):
    class OneByOne(library.optimizers.Adam):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                self.update_step(gradient, variable, learning_rate * 3)

    return OneByOne(0.01)


def decaying(library):
    class Towards(library.optimizers.SGD):
        def _apply_weight_decay(self, variables):
            super()._apply_weight_decay(variables)
            for variable in variables:
                variable.assign(variable - 0.01 * (variable - 2.0))

    return Towards(0.01, weight_decay=0.1)


def choosing_decay(library):
    class OnlyKernels(library.optimizers.SGD):
        def _use_weight_decay(self, variable):
            return len(variable.shape) > 1 and super()._use_weight_decay(variable)

    return OnlyKernels(0.01, weight_decay=1.0)


def rating(library):
    class Warm(library.optimizers.SGD):
        def _get_current_learning_rate(self):
            step = library.ops.cast(self.iterations, 'float32')
            return super()._get_current_learning_rate() * library.ops.minimum(1.0, (step + 1) / 10)

    return Warm(0.05)


def filtering(library):
    class NoBias(library.optimizers.SGD):
        def _filter_empty_gradients(self, grads, vars):
            grads, vars = super()._filter_empty_gradients(grads, vars)
            kept = [(g, v) for g, v in zip(grads, vars, strict=True) if v.name != 'bias']
            return [g for g, _ in kept], [v for _, v in kept]

    return NoBias(0.01)


def applying(library):
    class Doubled(library.optimizers.SGD):
        def apply(self, grads, trainable_variables=None):
            super().apply([2 * g for g in grads], trainable_variables)

    return Doubled(0.01)


def applying_backend(library):
    class Lookahead(library.optimizers.SGD):
        def _backend_apply_gradients(self, grads, trainable_variables):
            before = [library.ops.copy(v) for v in trainable_variables]
            super()._backend_apply_gradients(grads, trainable_variables)
            for variable, old in zip(trainable_variables, before, strict=True):
                variable.assign(old + 0.5 * (variable - old))

    return Lookahead(0.05)


def applying_purely(library):
    class Pure(library.optimizers.SGD):
        def stateless_apply(self, optimizer_variables, grads, trainable_variables):
            return super().stateless_apply(optimizer_variables, [3 * g for g in grads], trainable_variables)

    return Pure(0.01)


def averaging(library):
    class Slow(library.optimizers.SGD):
        def _update_model_variables_moving_average(self, trainable_variables):
            for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
                average.assign(0.5 * average + 0.25 * variable)

    return Slow(0.01, use_ema=True, ema_overwrite_frequency=2)


def finalizing(library):
    class Kept(library.optimizers.SGD):
        def _overwrite_model_variables_with_average_value(self, trainable_variables):
            for variable in self._trainable_variables:
                average = self._model_variables_moving_average[self._trainable_variables_indices[id(variable)]]
                variable.assign((variable + average) / 2)

    return Kept(0.01, use_ema=True)


@pytest.mark.parametrize(
    'make',
    [clipping, centralizing, stepping, one_by_one, decaying, choosing_decay, rating, filtering, applying,
     applying_backend, applying_purely, averaging],
)  # fmt: skip
def test_what_an_optimizer_overrides_is_called(make) -> None:
    compare(make)


def test_what_an_optimizer_makes_of_its_averages_at_the_end_is_called() -> None:
    results = []
    for library in (hefted, keras):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(1, kernel_initializer='ones')])
        model.compile(finalizing(library), 'mse')
        model.fit(X, Y + 1, batch_size=8, epochs=2, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_accumulated_gradients_have_keras_s_name() -> None:
    for library in (hefted, keras):
        optimizer = library.optimizers.SGD(gradient_accumulation_steps=2)
        optimizer.build([library.Variable(np.ones(2, 'float32')), library.Variable(np.ones(3, 'float32'))])
        assert [tuple(v.shape) for v in optimizer._accumulated_gradients] == [(2,), (3,)]


@pytest.mark.parametrize('growth', [1, 3])
def test_a_loss_scale_grows_without_a_trace_in_the_weights(growth) -> None:
    scaled = []
    for library in (hefted, keras):
        optimizer = library.optimizers.LossScaleOptimizer(library.optimizers.Adam(1e-2), dynamic_growth_steps=growth)
        scaled.append((losses_of(library, optimizer, epochs=4), float(optimizer.dynamic_scale)))
    np.testing.assert_allclose(scaled[0][0], scaled[1][0], rtol=1e-5)
    np.testing.assert_allclose(scaled[0][0], losses_of(hefted, hefted.optimizers.Adam(1e-2), epochs=4), rtol=1e-5)
    assert scaled[0][1] == scaled[1][1] > 2.0**15


@LIBRARIES
@pytest.mark.parametrize('name', ['Adam', 'SGD', 'RMSprop'])
def test_decay_of_old_programs_is_ignored_with_a_warning(library, name) -> None:
    with pytest.warns(UserWarning, match='`decay` is no longer supported and will be ignored') as heard:
        optimizer = getattr(library.optimizers, name)(0.01, decay=1e-6)
    assert 'decay' not in set(optimizer.get_config()) - {'weight_decay'}
    assert library is keras or heard[0].filename == __file__
    getattr(library.optimizers, name)(0.01, decay=None)
    with pytest.raises(ValueError, match='decay_rate'):
        getattr(library.optimizers, name)(0.01, decay_rate=1e-6)


@pytest.mark.parametrize('scaled', [False, True])
@pytest.mark.parametrize('frozen', [False, True])
def test_a_model_without_trainable_weights_runs(frozen, scaled, recwarn) -> None:
    results = []
    for library in (hefted, keras):
        layer = library.layers.Dense(3, kernel_initializer='ones') if frozen else library.layers.Rescaling(2.0)
        model = library.Sequential([library.Input((3,)), layer])
        model.trainable = not frozen
        optimizer = library.optimizers.SGD(0.1, global_clipnorm=1.0, use_ema=True)
        model.compile(library.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer, 'mse', metrics=['mae'])
        history = model.fit(X, X, batch_size=8, epochs=2, verbose=0).history
        steps = int(optimizer.iterations)
        results.append([*history['loss'], *history['mae'], *model.train_on_batch(X, X), steps])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    assert not recwarn.list
