"""Configs name what is built in or registered, and nothing else."""

import sys

import numpy as np
import pytest

from hefted import activations, initializers, losses
from hefted.errors import ArchiveError, ArgumentError, UnknownNameError
from hefted.utils.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)


class Twice:
    def __init__(self, factor=2):
        self.factor = factor

    def get_config(self):
        return {'factor': self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def halve(x):
    return x / 2


def config_of(module, name, config=None, registered=None):
    return {'module': module, 'class_name': name, 'config': config or {}, 'registered_name': registered}


def test_a_users_class_is_found_by_scope_or_argument_and_not_otherwise():
    config = serialize_keras_object(Twice(3))
    assert config['registered_name'] == 'Twice' and config['class_name'] == 'Twice'
    with pytest.raises(ArchiveError, match=r'register_keras_serializable.*custom_objects'):
        deserialize_keras_object(config)
    assert deserialize_keras_object(config, {'Twice': Twice}).factor == 3
    with custom_object_scope({'Twice': Twice}):
        assert deserialize_keras_object(config).factor == 3


def test_a_registered_class_and_function_go_there_and_back():
    register_keras_serializable('zoo')(Twice)
    register_keras_serializable('zoo')(halve)
    config = serialize_keras_object(Twice(5))
    assert config['registered_name'] == 'zoo>Twice'
    assert deserialize_keras_object(config).factor == 5
    assert deserialize_keras_object(serialize_keras_object(halve)) is halve
    assert activations.get(activations.serialize(halve)) is halve
    assert losses.get('zoo>halve') is halve and get_registered_object('zoo>nothing') is None


@pytest.mark.parametrize(
    'config',
    [
        config_of('colorsys', 'rgb_to_hsv'),
        config_of('os', 'function', 'system', 'system'),
        config_of('keras.initializers', 'np'),
        config_of('keras.initializers', '_room'),
        config_of('keras.losses', 'function', 'deserialize', 'deserialize'),
        config_of('keras.losses', 'function', 'serialize_keras_object', 'function'),
        config_of('keras.activations', 'Room'),
        config_of('builtins', 'function', 'eval', 'function'),
        config_of('keras.layers', ['Dense']),
        {'class_name': '__lambda__', 'config': {'value': 'code'}},
    ],
)
def test_a_config_can_name_nothing_but_members(config):
    sys.modules.pop('colorsys', None)
    with pytest.raises(ArchiveError):
        deserialize_keras_object(config)
    assert 'colorsys' not in sys.modules


def test_a_config_with_arguments_that_do_not_exist_is_an_archive_error():
    with pytest.raises(ArchiveError, match='GlorotUniform cannot be made'):
        deserialize_keras_object(config_of('keras.initializers', 'GlorotUniform', {'speed': 3}))


def test_plain_values_and_arrays_go_there_and_back():
    values = {'a': [1, 2.5, None, 'x'], 'b': {'c': True}}
    assert deserialize_keras_object(serialize_keras_object(values)) == values
    assert serialize_keras_object(np.float32(0.5)) == 0.5
    array = deserialize_keras_object(serialize_keras_object(np.arange(3, dtype='int16')))
    np.testing.assert_array_equal(array, [0, 1, 2])
    assert array.dtype == np.int16


def test_functions_of_ours_are_found_by_their_names():
    assert deserialize_keras_object(serialize_keras_object(losses.huber)) is losses.huber
    assert serialize_keras_object(activations.relu) == 'relu'
    assert isinstance(initializers.deserialize('he_normal')(), initializers.HeNormal)


def test_a_lambda_cannot_be_saved():
    with pytest.raises(ArgumentError, match='named function'):
        serialize_keras_object(lambda x: x)


def test_an_unknown_name_in_a_room_is_told_its_neighbours():
    with pytest.raises(UnknownNameError, match='he_normal'):
        initializers.deserialize('he_nromal')
