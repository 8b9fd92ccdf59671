"""Archives and weights of every family of layers, both ways: the same tree of weights, the same predictions."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
WAYS = pytest.mark.parametrize(('one', 'other'), [BACKENDS, BACKENDS[::-1]], ids=['keras to ours', 'ours to keras'])
rng = np.random.default_rng(12)

# What a layer is made with, by class, where ('LSTM', 3) is a layer too; shapes of inputs are a row's.
FLAT, STEPS, IMAGE, VOLUME = (6,), (5, 6), (8, 8, 4), (4, 4, 4, 2)
LAYERS: dict[str, list[tuple[dict[str, Any], tuple[int, ...]]]] = {
    'Dense': [({'units': 3, 'use_bias': False, 'activation': 'gelu'}, STEPS)],
    'EinsumDense': [({'equation': 'abc,cd->abd', 'output_shape': (None, 3), 'bias_axes': 'd'}, STEPS)],
    'Conv1D': [({'filters': 2, 'kernel_size': 3, 'padding': 'causal', 'dilation_rate': 2}, STEPS)],
    'Conv2D': [({'filters': 4, 'kernel_size': 3, 'strides': 2, 'groups': 2}, IMAGE)],
    'Conv3D': [({'filters': 2, 'kernel_size': 2}, VOLUME)],
    'Conv2DTranspose': [({'filters': 2, 'kernel_size': 3, 'strides': 2, 'padding': 'same'}, IMAGE)],
    'DepthwiseConv2D': [({'kernel_size': 3, 'depth_multiplier': 2}, IMAGE)],
    'SeparableConv2D': [({'filters': 3, 'kernel_size': 3}, IMAGE)],
    'SeparableConv1D': [({'filters': 3, 'kernel_size': 3}, STEPS)],
    'BatchNormalization': [({'scale': False}, IMAGE)],
    'LayerNormalization': [({'axis': [1, 2]}, STEPS)],
    'RMSNormalization': [({}, STEPS)],
    'UnitNormalization': [({}, STEPS)],
    'GroupNormalization': [({'groups': 2}, IMAGE)],
    'Normalization': [({'mean': [0.5] * 6, 'variance': [2.0] * 6}, FLAT), ({}, FLAT)],
    'PReLU': [({'shared_axes': [1]}, STEPS)],
    'AveragePooling2D': [({'pool_size': 2}, IMAGE)],
    'GlobalAveragePooling1D': [({}, STEPS)],
    'UpSampling2D': [({'size': 2, 'interpolation': 'bilinear'}, IMAGE)],
    'ZeroPadding2D': [({'padding': ((1, 0), (2, 1))}, IMAGE)],
    'Permute': [({'dims': (2, 1)}, STEPS)],
    'Reshape': [({'target_shape': (3, -1)}, STEPS)],
    'RepeatVector': [({'n': 3}, FLAT)],
    'Softmax': [({'axis': 1}, STEPS)],
    'GaussianNoise': [({'stddev': 0.5, 'seed': 4}, FLAT)],
    'Rescaling': [({'scale': 2.0, 'offset': [1.0] * 6}, FLAT)],
    'SimpleRNN': [({'units': 3, 'return_sequences': True, 'go_backwards': True}, STEPS)],
    'LSTM': [({'units': 3, 'recurrent_dropout': 0.1, 'seed': 2}, STEPS), ({'units': 2, 'return_state': True}, STEPS)],
    'GRU': [({'units': 3, 'reset_after': False, 'use_bias': False}, STEPS)],
    'RNN': [
        ({'cell': ('GRUCell', 3), 'unroll': True}, STEPS),
        ({'cell': [('LSTMCell', 3), ('SimpleRNNCell', 2)]}, STEPS),
        ({'cell': ('StackedRNNCells', [('GRUCell', 3), ('LSTMCell', 2)]), 'return_sequences': True}, STEPS),
    ],
    'Bidirectional': [({'layer': ('LSTM', 3), 'merge_mode': 'ave'}, STEPS)],
    'TimeDistributed': [({'layer': ('Dense', 3)}, STEPS)],
}
CASES = [pytest.param(name, *case, id=f'{name}-{i}') for name, cases in LAYERS.items() for i, case in enumerate(cases)]


def tree_of(path: Path) -> dict[str, tuple[Any, ...]]:
    """Every dataset of a file of weights with its shape, type and bytes."""
    found: dict[str, tuple[Any, ...]] = {}

    def note(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = (node.shape, node.dtype.name, node[()].tobytes())

    blob = path.read_bytes()
    if path.suffix == '.keras':
        with zipfile.ZipFile(path) as archive:
            blob = archive.read('model.weights.h5')
    with h5py.File(io.BytesIO(blob), 'r') as file:
        file.visititems(note)
    return found


def drawn(shape: tuple[int, ...]) -> Any:
    return rng.standard_normal((3, *shape)).astype('float32')


def made(kind: Any, value: Any) -> Any:
    """With that library's layers for the pairs that stand for them."""
    if isinstance(value, list):
        return [made(kind, each) for each in value]
    match value:
        case (str() as name, argument):
            return getattr(kind.layers, name)(made(kind, argument))
        case _:
            return value


def filled(model: Any) -> Any:
    """With weights that are no initializer's."""
    draw = np.random.default_rng(5)
    model.set_weights(
        [draw.uniform(0.5, 1.5, w.shape).astype(w.dtype) if w.dtype.kind == 'f' else w for w in model.get_weights()]
    )
    return model


def goes(model: Any, other: Any, x: Any, tmp_path: Path) -> Any:
    """Save with one, load with the other, save there again: outputs and trees are the same."""
    first, second = tmp_path / 'first.keras', tmp_path / 'second.keras'
    model.save(first)
    again = other.saving.load_model(first)
    again.save(second)
    assert tree_of(second) == tree_of(first)
    wanted, found = model(x), again(x)
    for a, b in zip(hefted.tree.flatten(found), hefted.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-5, atol=2e-5)
    return again


@WAYS
@pytest.mark.parametrize(('name', 'arguments', 'shape'), CASES)
def test_a_layer_goes_both_ways(
    name: str, arguments: dict[str, Any], shape: tuple[int, ...], one: Any, other: Any, tmp_path: Path
) -> None:
    inputs = one.Input(shape)
    layer = getattr(one.layers, name)(**{key: made(one, value) for key, value in arguments.items()}, name='it')
    if name == 'Normalization' and not arguments:
        layer.adapt(drawn(shape))
        model = one.Model(inputs, layer(inputs))
    else:
        model = filled(one.Model(inputs, layer(inputs)))
    goes(model, other, drawn(shape), tmp_path)


def attention(kind: Any) -> Any:
    tokens, steps = kind.Input((5,), dtype='int32', name='tokens'), kind.Input((7, 6), name='steps')
    layers = kind.layers
    x = layers.Embedding(9, 6)(tokens)  # masks after attention differ, as told
    x = layers.MultiHeadAttention(2, 3, value_dim=4, dropout=0.1)(x, steps, use_causal_mask=True)
    x = layers.GroupQueryAttention(3, 4, 2)(x, x)
    x = layers.Add()([x, layers.Attention(use_scale=True)([x, x])])
    x = layers.AdditiveAttention()([x, x, x])
    return kind.Model([tokens, steps], [layers.SpectralNormalization(layers.Dense(3))(x), kind.ops.mean(x, axis=1)])


def table(kind: Any) -> Any:
    numbers, kinds = kind.Input((2,), name='numbers'), kind.Input((3,), dtype='int32', name='kinds')
    layers = kind.layers
    buckets = layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.7])(numbers)
    coded = layers.CategoryEncoding(4, output_mode='multi_hot')(kinds)
    x = layers.Concatenate()([kind.ops.cast(buckets, 'float32'), coded])
    return kind.Model([numbers, kinds], layers.Dense(2)(x))


def nested(kind: Any) -> Any:
    """A model in a model in a model, one of them called twice, and names that say nothing of the order."""
    layers = kind.layers
    deep = kind.Sequential([kind.Input((4,)), layers.Dense(4, name='z'), layers.Dense(4, name='a')], name='deep')
    inside = kind.Input((4,))
    middle = kind.Model(inside, layers.Dense(4, name='m')(deep(inside)) + deep(inside), name='middle')
    outside = kind.Input((4,))
    last = kind.Sequential([layers.Dense(4)], name='last')
    return kind.Model(outside, layers.Dense(2)(middle(last(middle(outside)))), name='whole')


INTS = rng.integers(0, 9, (3, 5)).astype('int32')
MODELS: dict[str, tuple[Any, Any]] = {
    'attention': (attention, [INTS, drawn((7, 6))]),
    'table': (table, [drawn((2,)), INTS[:, :3] % 4]),
    'nested': (nested, drawn((4,))),
}


@WAYS
@pytest.mark.parametrize('name', MODELS)
def test_a_model_of_many_goes_both_ways(name: str, one: Any, other: Any, tmp_path: Path) -> None:
    build, x = MODELS[name]
    model = build(one)
    goes(model if name == 'attention' else filled(model), other, x, tmp_path)


def subclassed(kind: Any) -> Any:
    """A model that holds layers in attributes of every form."""
    layers = kind.layers

    class Block(layers.Layer):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = units
            self._hidden = layers.Dense(units)
            self.parts = [layers.Dense(units), [layers.Dense(units), layers.BatchNormalization()]]

        def build(self, input_shape: Any) -> None:
            self.own = self.add_weight(shape=(self.units,), initializer='ones', name='own')
            self.count = self.add_weight(shape=(), initializer='zeros', trainable=False, name='count')
            self.late = self.add_weight(shape=(self.units,), initializer='ones', name='late')
            super().build(input_shape)

        def call(self, x: Any, training: bool = False) -> Any:
            x = self.parts[0](self._hidden(x)) * self.own + self.late
            return self.parts[1][1](self.parts[1][0](x), training=training)

    class Whole(kind.Model):
        def __init__(self) -> None:
            super().__init__()
            self.zebra = layers.Dense(4)  # its attribute comes after `layers`, which holds it too
            self.blocks = {'b': Block(4), 'a': Block(4)}
            self._head = layers.Dense(2)
            self.encoder = kind.Sequential([layers.Dense(4), layers.Dense(4)])
            self.again = self.encoder
            self.pair = (layers.Dense(4), 'no layer', layers.Dense(4))

        def call(self, x: Any, training: bool = False) -> Any:
            x = self.blocks['a'](self.encoder(self.zebra(x)), training=training)
            x = self.blocks['b'](x, training=training)
            return self._head(self.pair[2](self.pair[0](x)))

    model = Whole()
    model(np.zeros((3, 4), 'float32'))
    return model


@WAYS
def test_the_weights_of_a_subclassed_model_go_both_ways(one: Any, other: Any, tmp_path: Path) -> None:
    model, again = filled(subclassed(one)), subclassed(other)
    first, second = tmp_path / 'first.weights.h5', tmp_path / 'second.weights.h5'
    model.save_weights(first)
    again.load_weights(first)
    again.save_weights(second)
    assert tree_of(second) == tree_of(first)
    x = drawn((4,))
    np.testing.assert_allclose(np.asarray(again(x)), np.asarray(model(x)), rtol=2e-5, atol=2e-5)


@WAYS
def test_a_functional_model_with_layers_in_attributes_of_its_own(one: Any, other: Any, tmp_path: Path) -> None:
    def build(kind: Any) -> Any:
        class Named(kind.Model):
            def __init__(self) -> None:
                x = kind.Input((4,))
                dense, backbone = kind.layers.Dense(3), kind.layers.Dense(4)
                super().__init__(x, dense(backbone(x)))
                self.backbone = backbone  # `layers` come first all the same

        return Named()

    model, again = filled(build(one)), build(other)
    model.save_weights(tmp_path / 'a.weights.h5')
    again.load_weights(tmp_path / 'a.weights.h5')
    again.save_weights(tmp_path / 'b.weights.h5')
    assert tree_of(tmp_path / 'b.weights.h5') == tree_of(tmp_path / 'a.weights.h5')
