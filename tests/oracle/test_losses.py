"""Losses have Keras's values, gradients and configs."""

import jax
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted import losses
from hefted.errors import ShapeError, UnknownNameError

RNG = np.random.default_rng(2)
BINARY = (RNG.integers(0, 2, (6, 4)), RNG.uniform(0, 1, (6, 4)).astype('float32'))
ONE_HOT = (np.eye(4)[RNG.integers(0, 4, 6)], RNG.dirichlet(np.ones(4), 6).astype('float32'))
SPARSE = (RNG.integers(0, 4, 6), ONE_HOT[1])
REAL = (RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4)).astype('float32'))
LOGITS = {'from_logits': True}
CASES = [
    ('BinaryCrossentropy', {}, BINARY), ('BinaryCrossentropy', {'label_smoothing': 0.2}, BINARY),
    ('BinaryCrossentropy', LOGITS, (BINARY[0], REAL[1])),
    ('CategoricalCrossentropy', {}, ONE_HOT), ('CategoricalCrossentropy', {'label_smoothing': 0.1}, ONE_HOT),
    ('CategoricalCrossentropy', LOGITS, (ONE_HOT[0], REAL[1])),
    ('SparseCategoricalCrossentropy', {}, SPARSE), ('SparseCategoricalCrossentropy', LOGITS, (SPARSE[0], REAL[1])),
    ('SparseCategoricalCrossentropy', {'ignore_class': 2}, SPARSE),
    ('BinaryFocalCrossentropy', {'apply_class_balancing': True}, BINARY),
    ('BinaryFocalCrossentropy', {'gamma': 3.0, 'label_smoothing': 0.1}, BINARY),
    ('CategoricalFocalCrossentropy', {}, ONE_HOT), ('CategoricalFocalCrossentropy', LOGITS, (ONE_HOT[0], REAL[1])),
    ('CategoricalGeneralizedCrossEntropy', {}, SPARSE),
    ('MeanSquaredError', {}, REAL), ('MeanAbsoluteError', {}, REAL), ('MeanAbsolutePercentageError', {}, REAL),
    ('MeanSquaredLogarithmicError', {}, REAL), ('CosineSimilarity', {}, REAL), ('Huber', {'delta': 0.7}, REAL),
    ('LogCosh', {}, REAL), ('Hinge', {}, (BINARY[0], REAL[1])), ('SquaredHinge', {}, (BINARY[0] * 2 - 1, REAL[1])),
    ('CategoricalHinge', {}, (ONE_HOT[0], REAL[1])), ('KLDivergence', {}, ONE_HOT),
    ('Poisson', {}, (BINARY[0], BINARY[1])), ('Dice', {}, BINARY), ('Dice', {'axis': [1]}, BINARY),
    ('Tversky', {'alpha': 0.3, 'beta': 0.7}, BINARY),
    ('Circle', {}, (SPARSE[0], REAL[1] / np.linalg.norm(REAL[1], axis=1, keepdims=True))),
]  # fmt: skip
IDS = [f'{name}{kwargs or ""}' for name, kwargs, _ in CASES]
WEIGHTS = np.array([1.0, 0.0, 2.5, 1.0, 0.5, 3.0])


def both(name, kwargs):
    return getattr(losses, name)(**kwargs), getattr(keras.losses, name)(**kwargs)


@pytest.mark.parametrize(('name', 'kwargs', 'data'), CASES, ids=IDS)
def test_value_and_gradient_are_kerass(name, kwargs, data):
    (ours, ours_gradient), (theirs, theirs_gradient) = (
        jax.jit(jax.value_and_grad(lambda p, loss=loss: loss(data[0], p)))(data[1]) for loss in both(name, kwargs)
    )
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(ours_gradient, theirs_gradient, rtol=1e-5, atol=1e-7)


REDUCED = [case for case in CASES if case[0] in ('BinaryCrossentropy', 'SparseCategoricalCrossentropy', 'Circle')]


@pytest.mark.parametrize(('name', 'kwargs', 'data'), REDUCED)
@pytest.mark.parametrize('reduction', ['sum_over_batch_size', 'mean', 'sum', 'none', 'mean_with_sample_weight'])
def test_weights_and_reductions_are_kerass(name, kwargs, data, reduction):
    ours, theirs = both(name, {**kwargs, 'reduction': reduction})
    for weights in (WEIGHTS, WEIGHTS[:, None]):
        compare = jax.jit(lambda w: (ours(*data, sample_weight=w), theirs(*data, sample_weight=w)))
        np.testing.assert_allclose(*compare(weights), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(('name', 'kwargs', 'data'), CASES, ids=IDS)
def test_configs_are_kerass_and_open_in_both(name, kwargs, data):
    ours, theirs = both(name, kwargs)
    config = losses.serialize(ours)
    expected = keras.losses.serialize(theirs)
    # Keras loses Huber's delta; and its own deserialize does not know the generalized cross-entropy.
    assert {**config, 'config': None} == {**expected, 'config': None}
    assert config['config'].items() >= expected['config'].items()
    assert type(keras.saving.deserialize_keras_object(config)) is type(theirs)
    assert losses.serialize(losses.deserialize(config)) == config


ROW_WISE = [case for case in CASES if getattr(losses, case[0])(**case[1]).rows_independent]


def padded(data):
    return [np.concatenate([x, x[:2] * 0 + 1]) for x in data], np.arange(8) < 6


@pytest.mark.parametrize(('name', 'kwargs', 'data'), ROW_WISE)
def test_rows_that_are_not_there_change_nothing(name, kwargs, data):
    loss = getattr(losses, name)(**kwargs)
    more, rows = padded(data)
    np.testing.assert_allclose(*jax.jit(lambda: (loss(*more, rows=rows), loss(*data)))(), rtol=1e-6)


@pytest.mark.parametrize('reduction', ['mean', 'sum', 'mean_with_sample_weight'])
@pytest.mark.parametrize('kwargs', [{}, {'ignore_class': 2}])
def test_rows_that_are_not_there_change_no_weighted_mean(kwargs, reduction):
    loss = losses.SparseCategoricalCrossentropy(**kwargs, reduction=reduction)
    more, rows = padded(SPARSE)
    weights = np.concatenate([WEIGHTS, [7.0, 9.0]])
    expected = loss(*SPARSE, sample_weight=WEIGHTS)
    np.testing.assert_allclose(loss(*more, sample_weight=weights, rows=rows), expected, rtol=1e-6)


@settings(max_examples=6)
@given(
    shape_true=st.sampled_from([(5,), (5, 1), (5, 3), (5, 3, 1)]),
    shape_pred=st.sampled_from([(5,), (5, 1), (5, 3), (5, 3, 1)]),
    name=st.sampled_from(['MeanSquaredError', 'Huber', 'MeanAbsolutePercentageError']),
)
def test_last_axes_are_squeezed_as_keras_does(shape_true, shape_pred, name):
    y_true, y_pred = RNG.normal(size=shape_true), RNG.normal(size=shape_pred)
    ours, theirs = both(name, {})
    try:
        expected = theirs(y_true, y_pred)
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError), match='shape'):
            ours(y_true, y_pred)
        return
    np.testing.assert_allclose(ours(y_true, y_pred), expected, rtol=1e-5)


def test_saturated_probabilities_cost_what_they_cost_in_keras():
    y_true, y_pred = np.array([0, 1, 0, 1]), np.array([1.0, 0.0, 1e-9, 1 - 2**-23], 'float32')
    (ours, ours_gradient), (theirs, theirs_gradient) = (
        jax.jit(jax.value_and_grad(lambda p, loss=loss: loss(y_true, p)))(y_pred)
        for loss in both('BinaryCrossentropy', {})
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)
    np.testing.assert_allclose(ours_gradient, theirs_gradient, rtol=1e-6)


@pytest.mark.parametrize('name', ['SparseCategorical', 'Categorical', 'Binary'])
def test_gradients_have_kerass_last_bits(name):
    y_true = SPARSE[0] if name == 'SparseCategorical' else ONE_HOT[0]
    grads = [
        jax.jit(jax.grad(lambda logits, loss=loss: loss(y_true, jax.nn.softmax(logits))))(REAL[1])
        for loss in both(f'{name}Crossentropy', {})
    ]
    np.testing.assert_array_equal(*grads)  # else Adam would make large what rounding leaves


@pytest.mark.parametrize('name', ['mse', 'MAE', 'bce', 'kld', 'mean_squared_error', 'categorical_hinge', 'huber'])
def test_lower_case_names_give_functions(name):
    theirs = keras.losses.get(name)
    assert losses.get(name).__name__ == theirs.__name__
    np.testing.assert_allclose(losses.get(name)(*BINARY), theirs(*BINARY), rtol=1e-6)
    assert losses.serialize(losses.get(name)) == keras.losses.serialize(theirs)
    assert losses.LossFunctionWrapper(losses.get(name)).rows_independent


def test_class_names_and_classes_give_instances():
    assert isinstance(losses.get('Huber'), losses.Huber) and isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None


def test_a_users_function_is_wrapped_and_not_taken_for_row_wise():
    def largest(y_true, y_pred):
        return abs(y_true - y_pred).max()

    assert not losses.LossFunctionWrapper(largest).rows_independent
    assert not losses.Hinge().rows_independent and losses.MeanSquaredError().rows_independent
    assert not losses.is_builtin(largest) and losses.is_builtin(losses.hinge)


def test_a_mask_makes_the_mean_one_of_what_counts():
    y_true, y_pred = np.zeros((4, 2)), np.ones((4, 2)) * np.arange(4)[:, None]
    loss = losses.MeanSquaredError()(y_true, y_pred, mask=np.array([True, False, True, False]))
    assert float(loss) == pytest.approx((0 + 4) / 2)


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match='mean_squared_error'):
        losses.get('mean_square_error')
    with pytest.raises(UnknownNameError, match='reduction'):
        losses.MeanSquaredError(reduction='summ')
    with pytest.raises(ShapeError, match=r'\(3, 2\).*\(3,\).*sparse_categorical_crossentropy'):
        losses.CategoricalCrossentropy()(np.zeros(3), np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r'class numbers of shape \(3,\)'):
        losses.SparseCategoricalCrossentropy()(np.zeros((3, 2)), np.ones((3, 2)))
    with pytest.raises(AttributeError, match='Hubber'):
        losses.Hubber  # noqa: B018
