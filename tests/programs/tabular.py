"""A table of numbers and categories: adapted normalization, encoded categories, class weights, sample weights."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    numbers = (rng.standard_normal((150, 4)) * [1, 10, 100, 0.1]).astype('float32')
    kinds = rng.integers(0, 5, (150, 1))
    y = (numbers[:, 0] + kinds[:, 0] > 2).astype('int64')

    scale = layers.Normalization()
    scale.adapt(numbers)
    a = keras.Input((4,), name='numbers')
    b = keras.Input((1,), dtype='int32', name='kind')
    x = layers.concatenate([scale(a), layers.CategoryEncoding(5, output_mode='one_hot')(b)])
    x = layers.Dense(16, activation='relu', kernel_regularizer=keras.regularizers.L2(1e-3))(x)
    x = layers.Dense(2)(x)
    model = keras.Model({'numbers': a, 'kind': b}, x)
    model.compile(
        keras.optimizers.AdamW(0.01, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=['accuracy'],
    )
    data = {'numbers': numbers, 'kind': kinds}
    history = model.fit(
        data, y, epochs=4, batch_size=32, shuffle=False, class_weight={0: 1.0, 1: 2.0}, verbose=0
    )  # fmt: skip
    held = model.evaluate(data, y, sample_weight=np.linspace(0, 1, 150), verbose=0)
    return {**history.history, 'held': held}
