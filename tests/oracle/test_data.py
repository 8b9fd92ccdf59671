"""The same data of every kind gives Keras's curves: generators, PyDatasets, frames, dicts, lists."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(5)
X = rng.random((90, 6)).astype('float32')
Y = (X[:, :1] + X[:, 1:2] > 1).astype('float32')
W = rng.random(90).astype('float32')


def endless(weighted: bool = False) -> Iterator[Any]:
    while True:
        yield from finite(weighted)


def finite(weighted: bool = False) -> Iterator[Any]:
    for at in range(0, 90, 16):
        rows = slice(at, at + 16)
        yield (X[rows], Y[rows], W[rows]) if weighted else (X[rows], Y[rows])


def dataset(kind: Any, calls: list[str], shuffles: bool = False) -> Any:
    """A `PyDataset` of one library or the other, which may shuffle itself."""

    class Data(kind):
        def __init__(self) -> None:
            super().__init__()
            self.order = np.arange(90)
            self.rng = np.random.default_rng(1)

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> Any:
            calls.append(f'item {index}')
            rows = self.order[index * 16 : (index + 1) * 16]
            return X[rows], Y[rows]

        def on_epoch_begin(self) -> None:
            calls.append('begin')

        def on_epoch_end(self) -> None:
            calls.append('end')
            if shuffles:
                self.order = self.rng.permutation(90)

    return Data()


def pair(dicts: bool = False) -> tuple[Any, Any]:
    """The same model twice, with the same weights."""
    made: list[Any] = []
    for kind in (keras, hefted):
        normalization = kind.layers.BatchNormalization()
        if dicts:
            ends = {name: kind.Input((3,), name=name) for name in ('left', 'right')}
            joined = kind.layers.Concatenate()([ends['left'], ends['right']])
            hidden = normalization(kind.layers.Dense(8, activation='tanh')(joined))
            model = kind.Model(ends, kind.layers.Dense(1, activation='sigmoid')(hidden))
        else:
            ends = [kind.Input((6,)), kind.layers.Dense(8, activation='tanh'), normalization]
            model = kind.Sequential([*ends, kind.layers.Dense(1, activation='sigmoid')])
        made.append(model)
    made[1].set_weights(made[0].get_weights())
    for model in made:
        model.compile('adam', 'binary_crossentropy', metrics=['accuracy'], weighted_metrics=['mae'])
    return made[0], made[1]


def assert_same(reference: Any, model: Any, theirs: Any, ours: Any, **arguments: Any) -> None:
    """The same curves from data that each gets of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # what Keras warns of is in differences.md
        wanted = reference.fit(**theirs, verbose=0, **arguments).history
    found = model.fit(**ours, verbose=0, meter=None, **arguments).history
    assert sorted(found) == sorted(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=2e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize('weighted', [False, True])
def test_a_generator_has_keras_curves(weighted: bool) -> None:
    data = [{'x': endless(weighted), 'validation_data': (X[:40], Y[:40])} for _ in range(2)]
    assert_same(*pair(), *data, steps_per_epoch=6, epochs=3)


def test_epochs_that_end_within_a_pass_have_keras_curves() -> None:
    assert_same(*pair(), {'x': endless()}, {'x': endless()}, steps_per_epoch=4, epochs=4)


@pytest.mark.parametrize('shuffles', [False, True])
def test_a_pydataset_has_keras_curves_and_calls(shuffles: bool) -> None:
    theirs: list[str] = []
    ours: list[str] = []
    data = [
        {'x': dataset(keras.utils.PyDataset, theirs, shuffles), 'validation_data': dataset(keras.utils.PyDataset, [])},
        {'x': dataset(hefted.utils.PyDataset, ours, shuffles), 'validation_data': dataset(hefted.utils.PyDataset, [])},
    ]
    assert_same(*pair(), *data, epochs=3, shuffle=False, validation_freq=2)
    assert ours == theirs


def test_a_pydataset_of_keras_is_taken_with_class_weights() -> None:
    data = {'x': dataset(keras.utils.PyDataset, []), 'class_weight': {0: 0.5, 1: 2.0}}
    assert_same(*pair(), data, data, epochs=2, shuffle=False)


def test_dict_inputs_have_keras_curves_from_arrays_and_from_a_generator() -> None:
    columns = {'left': X[:, :3], 'right': X[:, 3:]}

    def batches() -> Iterator[Any]:
        while True:
            for at in range(0, 90, 30):
                yield {name: column[at : at + 30] for name, column in columns.items()}, Y[at : at + 30]

    assert_same(*pair(True), *[{'x': columns, 'y': Y}] * 2, epochs=2, shuffle=False)
    assert_same(*pair(True), {'x': batches()}, {'x': batches()}, epochs=2, steps_per_epoch=3)


def test_arrays_are_cut_into_steps_as_keras_cuts_them() -> None:
    data = {'x': X, 'y': Y}
    assert_same(*pair(), data, data, steps_per_epoch=7, epochs=2, shuffle=False)  # batches of ceil(90 / 7)
    reference, model = pair()
    with pytest.warns(UserWarning, match='ran out of data'):
        wanted = reference.fit(X, Y, 16, steps_per_epoch=4, epochs=4, shuffle=False, verbose=0).history
    with pytest.warns(UserWarning, match='ran out of data'):
        found = model.fit(X, Y, 16, steps_per_epoch=4, epochs=4, shuffle=False, verbose=0, meter=None).history
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=2e-5, atol=1e-5, err_msg=name)


def test_evaluate_and_predict_take_what_fit_takes() -> None:
    reference, model = pair()
    wanted = reference.evaluate(X, Y, batch_size=16, verbose=0)
    np.testing.assert_allclose(model.evaluate(finite(), verbose=0), wanted, rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(endless(), steps=6, verbose=0), wanted, rtol=1e-5)
    outputs = reference.predict(X, verbose=0)
    for data in (finite(), dataset(hefted.utils.PyDataset, []), (x for x, _ in finite()), X.tolist()):
        np.testing.assert_allclose(model.predict(data, verbose=0), outputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(endless(), steps=3, verbose=0), outputs[:48], rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings('ignore:.shuffle=True. was passed')
@pytest.mark.parametrize('name', ['y', 'sample_weight', 'validation_split'])
def test_what_keras_refuses_beside_a_generator_is_refused(name: str) -> None:
    reference, model = pair()
    given: Any = 0.5 if name == 'validation_split' else Y
    for each in (reference, model):
        with pytest.raises(ValueError, match=name):
            each.fit(endless(), steps_per_epoch=2, verbose=0, **{name: given})
        with pytest.raises(ValueError, match='at least one batch'):
            each.fit(iter_nothing(), verbose=0)


def iter_nothing() -> Iterator[Any]:
    yield from ()
