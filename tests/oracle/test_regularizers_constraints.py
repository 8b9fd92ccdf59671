"""Regularizers and constraints have Keras's values and configs."""

import keras
import numpy as np
import pytest

from hefted import constraints, regularizers
from hefted.errors import ArgumentError, ShapeError, UnknownNameError

W = np.random.default_rng(1).normal(0, 2, (4, 3)).astype('float32')
W[:, 1] = 0.0
CASES = [
    *(('regularizers', name, kwargs) for name, kwargs in [
        ('L1', {}), ('L2', {'l2': 0.3}), ('L1L2', {'l1': 0.1, 'l2': 0.2}), ('L1L2', {}),
        ('OrthogonalRegularizer', {}), ('OrthogonalRegularizer', {'factor': 0.5, 'mode': 'columns'}),
    ]),
    *(('constraints', name, kwargs) for name, kwargs in [
        ('MaxNorm', {}), ('MaxNorm', {'max_value': 1, 'axis': [0, 1]}), ('NonNeg', {}), ('UnitNorm', {'axis': 1}),
        ('MinMaxNorm', {'min_value': 0.5, 'max_value': 2.0, 'rate': 0.7}),
    ]),
]  # fmt: skip
ROOMS = {'regularizers': (regularizers, keras.regularizers), 'constraints': (constraints, keras.constraints)}


@pytest.mark.parametrize(('room', 'name', 'kwargs'), CASES)
def test_value_and_config_are_kerass(room, name, kwargs):
    ours, theirs = (getattr(module, name)(**kwargs) for module in ROOMS[room])
    np.testing.assert_allclose(ours(W), theirs(keras.ops.convert_to_tensor(W)), rtol=1e-5, atol=1e-7)
    config = ROOMS[room][0].serialize(ours)
    other = ROOMS[room][1].serialize(theirs)
    np.testing.assert_equal({**config, 'config': None}, {**other, 'config': None})
    for argument, value in other['config'].items():
        assert config['config'][argument] == (pytest.approx(value) if isinstance(value, float) else value)
    assert type(ROOMS[room][1].deserialize(config)) is type(theirs)
    np.testing.assert_array_equal(ROOMS[room][0].deserialize(config)(W), ours(W))


def test_names_find_them():
    assert regularizers.get('l2').l2 == 0.01 and isinstance(constraints.get('non_neg'), constraints.NonNeg)
    assert regularizers.get(None) is None and constraints.get(None) is None
    assert regularizers.l1_l2 is regularizers.L1L2 and constraints.max_norm is constraints.MaxNorm


def test_mistakes_are_named():
    with pytest.raises(ArgumentError, match='l2 to be a non-negative float, received -1'):
        regularizers.L2(-1)
    with pytest.raises(ShapeError, match='matrix'):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(UnknownNameError, match="'max_norm'"):
        constraints.get('maxnorm')
