"""A constructor that leaves out `super().__init__()` is told so, in Keras's words."""

import keras
import numpy as np
import pytest

import hefted

X = np.ones((2, 3), 'float32')
LIBRARIES = pytest.mark.parametrize('library', [hefted, keras], ids=['hefted', 'keras'])
TOLD = r"In layer '\w+', you forgot to call `super\(\).__init__\(\)` as the first statement"


def layer_of(library, base=None):
    class Forgetful(base or library.layers.Layer):
        def __init__(self, units=3):
            self.units = units
            self.dense = library.layers.Dense(units)

        def call(self, x):
            return self.dense(x)

    return Forgetful()


@LIBRARIES
def test_where_it_is_called(library) -> None:
    for make in (layer_of, lambda library: layer_of(library, library.Model)):
        with pytest.raises(RuntimeError, match=TOLD):
            make(library)(X)
        with pytest.raises(RuntimeError, match=TOLD):
            make(library)(library.Input((3,)))


@LIBRARIES
def test_where_it_makes_a_weight(library) -> None:
    with pytest.raises(RuntimeError, match=TOLD):
        layer_of(library).add_weight(shape=(3,))


def test_where_a_model_takes_it_or_is_compiled() -> None:
    with pytest.raises(hefted.errors.NotInitializedError, match=TOLD):
        hefted.Sequential([hefted.Input((3,)), layer_of(hefted)])
    with pytest.raises(hefted.errors.NotInitializedError, match=TOLD):
        layer_of(hefted, hefted.Model).compile('sgd', 'mse')
