"""Sentiment of padded word sequences: Embedding with a mask, LSTM, Dropout, callbacks that slow and stop it."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    words = rng.integers(1, 50, (120, 12))
    labels = (words < 20).sum(1) > 4
    words[np.arange(12) >= rng.integers(6, 13, (120, 1))] = 0
    model = keras.Sequential(
        [
            keras.Input((12,), dtype='int32'),
            layers.Embedding(50, 8, mask_zero=True),
            layers.SpatialDropout1D(0.1),
            layers.LSTM(8),
            layers.Dropout(0.2),
            layers.Dense(1, activation='sigmoid'),
        ]
    )
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy', keras.metrics.AUC(name='auc')])
    slow = keras.callbacks.ReduceLROnPlateau('val_auc', mode='max', factor=0.5, patience=1, min_delta=0.1)
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(
        words, labels, epochs=5, batch_size=32, shuffle=False, validation_split=0.2, callbacks=[slow, stop], verbose=0
    )
    return {**history.history, 'scores': model.predict(words, verbose=0)}
