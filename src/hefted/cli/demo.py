"""What `hefted demo` runs: a whole training on real data, as a user would write it."""

from __future__ import annotations

from typing import Any

import numpy as np


def run() -> None:
    """Train a classifier on the Wisconsin breast-cancer table and say how well it does on rows that it never saw."""
    from hefted import Sequential
    from hefted.datasets import breast_cancer
    from hefted.layers import Dense, Dropout, Input
    from hefted.utils import set_random_seed

    set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = breast_cancer.load_data()
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)

    model = Sequential(
        [Input((30,)), Dense(32, activation='relu'), Dropout(0.2), Dense(1, activation='sigmoid')],
        name='demo',
    )
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    print(f'{len(x_train)} tumours to learn from, {len(x_test)} kept back; 30 measures of each: benign or malignant?\n')
    model.fit((x_train - mean) / deviation, y_train, epochs=30, batch_size=32, validation_split=0.2)
    print(f'\n{_told(model, (x_test - mean) / deviation, y_test)}')


def _told(model: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> str:
    accuracy = model.evaluate(x, y, verbose=0, return_dict=True)['accuracy']
    return f'Held-out accuracy: {accuracy:.3f} ({round(accuracy * len(y))} of {len(y)} tumours never seen).'
