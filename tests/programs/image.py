"""Small images in three classes: convolutions, pooling, normalization, a schedule; saved and loaded in the middle."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    images = (rng.random((90, 10, 10, 1)) * 255).astype('uint8')
    images[np.arange(90), labels * 3] = 255

    inputs = keras.Input((10, 10, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(8, 3, padding='same', use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation('relu')(x)
    shortcut = layers.MaxPooling2D()(x)
    x = layers.SeparableConv2D(8, 3, padding='same', activation='relu')(shortcut)
    x = layers.add([x, shortcut])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(3, activation='softmax')(x))
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
    model.compile(keras.optimizers.Adam(rate), 'sparse_categorical_crossentropy', metrics=['accuracy'])
    told = {'batch_size': 32, 'shuffle': False, 'verbose': 0}
    first = model.fit(images, labels, epochs=2, **told).history
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'model.keras'
        model.save(path)
        model = keras.models.load_model(path)
    second = model.fit(images, labels, epochs=4, initial_epoch=2, **told).history
    return {**{name: first[name] + second[name] for name in first}, 'scores': model.predict(images, verbose=0)}
