"""Layers that prepare features equal Keras's (Normalization, CategoryEncoding, Discretization), and Lambda."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
rng = np.random.default_rng(13)


@pytest.mark.parametrize('axis', [-1, None, 1, (1, 2), (-1, -2), 0])
@pytest.mark.parametrize('invert', [False, True])
def test_normalization_adapts_as_keras_s(axis: Any, invert: bool) -> None:
    x = (rng.standard_normal((6, 4, 3)) * [1, 5, 0.1] + [3, -2, 0]).astype('float32')
    told = []
    for backend in BACKENDS:
        layer = backend.layers.Normalization(axis=axis, invert=invert)
        layer.adapt(x)
        told.append((layer, np.asarray(layer(x))))
        layer.adapt(x * 2)  # what was found before is forgotten
        told[-1] += (np.asarray(layer(x)),)
    (reference, *wanted), (layer, *found) = told
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.mean, np.asarray(reference.mean), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.variance, np.asarray(reference.variance), rtol=1e-5, atol=1e-6)
    assert [w.path.split('/')[-1] for w in layer.weights] == [w.path.split('/')[-1] for w in reference.weights]
    assert [w.dtype for w in layer.weights] == [w.dtype for w in reference.weights]
    again = hefted.layers.Normalization.from_config(reference.get_config())
    again.build(x.shape)
    again.set_weights(reference.get_weights())
    np.testing.assert_allclose(again(x), wanted[1], rtol=1e-4, atol=1e-4)


def test_normalization_adapts_to_batches_as_to_the_whole() -> None:  # Keras needs TensorFlow for it
    batches = [rng.standard_normal((size, 3)).astype('float32') * size for size in (5, 1, 8)]
    whole = hefted.layers.Normalization()
    whole.adapt(np.concatenate(batches))
    for data in (batches, iter(batches), [(batch, None) for batch in batches]):
        layer = hefted.layers.Normalization()
        layer.adapt(data)
        np.testing.assert_allclose(layer(batches[0]), np.asarray(whole(batches[0])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('data', 'kind'),
    [([], ValueError), ([[1.0], [2.0]], TypeError), (3, TypeError), (np.zeros((2, 4)), ValueError),
     ([np.zeros((2, 3)), np.zeros((2, 4))], ValueError)],
)  # fmt: skip
def test_normalization_refuses_what_is_no_data_for_it(data: Any, kind: type[Exception]) -> None:
    layer = hefted.layers.Normalization()
    layer.build((None, 3))
    with pytest.raises(kind, match='adapt'):
        layer.adapt(data)


CATEGORIES: list[tuple[dict[str, Any], Any]] = [
    ({'num_tokens': 4, 'output_mode': 'one_hot'}, [3, 2, 0, 1]),
    ({'num_tokens': 4, 'output_mode': 'one_hot'}, [[3], [2]]),
    ({'num_tokens': 4, 'output_mode': 'one_hot'}, [[3, 0], [2, 1]]),
    ({'num_tokens': 4, 'output_mode': 'one_hot'}, 2),
    ({'num_tokens': 4}, [[0, 1], [0, 0], [1, 2], [3, 1]]),
    ({'num_tokens': 4, 'output_mode': 'binary'}, [0, 3]),
    ({'num_tokens': 4}, [[[0, 1], [2, 3]], [[0, 0], [1, 1]]]),
    ({'num_tokens': 4, 'output_mode': 'count'}, [[0, 1], [0, 0]]),
    ({'num_tokens': 4, 'output_mode': 'count'}, [0, 0, 3]),
    ({'num_tokens': 4, 'output_mode': 'count', 'dtype': 'float16'}, [[0, 9]]),
]


@pytest.mark.parametrize(('arguments', 'inputs'), CATEGORIES)
def test_categories_are_encoded_as_keras_s(arguments: Any, inputs: Any) -> None:
    reference, layer = (b.layers.CategoryEncoding(**arguments, name='it') for b in BACKENDS)
    for given in (inputs, np.array(inputs)):
        wanted, found = reference(given), layer(given)
        np.testing.assert_array_equal(found, np.asarray(wanted))
        assert found.dtype == wanted.dtype
    assert layer.get_config() == reference.get_config()
    shape = np.shape(inputs)
    assert tuple(layer.compute_output_shape(shape)) == tuple(reference.compute_output_shape(shape))
    if len(shape) > 1:
        tensors = [layer(hefted.Input(shape[1:], dtype='int32')), reference(keras.Input(shape[1:], dtype='int32'))]
        assert tensors[0].shape == tensors[1].shape
        assert tensors[0].dtype == tensors[1].dtype


def test_counts_may_be_weighted_as_in_keras() -> None:
    inputs, weights = np.array([[0, 1], [0, 0], [1, 2], [3, 1]]), rng.random((4, 2))
    results = []
    for backend in BACKENDS:
        layer = backend.layers.CategoryEncoding(4, output_mode='count')
        results.append(np.asarray(layer(inputs, count_weights=weights)))
        with pytest.raises(ValueError, match='count_weights'):
            backend.layers.CategoryEncoding(4)(inputs, count_weights=weights)
    np.testing.assert_allclose(results[1], results[0])


@pytest.mark.parametrize('mode', ['int', 'one_hot', 'multi_hot', 'count'])
@pytest.mark.parametrize('shape', [(5,), (5, 1), (5, 3), (2, 3, 4)])
def test_numbers_fall_into_keras_s_bins(mode: str, shape: Any) -> None:
    x = rng.standard_normal(shape) * 2
    reference, layer = (
        b.layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.5], output_mode=mode, name='it') for b in BACKENDS
    )
    wanted, found = reference(x), layer(x)
    np.testing.assert_array_equal(found, np.asarray(wanted))
    assert found.dtype == wanted.dtype
    assert layer.get_config() == reference.get_config()
    assert tuple(layer.compute_output_shape(shape)) == tuple(reference.compute_output_shape(shape))


def test_bins_are_found_in_data_as_keras_finds_them() -> None:
    data = rng.standard_normal((500, 2)).astype('float32')
    for given in ([data], [data[:100], data[100:]], [data[:3]]):
        for epsilon in (0.01, 0.1):
            bins = []
            for backend in BACKENDS:
                layer = backend.layers.Discretization(num_bins=5, epsilon=epsilon)
                if backend is keras:  # whose adapt needs TensorFlow
                    for batch in given:
                        layer.update_state(batch)
                    layer.finalize_state()
                else:
                    layer.adapt(given[0] if len(given) == 1 else given)
                again = type(layer).from_config(layer.get_config())
                bins.append(layer.bin_boundaries)
                assert again.bin_boundaries == layer.bin_boundaries
            np.testing.assert_allclose(bins[1], bins[0], rtol=1e-6)


# Lambda


@hefted.saving.register_keras_serializable('tests')
@keras.saving.register_keras_serializable('tests')
def weighted(x: Any, factor: float = 1.0, training: bool | None = None) -> Any:
    return x * factor + (1.0 if training else 0.0)


def wider(shape: Any) -> Any:
    return (*shape[:-1], shape[-1] * 2)


def test_lambda_calls_its_function_as_keras_s() -> None:
    x = rng.standard_normal((3, 4)).astype('float32')
    for arguments in ({}, {'factor': 2.5}):
        reference, layer = (b.layers.Lambda(weighted, arguments=arguments, name='it') for b in BACKENDS)
        for training in (None, False, True):
            np.testing.assert_allclose(layer(x, training=training), np.asarray(reference(x, training=training)))
        config = hefted.saving.serialize_keras_object(layer)
        assert config['config']['arguments'] == arguments
        for written in (config, keras.saving.serialize_keras_object(reference)):
            again = hefted.saving.deserialize_keras_object(written)
            np.testing.assert_allclose(again(x), np.asarray(reference(x)))
        np.testing.assert_allclose(np.asarray(keras.saving.deserialize_keras_object(config)(x)), reference(x))


def test_lambda_shapes_are_traced_or_told_as_in_keras() -> None:
    for arguments in ({}, {'output_shape': (8,)}, {'output_shape': wider}):
        shapes = []
        for backend in BACKENDS:
            layer = backend.layers.Lambda(lambda x: np.concatenate([x, x], -1) if 0 else x[..., :2], **arguments)
            shapes.append((layer(backend.Input((4,))).shape, tuple(layer.compute_output_shape((7, 4)))))
        assert shapes[1] == shapes[0]
    for backend in BACKENDS:
        with pytest.raises(NotImplementedError):
            backend.layers.Lambda(lambda x: x.nonsense()).compute_output_shape((None, 4))


def test_lambda_has_the_mask_that_it_was_told() -> None:
    x = np.zeros((2, 3, 1), 'float32')
    for told in (None, lambda x, m: m, lambda x, m: ~m):
        masks = []
        for backend in BACKENDS:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                out = backend.layers.Lambda(lambda v: v + 1, mask=told)(backend.layers.Masking()(x))
            masks.append(backend.src.backend.get_keras_mask(out) if backend is keras else hefted.masks.get_mask(out))
        assert (masks[0] is None) == (masks[1] is None)
        if masks[0] is not None:
            np.testing.assert_array_equal(masks[1], np.asarray(masks[0]))


def test_a_lambda_in_a_file_is_never_run(tmp_path: Any) -> None:
    models = [
        backend.Sequential([backend.Input((3,)), backend.layers.Lambda(lambda x: x * 2), backend.layers.Dense(2)])
        for backend in BACKENDS
    ]
    for number, model in enumerate(models):
        path = tmp_path / f'{number}.keras'
        model.save(path)
        with pytest.raises(ValueError, match='lambda'):
            hefted.models.load_model(path)
    told = keras.models.load_model(tmp_path / '1.keras', safe_mode=False)  # Keras may be told to run it
    x = rng.standard_normal((2, 3)).astype('float32')
    np.testing.assert_allclose(told.predict(x, verbose=0), models[1].predict(x, verbose=0), rtol=1e-5)
