"""Utilities over sequences, and the loss over them, give Keras's numbers."""

import keras
import numpy as np
import pytest

from hefted import Input, Sequential, layers, losses, utils

RNG = np.random.default_rng(0)
RAGGED = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize('kwargs', [
    {}, {'maxlen': 2}, {'maxlen': 2, 'truncating': 'post'}, {'padding': 'post', 'value': -1}, {'dtype': 'float32'},
    {'maxlen': 5, 'padding': 'post', 'truncating': 'post'},
], ids=str)  # fmt: skip
def test_padding_is_kerass(kwargs):
    ours, theirs = (m.pad_sequences(RAGGED, **kwargs) for m in (utils, keras.utils))
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('wrong', [([1, 2], {}), (RAGGED, {'padding': 'mid'}), ([[[1]], [[1, 2]]], {})], ids=str)
def test_padding_refuses_what_keras_refuses(wrong):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError):
            module.pad_sequences(wrong[0], **wrong[1])


@pytest.mark.parametrize('kwargs', [{}, {'axis': 1}, {'order': 1}], ids=str)
def test_norms_are_kerass(kwargs):
    x = np.concatenate([RNG.normal(size=(3, 4)), np.zeros((1, 4))])
    np.testing.assert_allclose(utils.normalize(x, **kwargs), keras.utils.normalize(x, **kwargs))


def test_columns_get_norm_1_where_keras_divides_by_the_rows():
    x = RNG.normal(size=(3, 3))
    np.testing.assert_allclose(np.linalg.norm(utils.normalize(x, axis=0), axis=0), 1)


def test_ctc_is_kerass():
    y_true = np.array([[1, 2, 2], [3, 0, 0]])
    y_pred = RNG.normal(size=(2, 7, 4)).astype('float32')
    np.testing.assert_allclose(losses.ctc(y_true, y_pred), keras.losses.ctc(y_true, y_pred), rtol=1e-5)
    ours, theirs = losses.CTC(name='it'), keras.losses.CTC(name='it')
    np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-5)
    assert losses.serialize(ours) == keras.losses.serialize(theirs)
    with pytest.raises(ValueError, match='batch, labels'):
        losses.ctc(y_true[0], y_pred)
    model = Sequential([Input((7, 4)), layers.Rescaling(1.0)])
    model.compile(loss='ctc')
    assert model.evaluate(y_pred, y_true, verbose=0) == pytest.approx(float(theirs(y_true, y_pred)), rel=1e-5)


def test_a_session_is_forgotten():
    utils.clear_session()
    assert utils.is_keras_tensor(Input((2,))) and not utils.is_keras_tensor(np.zeros(2))
    assert utils.standardize_dtype(float) == 'float32'
    assert utils.CustomObjectScope is utils.custom_object_scope
