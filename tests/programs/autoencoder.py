"""A variational autoencoder: a subclassed model, a sampling layer with its seed generator, the KL term by add_loss."""

import keras
import numpy as np
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(17)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class Autoencoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation='relu')
        self.mean = layers.Dense(2)
        self.log_variance = layers.Dense(2)
        self.sample = Sampling()
        self.decoder = keras.Sequential([layers.Dense(8, activation='relu'), layers.Dense(6, activation='sigmoid')])

    def call(self, inputs):
        x = self.hidden(inputs)
        mean, log_variance = self.mean(x), self.log_variance(x)
        kl = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        self.add_loss(0.01 * kl)
        return self.decoder(self.sample([mean, log_variance]))


def main():
    keras.utils.set_random_seed(7)
    x = np.random.default_rng(0).random((96, 6)).astype('float32')
    model = Autoencoder()
    model.compile('adam', 'mse')
    history = model.fit(x, x, epochs=4, batch_size=32, shuffle=False, verbose=0)
    return {**history.history, 'weights': np.concatenate([w.ravel() for w in model.get_weights()])}
