"""Which pairs are alike: one encoder for both, a distance, a contrastive loss written with ops."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable('siamese')
def distance(pair):
    a, b = pair
    return ops.sqrt(ops.maximum(ops.sum(ops.square(a - b), axis=1, keepdims=True), 1e-7))


def contrastive(y_true, y_pred, margin=1.0):
    return ops.mean((1 - y_true) * ops.square(y_pred) + y_true * ops.square(ops.maximum(margin - y_pred, 0.0)))


def main():
    keras.utils.set_random_seed(6)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 110, 6)).astype('float32')
    far = (np.abs(a - b).mean(1, keepdims=True) > 1.1).astype('float32')

    encoder = keras.Sequential(
        [keras.Input((6,)), layers.Dense(12, activation='relu'), layers.Dense(4)], name='encoder'
    )
    left, right = keras.Input((6,)), keras.Input((6,))
    apart = layers.Lambda(distance, output_shape=(1,))([encoder(left), encoder(right)])
    model = keras.Model([left, right], apart)
    model.compile(keras.optimizers.Adam(0.005), contrastive)
    history = model.fit([a, b], far, epochs=4, batch_size=32, shuffle=False, verbose=0)
    return {**history.history, 'distances': model.predict([a, b], verbose=0), 'codes': encoder.predict(a, verbose=0)}
