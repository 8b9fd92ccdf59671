"""Attention as Keras's: outputs, gradients, masks, configs, paths, over drawn configurations."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import keras
import numpy as np
import pytest

import hefted
from hefted.masks import get_mask, set_mask

from .alike import assert_alike, rng

BACKENDS = [keras, hefted]
Q, V, K = (4, 5, 6), (4, 3, 6), (4, 3, 6)
MHA: list[tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]] = [
    ({'num_heads': 2, 'key_dim': 3}, (Q, V), {}),
    ({'num_heads': 2, 'key_dim': 3}, (Q, V, (4, 3, 7)), {'use_causal_mask': True}),
    ({'num_heads': 3, 'key_dim': 2, 'value_dim': 4, 'use_gate': True}, (Q, Q), {'return_attention_scores': True}),
    ({'num_heads': 3, 'key_dim': 2, 'output_shape': 5, 'use_bias': False}, (Q, V), {}),
    ({'num_heads': 3, 'key_dim': 2, 'output_shape': (2, 5), 'sliding_window': 2}, (Q, Q), {'use_causal_mask': True}),
    ({'num_heads': 2, 'key_dim': 2, 'attention_axes': (2,)}, ((2, 3, 4, 5), (2, 3, 6, 5)), {}),
    ({'num_heads': 2, 'key_dim': 2, 'attention_axes': (1, -2)}, ((2, 3, 4, 5), (2, 3, 4, 5)), {}),
    ({'num_heads': 2, 'key_dim': 2}, ((2, 3, 4, 5), (2, 2, 6, 5)), {'return_attention_scores': True}),
    ({'num_heads': 2, 'key_dim': 3, 'kernel_regularizer': 'l2', 'activity_regularizer': 'l2'}, (Q, V), {}),
    ({'num_heads': 2, 'key_dim': 3, 'kernel_constraint': 'max_norm', 'dropout': 0.0, 'seed': 3}, (Q, V), {}),
    ({'num_heads': 2, 'key_dim': 3, 'dropout': 0.5, 'seed': 3}, (Q, V), {'training': True}),
    ({'num_heads': 2, 'key_dim': 3, 'dropout': 0.5, 'seed': 3}, (Q, V), {'use_causal_mask': True}),
    ({'num_heads': 2, 'key_dim': 3, 'dtype': 'mixed_bfloat16'}, (Q, V), {}),
    ({'num_heads': 2, 'key_dim': 3, 'dtype': 'mixed_bfloat16'}, (Q, V), {'return_attention_scores': True}),
]
GROUPED: list[tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]] = [
    ({'head_dim': 3, 'num_query_heads': 4, 'num_key_value_heads': 2}, (Q, V), {}),
    ({'head_dim': 3, 'num_query_heads': 4, 'num_key_value_heads': 1, 'use_gate': True}, (Q, V, K), {}),
    ({'head_dim': 3, 'num_query_heads': 2, 'num_key_value_heads': 2, 'use_bias': False, 'sliding_window': 2}, (Q, Q), {
        'use_causal_mask': True, 'return_attention_scores': True}),
    ({'head_dim': 3, 'num_query_heads': 4, 'num_key_value_heads': 2, 'dropout': 0.3, 'seed': 1}, (Q, V), {
        'training': True}),
]  # fmt: skip
PLAIN: list[tuple[str, dict[str, Any], tuple[Any, ...], dict[str, Any]]] = [
    ('Attention', {}, (Q, V), {}),
    ('Attention', {'use_scale': True}, (Q, V, K), {'return_attention_scores': True}),
    ('Attention', {'score_mode': 'concat'}, (Q, V), {'use_causal_mask': True}),
    ('Attention', {'score_mode': 'concat', 'use_scale': True, 'dropout': 0.4, 'seed': 2}, (Q, V), {'training': True}),
    ('Attention', {'dtype': 'mixed_bfloat16'}, (Q, V), {}),
    ('AdditiveAttention', {}, (Q, V), {'return_attention_scores': True}),
    ('AdditiveAttention', {'use_scale': False, 'dropout': 0.2, 'seed': 2}, (Q, V, K), {'use_causal_mask': True}),
]


@pytest.mark.parametrize('number', range(len(MHA)))
def test_multi_head_attention(number: int) -> None:
    assert_alike('MultiHeadAttention', *MHA[number], tolerance=1e-4)


@pytest.mark.parametrize('number', range(len(GROUPED)))
def test_group_query_attention(number: int) -> None:
    assert_alike('GroupQueryAttention', *GROUPED[number], tolerance=1e-4)


@pytest.mark.parametrize('number', range(len(PLAIN)))
def test_attention_without_heads(number: int) -> None:
    name, arguments, shapes, options = PLAIN[number]
    assert_alike(name, arguments, shapes, options, tolerance=1e-4, listed=True)


def masked(kind: Any, x: Any, mask: Any) -> Any:
    tensor = jax.numpy.array(x)
    if mask is not None:
        if kind is keras:
            keras.src.backend.set_keras_mask(tensor, jax.numpy.array(mask))
        else:
            set_mask(tensor, jax.numpy.array(mask))
    return tensor


@pytest.mark.parametrize('name', ['MultiHeadAttention', 'GroupQueryAttention'])
@pytest.mark.parametrize('given', ['query', 'value', 'both', 'all', 'explicit', 'explicit 4D', 'numbers'])
@pytest.mark.parametrize('scores', [False, True])
def test_masks_count_as_in_keras(name: str, given: str, scores: bool) -> None:
    arguments = {'num_heads': 2, 'key_dim': 3} if name[0] == 'M' else {
        'head_dim': 3, 'num_query_heads': 4, 'num_key_value_heads': 2}  # fmt: skip
    q, v, k = (rng.standard_normal(s).astype('float32') for s in (Q, V, K))
    # A row without anything to attend to, as padding makes it, is among them.
    masks = [rng.random(s[:2]) < 0.6 for s in (Q, V, K)]
    masks[0][0], masks[1][0, 0] = False, True
    explicit = {
        'explicit': rng.random((4, 5, 3)) < 0.6, 'explicit 4D': rng.random((4, 1, 5, 3)) < 0.6,
        'numbers': (rng.random((4, 5, 3)) < 0.6).astype('float32'),
    }.get(given)  # fmt: skip
    attached = {'query': (0,), 'value': (1,), 'both': (0, 1), 'all': (0, 1, 2)}.get(given, ())
    results = []
    weights: Any = None
    for kind in BACKENDS:
        layer = getattr(kind.layers, name)(**arguments, name='it')
        layer.build(Q, V, K)
        weights = weights or layer.get_weights()
        layer.set_weights(weights)
        tensors = [masked(kind, x, masks[i] if i in attached else None) for i, x in enumerate((q, v, k))]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            outputs = layer(*tensors, return_attention_scores=scores, attention_mask=explicit)
        results.append([*outputs] if scores else [outputs])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-4, atol=1e-5)
    wanted, got = keras.src.backend.get_keras_mask(results[0][0]), get_mask(results[1][0])
    assert (wanted is None) == (got is None)
    if wanted is not None:
        np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))


@pytest.mark.filterwarnings('ignore:.*does not support')
@pytest.mark.parametrize('name', ['Attention', 'AdditiveAttention'])
def test_masks_without_heads_count_as_in_keras(name: str) -> None:
    q, v = (rng.standard_normal(s).astype('float32') for s in (Q, V))
    masks = [rng.random(s[:2]) < 0.6 for s in (Q, V)]
    for mask in ([masks[0], masks[1]], [None, masks[1]], [masks[0], None]):
        for causal in (False, True):
            theirs, ours = (
                getattr(kind.layers, name)(use_scale=False)(
                    [jax.numpy.array(q), jax.numpy.array(v)],
                    mask=[None if m is None else jax.numpy.array(m) for m in mask], use_causal_mask=causal,
                )
                for kind in BACKENDS
            )  # fmt: skip
            np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-4, atol=1e-5)


def test_wrong_arguments_are_named() -> None:
    layers = hefted.layers
    for make in (
        lambda: layers.MultiHeadAttention(0, 4),
        lambda: layers.MultiHeadAttention(2, 'four'),  # pyright: ignore[reportArgumentType]
        lambda: layers.MultiHeadAttention(2, 4, sliding_window=0),
        lambda: layers.MultiHeadAttention(2, 4, dropout=0.1, flash_attention=True),
        lambda: layers.MultiHeadAttention(2, 4).build((None, 3, 4), (None, 3, 4), (None, 5, 4)),
        lambda: layers.GroupQueryAttention(4, 3, 2),
        lambda: layers.Attention(score_mode='cosine'),
        lambda: layers.Attention()(np.ones((2, 3, 4), 'float32')),
    ):
        with pytest.raises(ValueError, match=r'xpected|Did you mean'):
            make()
