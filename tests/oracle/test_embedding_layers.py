"""Embedding and EinsumDense as Keras's, over drawn configurations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted.masks import get_mask

from .alike import assert_alike, rng

EMBEDDINGS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({}, (3, 4)),
    ({'mask_zero': True, 'embeddings_initializer': 'normal'}, (3, 4)),
    ({'embeddings_regularizer': 'l2', 'embeddings_constraint': 'unit_norm'}, (3,)),
    ({'dtype': 'mixed_bfloat16'}, (3, 4, 2)),
]
EINSUMS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({'equation': 'ab,bc->ac', 'output_shape': 5, 'bias_axes': 'c', 'activation': 'relu'}, (3, 4)),
    ({'equation': 'abc,cd->abd', 'output_shape': (None, 5), 'bias_axes': 'd'}, (3, 4, 2)),
    ({'equation': '...x,xy->...y', 'output_shape': 5, 'bias_axes': 'y'}, (3, 4, 2)),
    ({'equation': '...x,xy->...y', 'output_shape': 5}, (3, 4)),
    ({'equation': 'ab...,bc->ac...', 'output_shape': 5, 'bias_axes': 'c'}, (3, 4, 2)),
    ({'equation': 'abc,cde->abde', 'output_shape': (None, 2, 3), 'bias_axes': 'de', 'dtype': 'mixed_bfloat16'},
     (3, 4, 2)),
    ({'equation': 'abcd,cde->abe', 'output_shape': (None, 3), 'bias_axes': 'e', 'kernel_regularizer': 'l2'},
     (3, 2, 4, 2)),
    ({'equation': 'abc,bcd->abd', 'output_shape': (4, 5), 'bias_axes': 'bd', 'bias_constraint': 'non_neg'}, (3, 4, 2)),
    ({'equation': 'abc,cd->adb', 'output_shape': (5, None), 'bias_axes': 'd', 'activity_regularizer': 'l1'}, (3, 4, 2)),
]  # fmt: skip


@pytest.mark.parametrize('number', range(len(EMBEDDINGS)))
def test_embedding(number: int) -> None:
    arguments, shape = EMBEDDINGS[number]
    x = rng.integers(0, 7, shape).astype('int32')
    assert_alike('Embedding', {'input_dim': 7, 'output_dim': 3, **arguments}, (shape,), inputs=[x])


@pytest.mark.parametrize('number', range(len(EINSUMS)))
def test_einsum_dense(number: int) -> None:
    arguments, shape = EINSUMS[number]
    assert_alike('EinsumDense', arguments, (shape,))


@pytest.mark.parametrize('distribution', ['glorot_uniform', 'he_normal', 'variance_scaling'])
def test_first_kernels_of_einsums_are_scaled_by_the_letters_that_go_in_and_out(distribution: str) -> None:
    kernels = []
    for kind in (keras, hefted):
        initializer = kind.initializers.get({'class_name': ''.join(p.title() for p in distribution.split('_')),
                                             'config': {'seed': 4}})  # fmt: skip
        layer = kind.layers.EinsumDense('abcd,cde->abe', (None, 6), kernel_initializer=initializer)
        layer.build((None, 2, 4, 3))
        kernels.append(np.asarray(layer.kernel))
    np.testing.assert_allclose(kernels[1], kernels[0], rtol=1e-5, atol=1e-7)


def test_numbers_outside_an_embedding_are_nan_and_negative_ones_count_from_its_end() -> None:
    weights = rng.standard_normal((4, 2)).astype('float32')
    x = np.array([[-1, 3, 4, -5]])
    theirs, ours = (kind.layers.Embedding(4, 2, weights=weights)(x) for kind in (keras, hefted))
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert np.isnan(np.asarray(ours)[0, 2:]).all()


def test_first_weights_may_be_given() -> None:
    weights = rng.standard_normal((4, 2)).astype('float32')
    for given in (weights, [weights]):
        layer = hefted.layers.Embedding(4, 2, weights=given)
        np.testing.assert_array_equal(layer.get_weights()[0], weights)
    assert 'weights' not in layer.get_config()


def test_padding_is_masked_through_a_model_as_in_keras() -> None:
    x = np.array([[3, 1, 0, 0], [2, 2, 5, 0], [0, 0, 0, 0]])
    outputs, state = [], None
    for kind in (keras, hefted):
        inputs = kind.Input((4,), dtype='int32')
        hidden = kind.layers.Embedding(6, 8, mask_zero=True)(inputs)
        hidden = kind.layers.LayerNormalization()(hidden)
        attended = kind.layers.MultiHeadAttention(2, 4)(hidden, hidden)
        model = kind.Model(inputs, kind.layers.LayerNormalization()(attended))
        state = state or [w + 0.1 * rng.standard_normal(w.shape).astype('float32') for w in model.get_weights()]
        model.set_weights(state)
        assert get_mask(hidden) is not None if kind is hefted else hidden._keras_mask is not None
        outputs.append(np.asarray(model(x)))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)


def test_wrong_arguments_are_named() -> None:
    layers = hefted.layers
    for make in (
        lambda: layers.Embedding(0, 4),
        lambda: layers.Embedding(4, True),
        lambda: layers.Embedding(4, 2, lora_rank=2),
        lambda: layers.EinsumDense('ab->a', 3)(np.ones((2, 3))),
        lambda: layers.EinsumDense('ab,bc->ad', 3)(np.ones((2, 3))),
        lambda: layers.EinsumDense('ab,cd->ab', 3)(np.ones((2, 3))),
        lambda: layers.EinsumDense('abc,cd->abd', (5, 3))(np.ones((2, 4, 3))),
        lambda: layers.EinsumDense('ab,bc->ac', 3, bias_axes='x')(np.ones((2, 3))),
    ):
        with pytest.raises(ValueError, match='Expected'):
            make()
