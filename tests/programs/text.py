"""Sentiment of padded word sequences: Embedding, average over real words, Dropout, callbacks."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    words = rng.integers(1, 50, (120, 12))
    labels = (words < 20).sum(1) > 4
    model = keras.Sequential(
        [
            keras.Input((12,), dtype='int32'),
            layers.Embedding(50, 8),
            layers.SpatialDropout1D(0.1),
            layers.Conv1D(8, 3, padding='same', activation='relu'),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.2),
            layers.Dense(1, activation='sigmoid'),
        ]
    )
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy', keras.metrics.AUC(name='auc')])
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(
        words, labels, epochs=5, batch_size=32, shuffle=False, validation_split=0.2, callbacks=[stop], verbose=0
    )
    return {**history.history, 'scores': model.predict(words, verbose=0)}
