"""Bad input is an error that says what was wrong, of Keras's kind, before any step ran."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Input, Sequential, callbacks, layers, losses, ops, optimizers
from hefted.errors import ArgumentError, DataError, NotBuiltError, NotCompiledError, ShapeError, UnknownNameError

X = np.random.default_rng(0).random((20, 3))
Y = (X[:, :1] > 0.5).astype('float32')


def model_of(units: int = 1, loss: Any = 'binary_crossentropy', optimizer: Any = 'sgd', **arguments: Any) -> Sequential:
    last = layers.Dense(units, activation='sigmoid' if units == 1 else 'softmax')
    model = Sequential([Input((3,)), layers.Dense(4), last])
    model.compile(optimizer, loss, **arguments)
    return model


def assert_refused(model: Sequential, call: Any, error: type[Exception], *words: str) -> None:
    """The call raises an error with these words, and no weight has changed."""
    assert issubclass(error, ValueError)  # as in Keras
    before = model.get_weights()
    with pytest.raises(error) as caught:
        call(model)
    for word in words:
        assert re.search(word, str(caught.value)), f'{word!r} is not in: {caught.value}'
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


BAD_FITS: dict[str, tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = {
    'another width': ({'x': X[:, :2]}, ShapeError, (r'inputs \(x\)', 'axis -1', 'value 3', r'\(None, 2\)')),
    'another rank': ({'x': X[:, 0]}, ShapeError, ('expected', r'\(None,\)')),
    'fewer targets': ({'y': Y[:7]}, ShapeError, ('x has 20', 'y has 7')),
    'wider targets': ({'y': np.zeros((20, 2))}, ShapeError, ('y', r'\(None, 1\)', r'\(None, 2\)', 'last layer 2 wide')),
    'no targets': ({'y': None}, ArgumentError, ('Expected y', 'None')),
    'labels of -1 and 1': ({'y': Y * 2 - 1}, DataError, ('y', 'between 0 and 1', 'from -1 to 1', r'\(y \+ 1\) / 2')),
    'labels of 0 to 9': ({'y': np.arange(20) % 10}, DataError, ('between 0 and 1', 'from 0 to 9')),
    'labels that are NaN': ({'y': np.full((20, 1), np.nan)}, DataError, ('y without NaN', '20 of 20', 'Drop')),
    'labels that are text': ({'y': np.array(['yes', 'no'] * 10)}, ArgumentError, ('y', 'numbers', 'Encode')),
    'no rows': ({'x': X[:0], 'y': Y[:0]}, DataError, ('at least one row',)),
    'an object array': ({'x': np.array([[None] * 3] * 20)}, ArgumentError, ('x', 'object')),
    'no data': ({'x': None}, DataError, ('Expected x',)),
    'weights of another length': ({'sample_weight': np.ones(3)}, ShapeError, ('sample_weight has 3',)),
    'weights of another shape': ({'sample_weight': np.ones((20, 4))}, ShapeError, ('sample_weight', r'\(20, 4\)')),
    'weights of both kinds': ({'sample_weight': np.ones(20), 'class_weight': {0: 1}}, ArgumentError, ('both',)),
    'class weights in a list': ({'class_weight': [1, 2]}, ArgumentError, ('class_weight', 'dict', 'list')),
    'negative epochs': ({'epochs': -1}, ArgumentError, ('epochs', '-1')),
    'half an epoch': ({'epochs': 2.5}, ArgumentError, ('epochs', '2.5')),
    'a negative first epoch': ({'initial_epoch': -2}, ArgumentError, ('initial_epoch', '-2')),
    'no batch': ({'batch_size': 0}, ArgumentError, ('batch_size', 'positive', '0')),
    'half a batch': ({'batch_size': 1.5}, ArgumentError, ('batch_size', '1.5')),
    'no steps': ({'steps_per_epoch': 0}, ArgumentError, ('steps_per_epoch', '0')),
    'no validation steps': ({'validation_steps': -1}, ArgumentError, ('validation_steps', '-1')),
    'a callback that is none': ({'callbacks': [print]}, ArgumentError, ('callbacks', 'print', 'Callback')),
    'a callback that is a class': (
        {'callbacks': [callbacks.TerminateOnNaN]}, ArgumentError, ('callbacks', r'TerminateOnNaN\(\)'),
    ),
    'validation data that is one array': ({'validation_data': X}, ArgumentError, ('y of validation_data', 'None')),
    'validation data of four': ({'validation_data': (X, Y, X, Y)}, ArgumentError, ('validation_data', '4')),
    'validation rows that differ': ({'validation_data': (X, Y[:3])}, ShapeError, ('validation_data', '20', '3')),
    'validation of another width': ({'validation_data': (X[:, :2], Y)}, ShapeError, ('validation_data', '2')),
    'validation labels out of range': ({'validation_data': (X, Y + 4)}, DataError, ('validation_data', '4 to 5')),
    'a split over 1': ({'validation_split': 1.5}, ArgumentError, ('validation_split', '1.5')),
    'a frequency of 0': (
        {'validation_freq': 0, 'validation_data': (X, Y)}, ArgumentError, ('validation_freq', '0'),
    ),
    'a strange verbosity': ({'verbose': 'loud'}, ArgumentError, ('verbose', 'loud', 'auto')),
}  # fmt: skip


@pytest.mark.parametrize('what', BAD_FITS)
def test_fit_refuses(what: str) -> None:
    arguments, error, words = BAD_FITS[what]
    given = {'x': X, 'y': Y, 'verbose': 0, 'meter': None, **arguments}
    assert_refused(model_of(), lambda model: model.fit(**given), error, *words)


@pytest.mark.parametrize('method', ['fit', 'evaluate', 'train_on_batch', 'test_on_batch'])
def test_labels_outside_the_range_of_a_loss_are_refused(method: str) -> None:
    def call(y: Any) -> Any:
        quiet = {'verbose': 0, 'meter': None} if method in ('fit', 'evaluate') else {}
        return lambda model: getattr(model, method)(X, y, **quiet)

    sparse = model_of(3, 'sparse_categorical_crossentropy')
    assert_refused(
        sparse, call(np.arange(20) % 4), DataError, 'from 0 to 2', 'from 0 to 3', 'Number the classes from 0'
    )
    assert_refused(sparse, call(np.arange(20) % 3 - 1), DataError, 'from -1 to 1', 'ignore_class=-1')
    assert_refused(
        sparse, call(np.where(np.arange(20) % 2, -100, 1)), DataError, 'the loss ignore_class=-100', 'weighted_metrics'
    )
    assert_refused(sparse, call(np.full(20, np.nan)), DataError, 'y without NaN')
    assert_refused(sparse, call(np.arange(20) % 3 - 0.5), DataError, 'whole numbers', 'received -0.5')
    assert_refused(sparse, call(np.eye(3)[np.arange(20) % 3]), ShapeError, 'one-hot', 'categorical_crossentropy')
    one_hot = model_of(3, 'categorical_crossentropy')
    assert_refused(one_hot, call(np.arange(20) % 3), ShapeError, r'\(None, 3\)', 'sparse_categorical_crossentropy')
    assert_refused(one_hot, call(np.eye(3)[np.arange(20) % 3] * 7), DataError, 'between 0 and 1', 'from 0 to 7')
    assert_refused(one_hot, call(np.eye(4)[np.arange(20) % 4]), ShapeError, r'\(None, 3\)', r'\(None, 4\)')


@pytest.mark.parametrize(
    ('arguments', 'hint'),
    [
        ({'optimizer': 'rmsporp'}, "optimizer: 'rmsporp'. Did you mean 'rmsprop'"),
        ({'loss': 'binary_crosentropy'}, "loss: 'binary_crosentropy'. Did you mean 'binary_crossentropy'"),
        ({'metrics': ['acuracy']}, "metric: 'acuracy'. Did you mean 'accuracy'"),
        ({'metrics': 'acuracy'}, 'Did you mean'),
        ({'weighted_metrics': ['mean_absolute']}, 'Did you mean'),
    ],
)
def test_names_that_are_not_known_are_told_at_compile_with_the_nearest(arguments: Any, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(hint)):
        Sequential([layers.Dense(1)]).compile(**arguments)


def test_things_that_are_no_optimizer_loss_or_metric_are_refused() -> None:
    for arguments in ({'optimizer': 3}, {'loss': 3}, {'metrics': [3]}, {'weighted_metrics': 3}):
        with pytest.raises(ArgumentError, match='received 3'):
            Sequential([layers.Dense(1)]).compile(**arguments)


@pytest.mark.parametrize(
    'call',
    [
        lambda model: model.fit(X, Y, verbose=0),
        lambda model: model.evaluate(X, Y, verbose=0),
        lambda model: model.train_on_batch(X, Y),
        lambda model: model.test_on_batch(X, Y),
    ],
    ids=['fit', 'evaluate', 'train_on_batch', 'test_on_batch'],
)
def test_a_model_that_was_not_compiled_says_so(call: Any) -> None:
    model = Sequential([Input((3,)), layers.Dense(1)])
    assert_refused(model, call, NotCompiledError, r'compile\(\)')


def test_a_model_that_was_not_built_says_so(tmp_path: Any) -> None:
    model = Sequential([layers.Dense(1)])
    for call in (
        lambda: model.count_params(),
        lambda: model.save_weights(tmp_path / 'a.weights.h5'),
        lambda: model.load_weights(tmp_path / 'a.weights.h5'),
    ):
        with pytest.raises((NotBuiltError, FileNotFoundError), match=r'built|weights'):
            call()


def test_evaluate_and_predict_refuse_what_fit_refuses() -> None:
    quiet: dict[str, Any] = {'verbose': 0, 'meter': None}
    model = model_of()
    assert_refused(model, lambda m: m.evaluate(X[:, :2], Y, **quiet), ShapeError, r'\(x\)', 'axis -1', '2')
    assert_refused(model, lambda m: m.evaluate(X, Y[:3], **quiet), ShapeError, 'x has 20, y has 3')
    assert_refused(model, lambda m: m.evaluate(X, Y, steps=0, **quiet), ArgumentError, 'steps')
    assert_refused(model, lambda m: m.evaluate(X, Y, callbacks=[3], **quiet), ArgumentError, 'callbacks')
    assert_refused(model, lambda m: m.predict(X[:, :2], verbose=0), ShapeError, r'\(x\)', 'axis -1', '2')
    assert_refused(model, lambda m: m.predict(X[:0], verbose=0), DataError, 'at least one row')
    assert_refused(model, lambda m: m.predict(X, batch_size=0, verbose=0), ArgumentError, 'batch_size')
    assert_refused(model, lambda m: m.predict(X, steps=0, verbose=0), ArgumentError, 'steps')


def test_a_batch_larger_than_the_data_warns_and_trains() -> None:
    model = model_of()
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r'batch_size=64 .* 20 rows') as caught:
        model.fit(X, Y, batch_size=64, verbose=0, meter=None)
    assert caught[0].filename == __file__
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_a_loss_that_is_nan_trains_on_unless_a_callback_stops_it(capsys: pytest.CaptureFixture[str]) -> None:
    y = Y.copy()
    y[3] = np.nan
    model = model_of(loss='mse')
    history = model.fit(X, y, epochs=2, batch_size=8, verbose=0, meter=None)
    assert len(history.history['loss']) == 2
    assert np.isnan(history.history['loss']).all()
    stopped = model.fit(X, y, epochs=2, verbose=0, meter=None, callbacks=[callbacks.TerminateOnNaN()])
    assert stopped.epoch == [0]
    assert 'Batch 0: Invalid loss' in capsys.readouterr().out


def test_a_model_that_refused_data_trains_on_good_data_afterwards() -> None:
    for bad in ({'x': X[:, :2]}, {'y': Y * 2 - 1}, {'y': np.zeros((20, 2))}):
        model = Sequential([layers.Dense(4), layers.Dense(1, activation='sigmoid')])
        model.build((None, 3))
        model.compile('sgd', 'binary_crossentropy')
        with pytest.raises(ValueError):
            model.fit(**{'x': X, 'y': Y, 'verbose': 0, 'meter': None, **bad})
        assert np.isfinite(model.fit(X, Y, verbose=0, meter=None).history['loss'][0])


def test_layers_and_stacks_refuse_what_keras_refuses() -> None:
    for make, words in (
        (lambda: layers.Dense(0), 'units'),
        (lambda: layers.Dense('4'), 'units'),
        (lambda: layers.Dense(4, activation='rellu'), "Did you mean 'relu'"),
        (lambda: layers.Dense(4, kernel_initializer='glorot'), 'Did you mean'),
        (lambda: layers.Dense(4, actvation='relu'), "Dense: 'actvation'. Did you mean 'activation'"),
        (lambda: optimizers.Adam(lr=0.1), "Adam: 'lr'. Did you mean 'learning_rate'"),
        (lambda: optimizers.SGD(momentun=0.1), "Did you mean 'momentum'"),
        (lambda: layers.Dropout(1.5), 'rate'),
        (lambda: layers.Dropout('half'), 'rate'),
        (lambda: layers.Dense(4, dtype='flaot32'), "Did you mean 'float32'"),
        (lambda: Sequential([3]), 'layers'),
        (lambda: Sequential([layers.Dense(1, name='a'), layers.Dense(1, name='a')]), 'unique'),
        (lambda: Sequential([layers.Dense(1), Input((3,))]), 'Input'),
        (lambda: Input(3), r'\(3,\)'),
        (lambda: Input('10'), "whole numbers .* received '10'"),
        (lambda: Input((-3,)), r'whole numbers .* received \(-3,\)'),
        (lambda: Input(('a',)), 'whole numbers'),
        (lambda: Input((2.5,)), 'whole numbers'),
        (lambda: Input((3,), batch_size='4'), 'whole numbers'),
        (lambda: layers.Dense(4, input_dim='3'), 'whole numbers'),
        (lambda: layers.Dense(4, input_shape=3), 'whole numbers'),
        (lambda: layers.BatchNormalization(axis=3)(X), "axis of 'batch_.*from -2 to 1.*axis=3"),
        (lambda: layers.GroupNormalization(axis=3)(X), 'axis=3'),
        (lambda: layers.PReLU(shared_axes=[3])(X), 'axis=3'),
        (lambda: layers.Softmax(axis=3)(X), 'axis=3'),
        (lambda: layers.Concatenate(axis=3)([X, X]), 'axis=3'),
    ):
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize('layer', ['Dense', 'LayerNormalization', 'LSTM', 'BatchNormalization', 'PReLU'])
def test_weights_whose_size_is_not_known_ask_for_it(layer: str) -> None:
    for make in (
        lambda: Sequential([Input((4, None)), getattr(layers, layer)(*[3][: layer in ('Dense', 'LSTM')])]),
        lambda: getattr(layers, layer)(*[3][: layer in ('Dense', 'LSTM')])(Input((4, None))),
    ):
        with pytest.raises(ShapeError, match=r'size is None. Give Input that size'):
            make()


def test_a_stack_is_built_for_sizes_that_are_not_known() -> None:
    model = Sequential([Input((None,)), layers.Embedding(10, 4), layers.LSTM(5), layers.Dense(1)])
    assert [layer.output_shape for layer in model.layers] == [(None, None, 4), (None, 5), (None, 1)]
    assert model.output_shape == (None, 1)
    model.add(layers.Dense(2))
    assert model.output.shape == (None, 2)
    assert model.layers[0].output.shape == (None, None, 4)  # called once
    assert [model.predict(np.zeros((2, steps)), verbose=0).shape for steps in (3, 7)] == [(2, 2)] * 2


def test_a_stack_without_layers_says_so() -> None:
    model = Sequential()
    model.compile('sgd', 'mse')
    for call in (model.predict, model.fit, model):
        with pytest.raises(ArgumentError, match=r'it has no layers. Call `model.add\(layer\)`'):
            call(X, **({} if call is model else {'verbose': 0}))
    model.add(layers.Dense(1))
    assert model.predict(X, verbose=0).shape == (20, 1)


@pytest.mark.parametrize(
    ('module', 'name', 'meant'),
    [(hefted, 'Sequentail', 'Sequential'), (layers, 'Dens', 'Dense'), (ops, 'matmull', 'matmul'),
     (losses, 'Hubert', 'Huber'), (optimizers, 'Adem', 'Adam')],
)  # fmt: skip
def test_a_module_names_what_is_nearest_to_what_it_does_not_have(module: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'. Did you mean '{meant}'"):
        getattr(module, name)
    assert not hasattr(module, '__no_such__')
