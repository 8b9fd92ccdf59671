"""Tickets: a title, a body and tags go in; a priority and a department come out, each with its loss."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(0)
    title, body = rng.integers(0, 30, (100, 5)), rng.integers(0, 30, (100, 9))
    tags = rng.integers(0, 2, (100, 3)).astype('float32')
    priority = tags.mean(1, keepdims=True)
    department = rng.integers(0, 4, 100)

    a, b = keras.Input((None,), name='title'), keras.Input((None,), name='body')
    c = keras.Input((3,), name='tags')
    words = layers.Embedding(30, 6)
    read = layers.Dense(8, activation='tanh')
    x = [layers.GlobalMaxPooling1D()(read(words(each))) for each in (a, b)]
    x = layers.concatenate([*x, c])
    model = keras.Model(
        [a, b, c],
        [layers.Dense(1, activation='sigmoid', name='priority')(x), layers.Dense(4, name='department')(x)],
    )
    model.compile(
        'adam',
        loss={
            'priority': 'mse',
            'department': keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        loss_weights={'priority': 2.0, 'department': 0.5},
        metrics={'priority': 'mae', 'department': 'accuracy'},
    )
    history = model.fit([title, body, tags], [priority, department], epochs=3, batch_size=32, shuffle=False, verbose=0)
    scores = model.predict([title, body, tags], verbose=0)
    return {**history.history, 'priorities': scores[0], 'departments': scores[1]}
