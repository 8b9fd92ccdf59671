"""Layers of one formula equal Keras's: values, gradients, masks, symbolic shapes, configs."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
rng = np.random.default_rng(11)
ONE: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ('Identity', {}, (4, 3)),
    ('Masking', {'mask_value': 2.0}, (4, 5, 3)),
    ('Reshape', {'target_shape': (-1, 2)}, (3, 4, 3)),
    ('Reshape', {'target_shape': (9,)}, (3, 3, 3)),
    ('Reshape', {'target_shape': ()}, (3, 1)),
    ('Permute', {'dims': (3, 1, 2)}, (2, 3, 4, 5)),
    ('RepeatVector', {'n': 3}, (2, 4)),
    ('Flatten', {}, (2, 3, 4)),
    ('Flatten', {'data_format': 'channels_first'}, (2, 3, 4, 2)),
    ('Flatten', {'data_format': 'channels_first'}, (2, 3)),
    ('Activation', {'activation': 'gelu', 'activity_regularizer': 'l2'}, (3, 4)),
    ('ReLU', {}, (3, 4)),
    ('ReLU', {'max_value': 0.8, 'negative_slope': 0.1, 'threshold': 0.3}, (3, 4)),
    ('LeakyReLU', {}, (3, 4)),
    ('LeakyReLU', {'negative_slope': 0.7}, (3, 4, 2)),
    ('ELU', {'alpha': 0.6}, (3, 4)),
    ('PReLU', {'alpha_initializer': 'random_normal', 'alpha_regularizer': 'l2'}, (3, 4, 2)),
    ('PReLU', {'alpha_initializer': 'ones', 'shared_axes': [1, 2], 'alpha_constraint': 'non_neg'}, (3, 4, 5, 2)),
    ('PReLU', {'shared_axes': 1}, (3, 4, 2)),
    ('Softmax', {}, (3, 4)),
    ('Softmax', {'axis': 1}, (3, 4, 2)),
    ('Softmax', {'axis': [1, 2]}, (3, 4, 2)),
    ('Softmax', {'axis': [-1]}, (3, 4, 2)),
    ('Dropout', {'rate': 0.3, 'seed': 4}, (5, 4)),
    ('Dropout', {'rate': 0.5, 'seed': 4, 'noise_shape': [None, 1, 4]}, (5, 3, 4)),
    ('SpatialDropout1D', {'rate': 0.5, 'seed': 1}, (5, 4, 6)),
    ('SpatialDropout2D', {'rate': 0.5, 'seed': 2, 'data_format': 'channels_first'}, (3, 4, 2, 2)),
    ('SpatialDropout2D', {'rate': 0.5, 'seed': 2, 'dtype': 'float32'}, (3, 2, 2, 6)),
    ('SpatialDropout3D', {'rate': 0.5, 'seed': 3}, (3, 2, 2, 2, 5)),
    ('SpatialDropout3D', {'rate': 0.5, 'seed': 3, 'data_format': 'channels_first'}, (3, 5, 2, 2, 2)),
    ('GaussianDropout', {'rate': 0.4, 'seed': 5}, (4, 6)),
    ('GaussianNoise', {'stddev': 0.4, 'seed': 6}, (4, 6)),
    ('AlphaDropout', {'rate': 0.4, 'seed': 7}, (4, 6)),
    ('AlphaDropout', {'rate': 0.4, 'seed': 7, 'noise_shape': (None, 1, 3)}, (4, 6, 3)),
    ('ActivityRegularization', {'l1': 0.1, 'l2': 0.2}, (4, 6)),
    ('Rescaling', {'scale': 0.5, 'offset': -1.0}, (4, 6)),
    ('Rescaling', {'scale': [0.5, 2.0, 3.0], 'offset': [1.0, 0.0, -1.0]}, (4, 3)),
    ('Normalization', {'mean': 1.5, 'variance': 4.0}, (4, 3)),
    ('Normalization', {'mean': [1.0, 2.0, 3.0], 'variance': [4.0, 1.0, 0.0], 'invert': True}, (4, 3)),
    ('Normalization', {'axis': (1, 2), 'mean': [1.0, 2.0], 'variance': [4.0, 1.0]}, (4, 3, 2)),
    ('Normalization', {'axis': None, 'mean': 1.0, 'variance': 4.0}, (4, 3)),
]  # fmt: skip
IDS = [f'{name}-{number}' for number, (name, _, _) in enumerate(ONE)]


def plain(config: Any) -> Any:
    """Without what is this process's own; floats as float32, sequences as lists."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k != 'shared_object_id'}
    if isinstance(config, float):
        return float(np.float32(config))
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def pair(name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
    reference, layer = (getattr(b.layers, name)(**arguments, name='it') for b in BACKENDS)
    return reference, layer


def with_same_weights(reference: Any, layer: Any) -> None:
    weights = [rng.random(w.shape).astype('float32') for w in reference.get_weights()]
    reference.set_weights(weights)
    layer.set_weights(weights)


@pytest.mark.parametrize(('name', 'arguments', 'shape'), ONE, ids=IDS)
def test_values_and_gradients_are_keras_s(name: str, arguments: Any, shape: Any) -> None:
    x = rng.standard_normal(shape).astype('float32')
    reference, layer = pair(name, arguments)
    reference(x)
    layer(x)
    with_same_weights(reference, layer)
    for training in (False, True, True):  # twice, as each draw is another
        found, wanted = layer(x, training=training), np.asarray(reference(x, training=training))
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        assert found.dtype == wanted.dtype
    np.testing.assert_allclose([float(v) for v in layer.losses], [float(v) for v in reference.losses], rtol=1e-5)

    toward = rng.standard_normal(wanted.shape).astype('float32')
    wanted, found = (jax.grad(lambda v, each=each: (each(v) * toward).sum())(x) for each in (reference, layer))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(('name', 'arguments', 'shape'), ONE, ids=IDS)
def test_configs_come_back_and_are_keras_s(name: str, arguments: Any, shape: Any) -> None:
    reference, layer = pair(name, arguments)
    for each in (reference, layer):
        each.build((None, *shape[1:]))
    found, wanted = hefted.saving.serialize_keras_object(layer), keras.saving.serialize_keras_object(reference)
    assert plain(found) == plain(wanted)
    for config in (found, wanted):
        again = hefted.saving.deserialize_keras_object(config)
        assert plain(again.get_config()) == plain(wanted['config'])
    assert plain(keras.saving.deserialize_keras_object(found).get_config()) == plain(wanted['config'])


@pytest.mark.parametrize(('name', 'arguments', 'shape'), ONE, ids=IDS)
def test_symbolic_shapes_and_dtypes_are_keras_s(name: str, arguments: Any, shape: Any) -> None:
    some_unknown = (None, *(None if i == 1 else size for i, size in enumerate(shape[1:], 1)))
    for batch_shape in ((None, *shape[1:]), tuple(shape), some_unknown):
        told = []
        for backend, layer in zip(BACKENDS, pair(name, arguments), strict=True):
            try:
                out = layer(backend.Input(batch_shape=batch_shape))
                told.append((tuple(out.shape), out.dtype))
            except (ValueError, TypeError) as error:
                told.append((ValueError in type(error).__mro__, TypeError in type(error).__mro__))
        if told[1] != told[0]:  # Keras cannot make weights of an unknown size either, and says so in another place
            assert name == 'PReLU', (batch_shape, told)
            assert batch_shape == some_unknown
    reference, layer = pair(name, arguments)
    if name not in ('PReLU', 'Normalization'):
        assert tuple(layer.compute_output_shape((None, *shape[1:]))) == tuple(
            reference.compute_output_shape((None, *shape[1:]))
        )


def masked(backend: Any, shape: tuple[int, ...], seed: int = 0) -> Any:
    """An array whose third step is masked, made by a Masking layer."""
    x = np.random.default_rng(seed).standard_normal(shape).astype('float32')
    x[:, 2] = 0.0
    x[0, 1] = 0.0
    return backend.layers.Masking()(x)


def mask_of(x: Any) -> Any:
    mask = getattr(x, '_keras_mask', None)
    if mask is None and not isinstance(x, keras.KerasTensor):
        mask = hefted.masks.get_mask(x)
    return None if mask is None else np.asarray(mask)


# The mask of a Masking layer is of sequences.
OF_SEQUENCES = [case for case in ONE if len(case[2]) == 3 and (case[0] != 'Softmax' or 'axis' in case[1])]


@pytest.mark.parametrize(('name', 'arguments', 'shape'), OF_SEQUENCES, ids=lambda value: str(value)[:40])
def test_masks_pass_or_stop_as_in_keras(name: str, arguments: Any, shape: Any) -> None:
    outputs = []
    for backend, layer in zip(BACKENDS, pair(name, arguments), strict=True):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            if name == 'Softmax':
                mask = rng.random(shape) > 0.4 if not outputs else mask  # noqa: F821
                out = layer(masked(backend, shape), mask=mask)
            else:
                inputs = masked(backend, (shape[0], max(shape[1], 3), shape[2]))
                layer.build(inputs.shape)
                layer.set_weights([np.full(w.shape, 0.3) for w in layer.get_weights()])
                out = layer(inputs)
        outputs.append((out, any('mask' in str(w.message) for w in told)))
    (wanted, warned), (found, warns) = outputs
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5, atol=1e-6)
    assert warns == warned
    assert (mask_of(found) is None) == (mask_of(wanted) is None)
    if mask_of(wanted) is not None:
        np.testing.assert_array_equal(mask_of(found), mask_of(wanted))


def test_softmax_takes_masks_of_lower_rank_and_of_floats() -> None:
    x = rng.standard_normal((3, 4, 5)).astype('float32')
    for mask in (rng.random(5) > 0.5, rng.random((4, 5)), np.zeros((3, 4, 5), bool), rng.random((1, 5)) > 0.3):
        reference, layer = pair('Softmax', {})
        mask = mask.astype('float32') if mask.dtype != bool else mask
        np.testing.assert_allclose(layer(x, mask=mask), np.asarray(reference(x, mask=mask)), atol=1e-6)
        assert np.isfinite(np.asarray(layer(x, mask=mask))).all()


@pytest.mark.parametrize('dtype', ['mixed_bfloat16', 'float16'])
@pytest.mark.parametrize(
    ('name', 'arguments'),
    [('GaussianNoise', {'stddev': 0.3, 'seed': 1}), ('AlphaDropout', {'rate': 0.3, 'seed': 1}), ('Softmax', {}),
     ('PReLU', {}), ('Masking', {}), ('ReLU', {'max_value': 1.0}), ('Rescaling', {'scale': 2.0}),
     ('Normalization', {'mean': 1.0, 'variance': 2.0})],
)  # fmt: skip
def test_sixteen_bits_are_keras_s(name: str, arguments: Any, dtype: str) -> None:
    x = rng.standard_normal((4, 3)).astype('float32')
    reference, layer = pair(name, arguments | {'dtype': dtype})
    wanted, found = (each(x, training=True) for each in (reference, layer))
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(np.asarray(found, 'float32'), np.asarray(wanted, 'float32'), rtol=1e-2, atol=1e-2)


WRONG: list[tuple[str, dict[str, Any], Any]] = [
    ('Reshape', {'target_shape': (-1, -1)}, None),
    ('Reshape', {'target_shape': (-2,)}, None),
    ('Reshape', {'target_shape': (5,)}, (2, 4)),
    ('Reshape', {'target_shape': (-1, 5)}, (2, 4)),
    ('Permute', {'dims': (1, 3)}, None),
    ('Permute', {'dims': (2, 1)}, (2, 3, 4, 5)),
    ('RepeatVector', {'n': 0}, None),
    ('RepeatVector', {'n': 1.5}, None),
    ('RepeatVector', {'n': 2}, (2, 3, 4)),
    ('Flatten', {}, ()),
    ('ReLU', {'max_value': -1.0}, None),
    ('ReLU', {'negative_slope': -1.0}, None),
    ('ReLU', {'threshold': None}, None),
    ('LeakyReLU', {'negative_slope': None}, None),
    ('Dropout', {'rate': 1.2}, None),
    ('Dropout', {'rate': 0.2, 'noise_shape': 'ab'}, None),
    ('Dropout', {'rate': 0.2, 'noise_shape': 3}, None),
    ('Dropout', {'rate': 0.2, 'noise_shape': (None, 0)}, None),
    ('SpatialDropout2D', {'rate': 0.2, 'data_format': 'nonsense'}, None),
    ('SpatialDropout1D', {'rate': 0.2}, (3, 4)),
    ('GaussianDropout', {'rate': -0.1}, None),
    ('GaussianNoise', {'stddev': 1.1}, None),
    ('AlphaDropout', {'rate': 2}, None),
    ('Normalization', {'mean': 1.0}, None),
    ('Normalization', {'mean': [1.0], 'variance': [1.0, 2.0]}, None),
    ('Normalization', {'mean': [[1.0]], 'variance': [[1.0]]}, None),
    ('Normalization', {'axis': 3}, (2, 3)),
    ('CategoryEncoding', {}, None),
    ('CategoryEncoding', {'num_tokens': 0}, None),
    ('CategoryEncoding', {'num_tokens': 3, 'output_mode': 'int'}, None),
    ('Discretization', {}, None),
    ('Discretization', {'num_bins': 3, 'bin_boundaries': [1.0]}, None),
    ('Discretization', {'num_bins': -3}, None),
    ('Discretization', {'num_bins': 3, 'output_mode': 'bits'}, None),
    ('Discretization', {'num_bins': 3}, (2, 3)),
    ('Dot', {'axes': 1.5}, None),
    ('Dot', {'axes': (1, 2, 3)}, None),
    ('Dot', {'axes': (1, 'a')}, None),
    ('Masking', {'nonsense': 1}, None),
]  # fmt: skip


@pytest.mark.parametrize(('name', 'arguments', 'shape'), WRONG)
def test_mistakes_are_errors_of_keras_s_kind(name: str, arguments: Any, shape: Any) -> None:
    kinds = []
    for backend in BACKENDS:
        with pytest.raises((ValueError, TypeError)) as caught:
            layer = getattr(backend.layers, name)(**arguments)
            assert shape is not None, 'the constructor should have refused'
            layer(np.zeros(shape, 'float32'))
        kinds.append(TypeError if issubclass(caught.type, TypeError) else ValueError)
    assert kinds[1] == kinds[0]


def test_a_deprecated_alpha_warns() -> None:
    with pytest.warns(UserWarning, match='negative_slope'):
        assert hefted.layers.LeakyReLU(alpha=0.1).negative_slope == 0.1
