"""A generator against a discriminator: train_on_batch by turns, the discriminator frozen within the whole."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(8)
    rng = np.random.default_rng(0)
    real = (rng.standard_normal((160, 2)) * 0.3 + [1.0, -1.0]).astype('float32')

    generator = keras.Sequential([keras.Input((3,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(2)])
    discriminator = keras.Sequential(
        [keras.Input((2,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1, activation='sigmoid')]
    )
    discriminator.compile(keras.optimizers.Adam(0.01), 'binary_crossentropy', metrics=['accuracy'])
    discriminator.trainable = False
    noise = keras.Input((3,))
    whole = keras.Model(noise, discriminator(generator(noise)))
    whole.compile(keras.optimizers.Adam(0.01), 'binary_crossentropy')

    curves = {'judge': [], 'forger': []}
    for step in range(8):
        drawn = rng.standard_normal((20, 3)).astype('float32')
        both = np.concatenate([real[step * 20 : step * 20 + 20], generator.predict(drawn, verbose=0)])
        discriminator.trainable = True
        loss, *_ = discriminator.train_on_batch(both, np.repeat([[1.0], [0.0]], 20, axis=0))
        discriminator.trainable = False
        curves['judge'].append(float(loss))
        curves['forger'].append(float(np.ravel(whole.train_on_batch(drawn, np.ones((20, 1))))[0]))
    return {**curves, 'forged': generator.predict(rng.standard_normal((30, 3)).astype('float32'), verbose=0)}
