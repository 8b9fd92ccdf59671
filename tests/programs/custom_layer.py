"""Layers, a loss, a metric and a callback of one's own, written with keras.ops; the model saved and loaded."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable('custom_layer')
class Gated(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        size = input_shape[-1]
        self.kernel = self.add_weight(shape=(size, self.units), initializer='he_normal', name='kernel')
        self.gate = self.add_weight(shape=(size, self.units), initializer='glorot_uniform', name='gate')
        self.bias = self.add_weight(shape=(self.units,), initializer='zeros', name='bias')
        self.calls = self.add_weight(shape=(), initializer='zeros', trainable=False, name='calls')

    def call(self, inputs, training=False):
        if training:
            self.calls.assign_add(1.0)
        opened = ops.sigmoid(ops.matmul(inputs, self.gate))
        return opened * ops.tanh(ops.matmul(inputs, self.kernel) + self.bias)

    def get_config(self):
        return {**super().get_config(), 'units': self.units}


@keras.saving.register_keras_serializable('custom_layer')
class Quantile(keras.losses.Loss):
    def __init__(self, quantile=0.5, name='quantile', **kwargs):
        super().__init__(name=name, **kwargs)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)

    def get_config(self):
        return {**super().get_config(), 'quantile': self.quantile}


@keras.saving.register_keras_serializable('custom_layer')
class Below(keras.metrics.Metric):
    """The share of targets below their prediction."""

    def __init__(self, name='below', **kwargs):
        super().__init__(name=name, **kwargs)
        self.below = self.add_weight(name='below', initializer='zeros')
        self.count = self.add_weight(name='count', initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.below.assign(self.below + ops.sum(ops.cast(y_true < y_pred, 'float32')))
        self.count.assign(self.count + ops.cast(ops.size(y_true), 'float32'))

    def result(self):
        return self.below / self.count


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((logs or {})['loss'] + float(ops.sum(ops.square(self.model.layers[-1].kernel))))


def main():
    keras.utils.set_random_seed(9)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 5)).astype('float32')
    y = (x[:, :1] * 2 + rng.standard_normal((100, 1))).astype('float32')
    model = keras.Sequential([keras.Input((5,)), Gated(8), Gated(4), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), Quantile(0.8), metrics=[Below()])
    recorder = Recorder()
    told = {'batch_size': 32, 'shuffle': False, 'verbose': 0, 'callbacks': [recorder]}
    first = model.fit(x, y, epochs=2, **told).history
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'model.keras'
        model.save(path)
        model = keras.models.load_model(path)
    second = model.fit(x, y, epochs=2, **told).history
    return {
        **{name: first[name] + second[name] for name in first},
        'seen': recorder.seen,
        'calls': [float(w) for layer in model.layers[:2] for w in [layer.calls.numpy()]],
    }
