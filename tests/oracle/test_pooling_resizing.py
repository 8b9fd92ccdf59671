"""Pooling, up-sampling, padding and cropping give Keras's numbers, gradients, shapes and configs."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import hefted
from hefted.masks import set_mask

FORMATS = ['channels_last', 'channels_first']


def shape_of(rng: np.random.Generator, sizes: tuple[int, ...], channels: int, arguments: dict[str, Any]) -> Any:
    """An input's shape, its channels where the layer takes them."""
    batch = int(rng.integers(1, 4))
    first = arguments.get('data_format') == 'channels_first'
    return (batch, channels, *sizes) if first else (batch, *sizes, channels)


def sized(rng: np.random.Generator, rank: int, arguments: dict[str, Any]) -> tuple[int, ...]:
    return shape_of(rng, tuple(int(v) for v in rng.integers(6, 10, rank)), int(rng.integers(1, 4)), arguments)


@pytest.mark.parametrize('rank', [1, 2, 3])
@pytest.mark.parametrize('kind', ['Max', 'Average'])
@pytest.mark.parametrize('seed', range(4))
def test_pooling_is_keras_s(kind: str, rank: int, seed: int, agree: Any) -> None:
    rng = np.random.default_rng([seed, rank])
    size = tuple(int(v) for v in rng.integers(1, 4, rank))
    strides = None if seed % 2 else tuple(int(v) for v in rng.integers(1, 4, rank))
    arguments = {
        'pool_size': size, 'strides': strides, 'padding': ['valid', 'same'][seed // 2],
        'data_format': str(rng.choice(FORMATS)),
    }  # fmt: skip
    agree(f'{kind}Pooling{rank}D', arguments, sized(rng, rank, arguments), rng)


@pytest.mark.parametrize('kind', ['Max', 'Average'])
def test_a_window_too_large_to_take_apart_is_keras_s(kind: str, agree: Any) -> None:
    for padding in ('valid', 'same'):
        arguments = {'pool_size': 6, 'strides': 2, 'padding': padding}
        agree(f'{kind}Pooling2D', arguments, (2, 9, 8, 2), np.random.default_rng(4))


@pytest.mark.parametrize('rank', [1, 2, 3])
@pytest.mark.parametrize('kind', ['Max', 'Average'])
@pytest.mark.parametrize('data_format', FORMATS)
def test_global_and_adaptive_pooling_are_keras_s(kind: str, rank: int, data_format: str, agree: Any) -> None:
    rng = np.random.default_rng(rank)
    arguments: dict[str, Any] = {'data_format': data_format, 'keepdims': data_format == 'channels_first'}
    agree(f'Global{kind}Pooling{rank}D', arguments, sized(rng, rank, arguments), rng)
    if rank < 3 or data_format == 'channels_last':
        arguments = {'data_format': data_format, 'output_size': tuple(int(v) for v in rng.integers(1, 5, rank))}
        agree(f'Adaptive{kind}Pooling{rank}D', arguments, sized(rng, rank, arguments), rng)


def test_equal_values_share_the_gradient_as_keras_s(agree: Any) -> None:
    class Ones(np.random.Generator):
        def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
            return np.ones(size)

    for arguments in ({'pool_size': 2}, {'pool_size': 3, 'strides': 2, 'padding': 'same'}):
        agree('MaxPooling2D', arguments, (1, 5, 6, 2), Ones(np.random.PCG64(0)))


@pytest.mark.parametrize('data_format', FORMATS)
@pytest.mark.parametrize('keepdims', [False, True])
def test_the_mean_of_steps_heeds_a_mask_as_keras_s(data_format: str, keepdims: bool) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 4)).astype('float32')
    mask = np.asarray([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], bool)
    found = []
    for backend in (keras, hefted):
        layer = backend.layers.GlobalAveragePooling1D(data_format=data_format, keepdims=keepdims)
        found.append(np.asarray(layer(x, mask=mask)))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    carried = jnp.asarray(x)
    set_mask(carried, mask)
    np.testing.assert_allclose(layer(carried), found[0], rtol=1e-6)


RESIZED: list[tuple[str, dict[str, Any], int]] = [
    ('UpSampling1D', {'size': 3}, 1),
    ('UpSampling2D', {'size': (2, 3), 'data_format': 'channels_first'}, 2),
    *(('UpSampling2D', {'size': (1, 3), 'interpolation': i}, 2) for i in ('nearest', 'bilinear', 'bicubic')),
    ('UpSampling2D', {'size': 2, 'interpolation': 'bilinear', 'data_format': 'channels_first'}, 2),
    ('UpSampling2D', {'size': 2, 'interpolation': 'lanczos3'}, 2),
    ('UpSampling2D', {'size': 2, 'interpolation': 'lanczos5'}, 2),
    ('UpSampling3D', {'size': (1, 2, 3), 'data_format': 'channels_first'}, 3),
    ('UpSampling3D', {}, 3),
    ('ZeroPadding1D', {'padding': (0, 2)}, 1),
    ('ZeroPadding1D', {'padding': 2, 'data_format': 'channels_first'}, 1),
    ('ZeroPadding2D', {'padding': (1, 2)}, 2),
    ('ZeroPadding2D', {'padding': ((0, 2), (1, 0)), 'data_format': 'channels_first'}, 2),
    ('ZeroPadding3D', {'padding': ((0, 1), (1, 0), (2, 0))}, 3),
    ('ZeroPadding3D', {'padding': 1, 'data_format': 'channels_first'}, 3),
    ('Cropping1D', {}, 1),
    ('Cropping1D', {'cropping': (2, 0)}, 1),
    ('Cropping2D', {'cropping': ((0, 2), (1, 0))}, 2),
    ('Cropping2D', {'cropping': (1, 2), 'data_format': 'channels_first'}, 2),
    ('Cropping3D', {}, 3),
    ('Cropping3D', {'cropping': ((0, 2), (1, 0), (0, 0)), 'data_format': 'channels_first'}, 3),
]


@pytest.mark.parametrize(('name', 'arguments', 'rank'), RESIZED)
def test_resizing_is_keras_s(name: str, arguments: Any, rank: int, agree: Any) -> None:
    rng = np.random.default_rng(rank)
    agree(name, arguments, sized(rng, rank, arguments), rng)


WRONG: list[tuple[type[Exception], str, dict[str, Any], tuple[int, ...]]] = [
    (ValueError, 'MaxPooling2D', {'pool_size': (1, 2, 3)}, (5, 5, 1)),
    (ValueError, 'MaxPooling2D', {'pool_size': 7}, (5, 5, 1)),
    (ValueError, 'AveragePooling1D', {'pool_size': 2, 'padding': 'causal'}, (5, 1)),
    (ValueError, 'MaxPooling2D', {}, (5, 5)),
    (TypeError, 'AveragePooling2D', {}, (5, 5, 1)),
    (TypeError, 'AdaptiveMaxPooling2D', {'output_size': 2.5}, (5, 5, 1)),
    (TypeError, 'UpSampling1D', {'size': 2.5}, (5, 1)),
    (ValueError, 'UpSampling1D', {'size': 0}, (5, 1)),
    (ValueError, 'ZeroPadding2D', {'padding': (1, 2, 3)}, (5, 5, 1)),
    (ValueError, 'ZeroPadding1D', {'padding': -1}, (5, 1)),
    (ValueError, 'Cropping1D', {'cropping': 3}, (5, 1)),
    (ValueError, 'Cropping2D', {'cropping': ((2, 3), (0, 0))}, (5, 5, 1)),
]


@pytest.mark.parametrize('backend', [keras, hefted])
@pytest.mark.parametrize(('kind', 'name', 'arguments', 'shape'), WRONG)
def test_what_does_not_fit_is_an_error_of_keras_s_kind(
    backend: Any, kind: type[Exception], name: str, arguments: Any, shape: Any
) -> None:
    with pytest.raises(kind):
        getattr(backend.layers, name)(**arguments)(backend.Input(shape))


def test_an_interpolation_that_is_not_known_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match='bicubic'):
        hefted.layers.UpSampling2D(interpolation='bicubical')
