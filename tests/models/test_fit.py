"""`fit` as a user meets it: the reference program, eager steps, what it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Input, Sequential
from hefted.layers import BatchNormalization, Dense, Dropout
from hefted.models.steps import binding_of, program_of

SRC = Path(hefted.__file__).parents[1]
rng = np.random.default_rng(4)
X = rng.random((70, 5))
Y = (X[:, :1] > 0.5).astype(int)


def model() -> Sequential:
    hefted.utils.set_random_seed(3)
    return Sequential(
        [
            Input((5,)),
            Dense(8, activation='relu'),
            BatchNormalization(),
            Dropout(0.2, seed=1),
            Dense(1, activation='sigmoid'),
        ]
    )


def test_eager_steps_give_the_numbers_of_compiled_ones() -> None:
    curves: list[dict[str, list[float]]] = []
    for eagerly in (False, True):
        made = model()
        made.compile('adam', 'binary_crossentropy', metrics=['accuracy'], run_eagerly=eagerly)
        curves.append(made.fit(X, Y, epochs=3, validation_split=0.2, shuffle=False, verbose=0).history)
    assert list(curves[0]) == list(curves[1])
    for name, values in curves[0].items():
        # Steps compiled as one add up in another order, and Adam divides small slopes by their own size.
        np.testing.assert_allclose(curves[1][name], values, rtol=1e-4, atol=1e-6, err_msg=name)


def test_eager_steps_can_be_looked_into() -> None:
    seen: list[Any] = []

    def loss(y_true: Any, y_pred: Any) -> Any:
        seen.append(float(np.asarray(y_pred).mean()))  # a traced value would have no number
        return (y_true - y_pred) ** 2

    made = model()
    made.compile('sgd', loss, run_eagerly=True)
    with pytest.raises(Exception, match=r'[Tt]rac'):
        made.fit(X, Y.astype('float32'), batch_size=35, verbose=0)  # gradients are traced even so
    made.evaluate(X, Y.astype('float32'), batch_size=35, verbose=0)
    assert len(seen) == 2


def test_the_same_seed_gives_the_same_numbers() -> None:
    weights: list[Any] = []
    for _ in range(2):
        made = model()
        made.compile('rmsprop', 'binary_crossentropy')
        made.fit(X, Y, epochs=2, verbose=0)
        weights.append(made.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_reference_program_imports_neither_optax_nor_h5py_nor_rich() -> None:
    code = """
import sys
import numpy as np
from hefted import Sequential
from hefted.layers import Dense
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
model.fit(np.random.random((1000, 100)), np.random.randint(2, size=(1000, 1)), epochs=2, batch_size=32)
print([name for name in ('optax', 'h5py', 'rich', 'click', 'psutil', 'scipy', 'keras') if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, env={'PYTHONPATH': str(SRC)}
    )
    assert done.stdout.splitlines()[-1] == '[]'
    assert 'Feels like' in done.stdout


def test_a_model_is_saved_and_loaded_by_the_names_that_keras_has(tmp_path: Path) -> None:
    made = model()
    made.compile('rmsprop', 'binary_crossentropy')
    made.fit(X, Y, verbose=0)
    made.save(tmp_path / 'm.keras')
    again = hefted.models.load_model(tmp_path / 'm.keras')
    np.testing.assert_array_equal(again.predict(X, verbose=0), made.predict(X, verbose=0))
    assert int(again.optimizer.iterations) == int(made.optimizer.iterations) == 3


def test_a_layer_added_between_two_fits_is_trained_with_the_others():
    class Stack(hefted.Model):
        def __init__(self):
            super().__init__()
            self.parts = [Dense(4), Dense(1)]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    x, y = np.ones((8, 3), 'float32'), np.zeros((8, 1), 'float32')
    model = Stack()
    model.compile('sgd', 'mse')
    model.fit(x, y, verbose=0)
    model.parts.append(Dense(1, kernel_initializer='ones'))
    model.compile('sgd', 'mse')
    model.fit(x, y, verbose=0)
    assert len(model.trainable_variables) == 6
    assert not np.array_equal(model.parts[2].get_weights()[0], [[1.0]])


@pytest.mark.parametrize('own', [False, True], ids=['compiled', 'own'])
def test_a_metric_given_as_an_instance_is_none_of_the_model_s_own(own: bool) -> None:
    network = model()
    metric = hefted.metrics.BinaryAccuracy()
    network.compile('sgd', 'binary_crossentropy', metrics=[metric])
    if own:
        network.measure = hefted.metrics.Mean()
    network.fit(X, Y, verbose=0)
    # The last batch of 6 rows is masked unless a metric of the model's own may see its padding.
    assert program_of(network, binding_of(network)).spec.rows_independent != own


def test_a_variable_that_is_frozen_between_two_fits_stays_as_it_is() -> None:
    network = Sequential([Input((5,)), Dense(3), Dense(1)])
    network.compile('sgd', 'mse')
    network.fit(X, Y, verbose=0)
    network.train_on_batch(X, Y)
    kernel = network.layers[0].kernel
    kernel.trainable = False
    before, others = kernel.numpy(), network.layers[1].kernel.numpy()
    network.fit(X, Y, verbose=0)
    network.train_on_batch(X, Y)
    np.testing.assert_array_equal(kernel.numpy(), before)
    assert not np.array_equal(network.layers[1].kernel.numpy(), others)


def test_batches_of_many_sizes_leave_a_bounded_number_of_compiled_steps() -> None:
    network = Sequential([Input((5,)), Dense(1)])
    network.compile('sgd', 'mse')
    for size in range(1, 41):
        network.predict_on_batch(X[:size])
    assert sum(kind == 'forward' for kind, _ in network._compiled) == 32
