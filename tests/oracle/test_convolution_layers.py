"""Convolution layers give Keras's numbers, gradients, shapes, weights and configs, over drawn configurations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import hefted
from hefted.ops import convolution
from hefted.train.convolutions import has_slow_convolution

FORMATS = ['channels_last', 'channels_first']
LONGEST = {1: 12, 2: 9, 3: 6}


def shape_of(rng: np.random.Generator, sizes: tuple[int, ...], channels: int, arguments: dict[str, Any]) -> Any:
    """An input's shape, its channels where the layer takes them."""
    batch = int(rng.integers(1, 4))
    first = arguments.get('data_format') == 'channels_first'
    return (batch, channels, *sizes) if first else (batch, *sizes, channels)


def drawn(kind: str, rank: int, seed: int) -> tuple[dict[str, Any], tuple[int, ...], np.random.Generator]:
    rng = np.random.default_rng([seed, rank, len(kind)])

    def some(low: int, high: int) -> Any:
        many = tuple(int(v) for v in rng.integers(low, high + 1, rank))
        return many[0] if rng.random() < 0.3 else many

    paddings = ['valid', 'same', 'causal'] if kind == 'Conv' and rank == 1 else ['valid', 'same']
    groups = int(rng.choice([1, 1, 2, 3]))
    arguments: dict[str, Any] = {
        'kernel_size': some(1, 3),
        'padding': str(rng.choice(paddings)),
        'data_format': str(rng.choice(FORMATS)),
        'activation': [None, 'relu', 'tanh'][int(rng.integers(3))],
        'use_bias': bool(rng.random() < 0.7),
    }
    strided = rng.random() < 0.5
    arguments['strides' if strided else 'dilation_rate'] = some(1, 3 if strided else 2)
    channels = int(rng.integers(1, 4))
    if kind == 'Conv':
        arguments |= {'filters': groups * int(rng.integers(1, 4)), 'groups': groups}
        channels *= groups
    if kind in ('Transpose', 'Separable'):
        arguments['filters'] = int(rng.integers(1, 5))
    if kind in ('Depthwise', 'Separable'):
        arguments['depth_multiplier'] = int(rng.integers(1, 4))
        arguments['depthwise_regularizer'] = 'l2'
        if strided:  # XLA's rule of these takes one stride for all axes
            arguments['strides'] = int(rng.integers(1, 4))
    if kind == 'Transpose' and strided and rng.random() < 0.5:
        strides = np.broadcast_to(arguments['strides'], rank)
        arguments['output_padding'] = tuple(int(rng.integers(0, s)) for s in strides)
    sizes = tuple(int(v) for v in rng.integers(5, LONGEST[rank] + 1, rank))
    return arguments, shape_of(rng, sizes, channels, arguments), rng


CASES = [
    (name, rank, seed)
    for name, ranks, seeds in (
        ('Conv{}D', (1, 2, 3), 5),
        ('Conv{}DTranspose', (1, 2, 3), 4),
        ('DepthwiseConv{}D', (1, 2), 3),
        ('SeparableConv{}D', (1, 2), 2),
    )
    for rank in ranks
    for seed in range(seeds if rank < 3 else 3)
]


@pytest.mark.parametrize(('name', 'rank', 'seed'), CASES)
def test_a_convolution_is_keras_s(name: str, rank: int, seed: int, agree: Any) -> None:
    kind = next((k for k in ('Transpose', 'Depthwise', 'Separable') if k in name), 'Conv')
    agree(name.format(rank), *drawn(kind, rank, seed))


def test_many_groups_are_keras_s(agree: Any) -> None:
    arguments = {'filters': 18, 'kernel_size': 3, 'strides': (2, 1), 'groups': 9, 'padding': 'same'}
    agree('Conv2D', arguments, (2, 7, 6, 18), np.random.default_rng(3))


LAYERS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ('Conv1D', {'filters': 2, 'kernel_size': 3, 'dilation_rate': 2, 'padding': 'causal'}, (2, 9, 2)),
    ('Conv2D', {'filters': 4, 'kernel_size': 3, 'strides': 2, 'groups': 2}, (2, 8, 8, 2)),
    ('Conv3D', {'filters': 2, 'kernel_size': 2, 'data_format': 'channels_first'}, (1, 1, 4, 4, 4)),
    ('Conv2DTranspose', {'filters': 2, 'kernel_size': 3, 'strides': 2, 'padding': 'same'}, (2, 5, 5, 3)),
    ('DepthwiseConv2D', {'kernel_size': 3, 'depth_multiplier': 2}, (2, 6, 6, 3)),
    ('SeparableConv1D', {'filters': 3, 'kernel_size': 3}, (2, 6, 2)),
]


@pytest.mark.parametrize(('name', 'arguments', 'shape'), LAYERS, ids=[name for name, _, _ in LAYERS])
def test_no_gradient_of_a_layer_nor_its_gradient_leaves_the_plain_layout(name: str, arguments: Any, shape: Any) -> None:
    layer = getattr(hefted.layers, name)(**arguments)
    x = jnp.ones(shape)
    layer(x)

    def loss(x: Any, weights: Any) -> Any:
        return jnp.sum(jnp.square(layer.stateless_call(weights, [], x)[0]))

    def penalty(x: Any, weights: Any) -> Any:
        return jnp.sum(jnp.square(jax.grad(loss)(x, weights)))

    weights = [v.value for v in layer.trainable_variables]
    for function in (loss, penalty):
        assert not has_slow_convolution(jax.make_jaxpr(jax.value_and_grad(function, (0, 1)))(x, weights))


@pytest.mark.parametrize('filters', [4, 8])  # with few channels and many filters it is a sum
def test_gradients_of_gradients_are_xla_s(filters: int) -> None:
    rng = np.random.default_rng(0)
    x, kernel = jnp.asarray(rng.standard_normal((2, 7, 6, 2))), jnp.asarray(rng.standard_normal((3, 2, 2, filters)))
    window = convolution.Window((2, 1), ((1, 0), (0, 2)), (1, 2), (1, 2))

    def penalty(convolve: Any) -> Any:
        def loss(x: Any, kernel: Any) -> Any:
            return jnp.sum(jnp.sin(convolve(x, kernel, window)))

        return lambda x, kernel: jnp.sum(jnp.square(jax.grad(loss)(x, kernel)))

    ours, theirs = (
        jax.jit(jax.grad(penalty(f), (0, 1)))(x, kernel) for f in (convolution._convolve, convolution._plain)
    )
    for mine, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-3)
    values = (f(x, kernel, window) for f in (convolution._convolve, convolution._plain))
    np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-5)
    assert ('conv_general_dilated' in str(jax.make_jaxpr(lambda x: convolution._convolve(x, kernel, window))(x))) == (
        filters == 4
    )


WRONG: list[tuple[str, dict[str, Any]]] = [
    ('Conv2D', {'filters': 0, 'kernel_size': 3}),
    ('Conv2D', {'filters': 3, 'kernel_size': 3, 'groups': 2}),
    ('Conv2D', {'filters': 3, 'kernel_size': 0}),
    ('Conv2D', {'filters': 3, 'kernel_size': (3, 3, 3)}),
    ('Conv2D', {'filters': 3, 'kernel_size': 3, 'padding': 'causal'}),
    ('Conv2D', {'filters': 3, 'kernel_size': 3, 'strides': 2, 'dilation_rate': 2}),
    ('Conv1DTranspose', {'filters': 3, 'kernel_size': 3, 'strides': 2, 'output_padding': 2}),
    ('Conv2D', {'filters': 3, 'kernel_size': 3, 'data_format': 'channels_middle'}),
    ('DepthwiseConv1D', {'kernel_size': 3, 'depth_multiplier': 0}),
]


@pytest.mark.parametrize('backend', [keras, hefted])
@pytest.mark.parametrize(('name', 'arguments'), WRONG)
def test_wrong_arguments_are_errors_of_keras_s_kind(backend: Any, name: str, arguments: Any) -> None:
    with pytest.raises(ValueError):
        getattr(backend.layers, name)(**arguments)


@pytest.mark.parametrize('backend', [keras, hefted])
def test_inputs_that_do_not_fit_are_errors_of_keras_s_kind(backend: Any) -> None:
    for arguments, shape in (
        ({'kernel_size': 9}, (None, 5, 5, 2)),
        ({'kernel_size': 3, 'groups': 2}, (None, 5, 5, 3)),
        ({'kernel_size': 3}, (None, 5, 2)),
    ):
        with pytest.raises(ValueError):
            backend.layers.Conv2D(2, **arguments)(backend.Input(shape[1:]))


def test_sizes_that_are_not_known_stay_so() -> None:
    for name, arguments in (('Conv2D', {'strides': 16}), ('Conv2DTranspose', {'strides': 2})):
        shapes = [
            tuple(getattr(b.layers, name)(2, 3, **arguments)(b.Input((None, 40, 1))).shape) for b in (keras, hefted)
        ]
        assert shapes[1] == shapes[0]
