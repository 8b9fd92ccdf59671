"""Inputs in a list or by name, as people write them for models of one input and of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hefted import Model, Sequential
from hefted.errors import ShapeError
from hefted.layers import Add, Dense, Input

X = np.arange(12, dtype='float32').reshape(6, 2)


def stack() -> Any:
    model = Sequential([Input((2,)), Dense(1)])
    model.compile(loss='mse')
    return model


def test_the_only_tensor_of_a_list_is_the_input_of_a_sequential() -> None:
    model = stack()
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict([X], verbose=0), wanted)
    np.testing.assert_allclose(model([X]), wanted, rtol=1e-6, atol=1e-6)
    assert model.evaluate([X], X[:, :1], verbose=0) == model.evaluate(X, X[:, :1], verbose=0)
    assert np.isfinite(model.fit([X], X[:, :1], verbose=0).history['loss']).all()
    unbuilt = Sequential([Dense(1)])
    assert unbuilt([X]).shape == (6, 1)


@pytest.mark.parametrize('inputs', [{'a': X}, {'a': X, 'b': X}, [X, X]])
def test_several_tensors_or_tensors_by_name_are_refused_by_a_sequential(inputs: Any) -> None:
    for model in (stack(), Sequential([Dense(1)])):
        model.compile(loss='mse')
        with pytest.raises(ShapeError, match='Expected one tensor for Sequential'):
            model.fit(inputs, X[:, :1], verbose=0)
        with pytest.raises(ShapeError, match='Expected one tensor for Sequential'):
            model.predict(inputs, verbose=0)


def test_a_functional_model_takes_its_inputs_by_name_out_of_more() -> None:
    a, b = Input((2,), name='a'), Input((2,), name='b')
    more = {'b': X, 'c': X[:, :1], 'a': X + 1}
    for listed in (Model(a, Dense(2)(a)), Model([a, b], Dense(2)(Add()([a, b])))):
        listed.compile(loss='mse')
        wanted = listed.predict(X + 1 if len(listed.inputs) == 1 else [X + 1, X], verbose=0)
        np.testing.assert_array_equal(listed.predict(more, verbose=0), wanted)
        assert np.isfinite(listed.fit(more, X, verbose=0).history['loss']).all()
    named = Model({'a': a, 'b': b}, Add()([a, b]))
    with pytest.warns(UserWarning, match=r"no inputs named \['c'\]"):
        np.testing.assert_array_equal(named.predict(more, verbose=0), X + X + 1)


def test_a_model_takes_numbers_in_plain_lists_as_it_takes_an_array() -> None:
    a, b = Input((2,), name='a'), Input((2,), name='b')
    rows, both = X.tolist(), Add()([a, b])
    for model in (stack(), Sequential([Dense(1)]), Model(a, Dense(1)(a))):
        np.testing.assert_array_equal(model(rows), model(X))
    np.testing.assert_array_equal(Model([a, b], both)([rows, X]), X + X)
    np.testing.assert_array_equal(Model([a, b], both)({'a': rows, 'b': rows}), X + X)
    np.testing.assert_array_equal(Model({'a': a, 'b': b}, both)({'a': rows, 'b': X}), X + X)
    one = Input((1,))
    np.testing.assert_array_equal(Model(one, Add()([one, one]))([[5]]), [[10.0]])
    with pytest.raises(ShapeError, match='rows do not have the same length'):
        stack()([[1.0, 2.0], [3.0]])
