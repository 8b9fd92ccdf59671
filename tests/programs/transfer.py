"""A base trained on one task, frozen under a new head, then thawed and tuned at a lower rate."""

import keras
import numpy as np
from keras import layers


def main():
    keras.utils.set_random_seed(11)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 8)).astype('float32')
    first, second = (x[:, :1] > 0).astype('float32'), (x[:, :2].sum(1) > 0).astype('int64')
    base = keras.Sequential(
        [keras.Input((8,)), layers.Dense(12), layers.BatchNormalization(), layers.ReLU()], name='base'
    )
    pretraining = keras.Sequential([keras.Input((8,)), base, layers.Dense(1, activation='sigmoid')])
    pretraining.compile('adam', 'binary_crossentropy')
    told = {'batch_size': 24, 'shuffle': False, 'verbose': 0}
    curves = {'pretraining': pretraining.fit(x, first, epochs=2, **told).history['loss']}

    base.trainable = False
    inputs = keras.Input((8,))
    outputs = layers.Dense(2, activation='softmax')(layers.Dropout(0.1)(base(inputs, training=False)))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), 'sparse_categorical_crossentropy', metrics=['accuracy'])
    frozen = base.get_weights()
    curves['head'] = model.fit(x, second, epochs=2, **told).history['loss']
    assert all(np.array_equal(a, b) for a, b in zip(frozen, base.get_weights(), strict=True))

    base.trainable = True
    model.compile(keras.optimizers.Adam(1e-3), 'sparse_categorical_crossentropy', metrics=['accuracy'])
    tuned = model.fit(x, second, epochs=2, **told).history
    assert not np.array_equal(frozen[0], base.get_weights()[0])
    return {
        **curves,
        **tuned,
        'parameters': [len(model.trainable_variables), len(model.non_trainable_variables), model.count_params()],
        'scores': model.predict(x, verbose=0),
    }
