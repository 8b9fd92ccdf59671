"""A forecast of the next steps of a wave: causal convolutions, Huber loss, a generator of batches, evaluation."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(4)
    wave = np.sin(np.arange(400) / 7).astype('float32')
    windows = np.stack([wave[i : i + 24] for i in range(256)])[..., None]
    following = np.stack([wave[i + 24 : i + 27] for i in range(256)])

    model = keras.Sequential([keras.Input((24, 1))])
    for dilation in (1, 2, 4):
        model.add(layers.Conv1D(8, 2, padding='causal', dilation_rate=dilation, activation='tanh'))
    model.add(layers.Flatten())
    model.add(layers.Dense(3))
    model.compile('rmsprop', keras.losses.Huber(), metrics=['mae', keras.metrics.RootMeanSquaredError(name='rmse')])

    def batches():
        while True:
            for start in range(0, 256, 32):
                yield windows[start : start + 32], following[start : start + 32]

    history = model.fit(batches(), steps_per_epoch=8, epochs=4, verbose=0)
    return {**history.history, 'ahead': model.predict(windows[:40], verbose=0)}
