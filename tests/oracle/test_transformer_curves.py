"""A small transformer of tokens learns as Keras's does, step for step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(7)
TOKENS = rng.integers(1, 20, (50, 6)).astype('int32')
TOKENS[np.arange(6)[None, :] >= rng.integers(2, 7, 50)[:, None]] = 0
LABELS = (TOKENS.sum(1) % 3).astype('int32')


def classifier(kind: Any) -> Any:
    layers = kind.layers
    inputs = kind.Input((6,), dtype='int32')
    flow = layers.Embedding(20, 8, mask_zero=True)(inputs)
    attended = layers.MultiHeadAttention(2, 4)(flow, flow, use_causal_mask=True)
    flow = layers.LayerNormalization()(layers.Add()([flow, attended]))
    flow = layers.RMSNormalization()(layers.EinsumDense('abc,cd->abd', (6, 8), 'gelu', 'd')(flow))
    flow = layers.GroupNormalization(2)(layers.Flatten()(flow))
    return kind.Model(inputs, layers.Dense(3, activation='softmax')(flow))


@pytest.mark.filterwarnings('ignore:.*does not support')
@pytest.mark.parametrize('optimizer', ['adam', 'sgd'])
def test_a_transformer_s_curve_is_keras_s(optimizer: str) -> None:
    curves, weights = [], None
    for kind in (keras, hefted):
        model = classifier(kind)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile(optimizer, 'sparse_categorical_crossentropy', metrics=['accuracy'])
        # 50 rows in batches of 16: the last is short.
        history = model.fit(TOKENS, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
        curves.append([history.history['loss'], *(w.ravel() for w in model.get_weights())])
    for ours, theirs in zip(curves[1], curves[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-4)
