"""Models with recurrent layers: masks from embeddings, encoders and decoders, fits, archives; as Keras's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(12)
x = rng.standard_normal((20, 5, 3)).astype('float32')
y = rng.standard_normal((20, 2)).astype('float32')


def stack(kind: Any, dropout: float = 0.0) -> Any:
    layers = kind.layers
    return kind.Sequential(
        [
            kind.Input((5, 3)),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True, dropout=dropout, seed=5), merge_mode='sum'),
            layers.TimeDistributed(layers.Dense(3, activation='tanh')),
            layers.GRU(4, return_sequences=True, recurrent_dropout=dropout, seed=6),
            layers.RNN([layers.GRUCell(2), layers.SimpleRNNCell(3, dropout=dropout, seed=7)]),
            layers.Dense(2),
        ]
    )


@pytest.mark.parametrize('dropout', [0.0, 0.3])
def test_a_fit_has_keras_s_curve(dropout: float) -> None:
    made = [stack(kind, dropout) for kind in (keras, hefted)]
    made[1].set_weights(made[0].get_weights())
    curves: list[Any] = []
    for model in made:
        model.compile(optimizer='adam', loss='mse')
        history = model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0, validation_split=0.2)
        curves.append([history.history['loss'], history.history['val_loss']])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


def masked(kind: Any) -> Any:
    layers = kind.layers

    class Own(layers.Layer):
        """Says its mask, and no more."""

        def __init__(self) -> None:
            super().__init__()
            self.words = layers.Embedding(3, 4)

        def call(self, inputs: Any) -> Any:
            return self.words(inputs)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return inputs != 0

    x = kind.Input((5,), dtype='int32')
    h = layers.Dense(3)(Own()(x))
    return kind.Model(x, layers.GlobalAveragePooling1D()(layers.Attention()([h, h])))


def test_masks_go_through_own_layers_dense_and_attention() -> None:
    words = rng.integers(0, 3, (6, 5))
    words[:, 0] = 2
    made = [masked(kind) for kind in (keras, hefted)]
    made[1].set_weights(made[0].get_weights())
    wanted, found = (model.predict(words, verbose=0) for model in made)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_mask_that_reaches_the_outputs_counts_in_loss_and_evaluation() -> None:
    """In training Keras's metrics see no mask, its loss does; nine rows leave a short batch."""
    words = rng.integers(1, 9, (9, 5))
    words[np.arange(5) >= rng.integers(1, 5, (9, 1))] = 0
    targets, weights = words[..., None] / 9, rng.random((9, 1))
    made: list[Any] = []
    for kind in (keras, hefted):
        layers = kind.layers
        parts = [kind.Input((5,)), layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2, return_sequences=True)]
        model = kind.Sequential([*parts, layers.Dense(1)])
        model.compile('sgd', 'mse', metrics=['mae'], weighted_metrics=['mse'])
        made.append(model)
    made[1].set_weights(made[0].get_weights())
    wanted, found = (
        [
            *model.evaluate(words, targets, batch_size=4, verbose=0),
            *model.evaluate(words, targets, batch_size=4, sample_weight=weights, verbose=0),
            *model.fit(words, targets, batch_size=4, epochs=2, shuffle=False, verbose=0).history.values(),
        ]
        for model in made
    )
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    with pytest.raises(ValueError, match=r'pass sample_weight\[:, None\]'):
        made[1].fit(words, targets, sample_weight=weights[:, 0], verbose=0)


def test_archives_go_both_ways(tmp_path: Path) -> None:
    made = [stack(kind) for kind in (keras, hefted)]
    for model in made:
        path = tmp_path / f'{type(model).__module__.split(".")[0]}.keras'
        model.save(path)
        theirs, ours = (kind.saving.load_model(path) for kind in (keras, hefted))
        again = ours if model is made[0] else theirs
        wanted = np.asarray(model(x))
        np.testing.assert_allclose(np.asarray(again(x)), wanted, rtol=1e-5, atol=1e-6)
        assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]


def test_an_encoder_hands_its_states_to_a_decoder() -> None:
    made: list[Any] = []
    for kind in (keras, hefted):
        layers = kind.layers
        source, target = kind.Input((None, 3)), kind.Input((4, 2))
        _, h, c = layers.LSTM(6, return_state=True)(source)
        decoded = layers.LSTM(6, return_sequences=True)(target, initial_state=[h, c])
        made.append(kind.Model([source, target], layers.Dense(2)(decoded)))
    made[1].set_weights(made[0].get_weights())
    inputs = [x, rng.standard_normal((20, 4, 2)).astype('float32')]
    wanted = np.asarray(made[0].predict(inputs, verbose=0))
    np.testing.assert_allclose(np.asarray(made[1].predict(inputs, verbose=0)), wanted, rtol=1e-5, atol=1e-6)


def test_a_stateful_model_goes_on_from_batch_to_batch() -> None:
    def model_of(kind: Any) -> Any:
        layers = kind.layers
        model = kind.Sequential([kind.Input(batch_shape=(4, 5, 3)), layers.LSTM(3, stateful=True), layers.Dense(2)])
        model.compile(optimizer=kind.optimizers.SGD(0.1), loss='mse')
        return model

    reference, model = model_of(keras), model_of(hefted)
    model.set_weights(reference.get_weights())
    # Keras on JAX forgets the states inside predict and fit; called batch by batch it keeps them, as documented.
    wanted = np.concatenate([np.asarray(reference(x[i : i + 4])) for i in range(0, 20, 4)])
    np.testing.assert_allclose(np.asarray(model.predict(x, batch_size=4, verbose=0)), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.layers[0].states[0].numpy(), reference.layers[0].states[0].numpy(), rtol=1e-5)
    for each in (reference, model):
        each.layers[0].reset_state()
    losses = [np.mean((np.asarray(reference(x[i : i + 4])) - y[i : i + 4]) ** 2) for i in range(0, 20, 4)]
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=4, verbose=0), np.mean(losses), rtol=1e-5)
    model.layers[0].reset_states()
    model.fit(x, y, batch_size=4, epochs=1, verbose=0, shuffle=False)
    assert np.any(model.layers[0].states[0].numpy())


def test_time_distributed_takes_steps_one_by_one_where_it_must() -> None:
    made: list[Any] = []
    for kind in (keras, hefted):
        inside = kind.layers.BatchNormalization()
        layer = kind.layers.TimeDistributed(inside)
        outputs = [np.asarray(layer(x, training=True)), np.asarray(layer(x, training=False))]
        made.append([*outputs, *(np.asarray(v) for v in inside.weights)])
    for ours, theirs in zip(made[1], made[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match='mask'):
        hefted.layers.TimeDistributed(hefted.layers.Dense(2))(x, mask=np.ones((20, 4), bool))
