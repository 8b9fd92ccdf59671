"""The same rows train the same model, whichever library brings them: torch, pandas, polars, Grain or tf.data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Model, Sequential
from hefted.errors import ArgumentError, ShapeError
from hefted.layers import Concatenate, Dense, Input

rng = np.random.default_rng(5)
ROWS, SIZE = 70, 16  # four batches, and one of six rows
X = rng.standard_normal((ROWS, 4)).astype('float32')
Y = (X @ np.array([1, -2, 0.5, 3]) > 0).astype('float32')[:, None]
WEIGHT = rng.uniform(0.5, 2, ROWS).astype('float32')
HELD_OUT = X[:20] + 1, Y[:20]
NAMES = ['a', 'b', 'c', 'd']

Curves = dict[str, list[float]]
on = pytest.mark.service
# Of the libraries themselves. A DataLoader's workers are forked, as its users have them, though JAX warns of that.
pytestmark = [
    pytest.mark.filterwarnings('ignore:os.fork:RuntimeWarning'),
    pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning'),
]


def made() -> Any:
    hefted.utils.set_random_seed(3)
    model = Sequential([Input((4,)), Dense(8, activation='tanh'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'], weighted_metrics=['mae'])
    return model


def made_of_columns() -> Any:
    """The same, but each column is an input of its own."""
    hefted.utils.set_random_seed(3)
    inputs = {name: Input((1,), name=name) for name in NAMES}
    hidden = Dense(8, activation='tanh')(Concatenate()(list(inputs.values())))
    model = Model(inputs, Dense(1, activation='sigmoid')(hidden))
    model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'], weighted_metrics=['mae'])
    return model


def curves(*data: Any, model: Any = None, **arguments: Any) -> Curves:
    model = made() if model is None else model
    return model.fit(*data, epochs=3, shuffle=False, verbose=0, **arguments).history


@pytest.fixture(scope='module')
def plain() -> Curves:
    """What NumPy arrays give, with weights and data held out."""
    return curves(X, Y, batch_size=SIZE, sample_weight=WEIGHT, validation_data=HELD_OUT)


def is_alike(found: Curves, wanted: Curves) -> None:
    for name, values in found.items():
        np.testing.assert_allclose(values, wanted[name], rtol=1e-5, err_msg=name)
    assert 'loss' in found
    assert not [thread for thread in threading.enumerate() if thread.name == 'hefted-data']


def serves(dataset: Callable[..., Any], plain: Curves) -> None:
    """A dataset, made of tuples of arrays, serves wherever data is taken, and gives what arrays give.

    Args:
        dataset: Makes one of arrays, in batches of SIZE.
        plain: What arrays give.
    """
    is_alike(curves(dataset(X, Y, WEIGHT), validation_data=dataset(*HELD_OUT)), plain)
    unweighted = curves(X, Y, batch_size=SIZE)
    data, model = dataset(X, Y), made()
    is_alike(curves(data, model=model), unweighted)

    wanted = model.evaluate(X, Y, batch_size=SIZE, verbose=0, return_dict=True)
    is_alike(model.evaluate(data, verbose=0, return_dict=True), wanted)
    weighted = model.evaluate(X, Y, sample_weight=WEIGHT, batch_size=SIZE, verbose=0, return_dict=True)
    is_alike(model.evaluate(dataset(X, Y, WEIGHT), verbose=0, return_dict=True), weighted)
    for each in (data, dataset(X)):  # targets that come along are not looked at
        np.testing.assert_allclose(model.predict(each, verbose=0), model.predict(X, verbose=0), rtol=1e-6)

    for name in ('y', 'sample_weight'):
        with pytest.raises(ArgumentError, match=f'{name} should not be passed'):
            model.fit(data, verbose=0, **{name: Y})
    with pytest.raises(ArgumentError, match='validation_split'):
        model.fit(data, validation_split=0.5, verbose=0)
    with pytest.warns(UserWarning, match='batch_size=8 is not used'):
        model.fit(data, batch_size=8, verbose=0)


def takes(numbers: Callable[[Any], Any], column: Callable[[Any], Any]) -> None:
    """Tables and columns of a library go wherever arrays go, and give what these give."""
    arguments = {'batch_size': SIZE, 'sample_weight': WEIGHT, 'validation_data': HELD_OUT}
    wanted = curves(X, Y, **arguments)
    model = made()
    is_alike(
        curves(
            numbers(X),
            column(Y[:, 0]),
            model=model,
            batch_size=SIZE,
            sample_weight=column(WEIGHT),
            validation_data=(numbers(HELD_OUT[0]), numbers(HELD_OUT[1])),
        ),
        wanted,
    )
    scores = model.evaluate(X, Y, verbose=0, return_dict=True)
    is_alike(model.evaluate(numbers(X), column(Y[:, 0]), verbose=0, return_dict=True), scores)
    np.testing.assert_array_equal(model.predict(numbers(X), verbose=0), model.predict(X, verbose=0))
    np.testing.assert_array_equal(model.predict_on_batch(numbers(X[:8])), model.predict_on_batch(X[:8]))
    is_alike(
        curves(numbers(X), column(Y[:, 0]), batch_size=SIZE, validation_split=0.2),
        curves(X, Y, batch_size=SIZE, validation_split=0.2),
    )
    columns = {name: column(X[:, number]) for number, name in enumerate(NAMES)}
    arguments['validation_data'] = None
    by_column = made_of_columns()
    is_alike(curves(columns, column(Y[:, 0]), model=by_column, **arguments), wanted)
    np.testing.assert_allclose(by_column.predict(columns, verbose=0), model.predict(X, verbose=0), rtol=1e-4)


# torch


def loader(*arrays: Any, **arguments: Any) -> Any:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*map(torch.from_numpy, arrays)), batch_size=SIZE, shuffle=False, **arguments)


@on('torch')
def test_a_data_loader_of_torch_serves_as_arrays_do(plain: Curves) -> None:
    serves(loader, plain)


@on('torch')
@pytest.mark.parametrize('context', ['fork', 'forkserver'])
def test_workers_of_a_data_loader_end_with_the_training(plain: Curves, context: str) -> None:
    import multiprocessing

    data = loader(X, Y, WEIGHT, num_workers=2 if context == 'fork' else 1, multiprocessing_context=context)
    is_alike(curves(data), plain)
    assert not [child for child in multiprocessing.active_children() if 'DataLoader' in child.name]


@on('torch')
def test_tensors_of_torch_are_taken_as_arrays_are() -> None:
    import torch

    takes(lambda a: torch.from_numpy(a).requires_grad_(), torch.from_numpy)
    found = hefted.data.arrays.host_array('x', torch.ones(2, 2, dtype=torch.bfloat16))
    np.testing.assert_array_equal(found, np.ones((2, 2)))


@on('torch')
def test_a_data_loader_need_not_know_its_length(plain: Curves) -> None:
    from torch.utils.data import DataLoader, IterableDataset

    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(list(zip(X, Y, WEIGHT, strict=True)))

    class Parts:
        def __iter__(self) -> Any:
            return iter([range(at, min(at + SIZE, ROWS)) for at in range(0, ROWS, SIZE)])

    is_alike(curves(DataLoader(Stream(), batch_size=SIZE)), plain)
    is_alike(curves(DataLoader(loader(X, Y, WEIGHT).dataset, batch_sampler=Parts())), plain)


@on('torch')
def test_single_rows_of_torch_are_refused() -> None:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    rows = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y[:, 0]))
    with pytest.raises(ArgumentError, match='Batch a dataset of single rows'):
        made().fit(DataLoader(rows, batch_size=None), verbose=0)
    with pytest.raises(ArgumentError, match='a torch Dataset of single rows'):
        made().fit(rows, verbose=0)


# pandas and polars


@on('pandas')
def test_frames_and_series_of_pandas_are_taken_as_arrays_are() -> None:
    import pandas as pd

    takes(lambda a: pd.DataFrame(a, columns=NAMES[: a.shape[1]], index=range(9, 9 + len(a))), pd.Series)


@on('pandas')
def test_columns_of_pandas_that_are_of_several_kinds_are_numbers_and_text_is_refused() -> None:
    import pandas as pd

    mixed = pd.DataFrame({'a': [1, 2, 3], 'b': [0.5, 1.5, 2.5], 'c': [True, False, True]})
    mixed['d'] = pd.array([1, 2, 3], 'Int64')
    wanted = np.array([[1, 0.5, 1, 1], [2, 1.5, 0, 2], [3, 2.5, 1, 3]], 'float32')
    model = made()
    np.testing.assert_array_equal(model.predict(mixed, verbose=0), model.predict(wanted, verbose=0))
    kinds = {'text': ['u', 'v', 'w'], 'object': pd.Series(['u', 1, None], dtype=object)}
    kinds |= {'categories': pd.Categorical(['u', 'v', 'u']), 'digits': pd.Series(['1', '2', '3'], dtype=object)}
    kinds |= {'dates': pd.date_range('2025-01-01', periods=3)}
    for name, values in kinds.items():
        with pytest.raises(ArgumentError, match=f"column '{name}' of .* Encode text"):
            model.predict(mixed.assign(**{name: values}), verbose=0)
        with pytest.raises(ArgumentError, match=r'y to be an array of numbers, .* from Series\. Encode text'):
            model.fit(mixed, pd.Series(values), verbose=0)


@on('polars')
def test_frames_and_series_of_polars_are_taken_as_arrays_are() -> None:
    import polars as pl

    takes(lambda a: pl.DataFrame(a, schema=NAMES[: a.shape[1]]), lambda a: pl.Series(a))


@on('polars')
def test_text_of_polars_is_refused_and_a_lazy_frame_is_to_be_collected() -> None:
    import polars as pl

    frame = pl.DataFrame({'a': [1, 2], 'b': [0.5, 1.5], 'c': [True, False], 'd': ['u', 'v']})
    with pytest.raises(ArgumentError, match=r"column 'd' of String\. Encode text"):
        made().predict(frame, verbose=0)
    with pytest.raises(ArgumentError, match=r'from Series\. Encode text'):
        made().fit(X[:2], frame['d'], verbose=0)
    with pytest.raises(ArgumentError, match='LazyFrame'):
        made().predict(frame.lazy(), verbose=0)


# Grain


def rows_of_grain(*arrays: Any) -> Any:
    import grain

    rows = [row if len(row) > 1 else row[0] for row in zip(*arrays, strict=True)]
    return grain.MapDataset.source(rows)


@on('grain')
def test_a_map_dataset_of_grain_serves_as_arrays_do(plain: Curves) -> None:
    serves(lambda *arrays: rows_of_grain(*arrays).batch(SIZE), plain)


@on('grain')
def test_an_iter_dataset_of_grain_serves_as_arrays_do(plain: Curves) -> None:
    serves(lambda *arrays: rows_of_grain(*arrays).to_iter_dataset().batch(SIZE), plain)


@on('grain')
def test_a_data_loader_of_grain_serves_as_arrays_do(plain: Curves) -> None:
    import grain

    def loader_of_grain(*arrays: Any) -> Any:
        rows = [row if len(row) > 1 else row[0] for row in zip(*arrays, strict=True)]
        sampler = grain.samplers.IndexSampler(len(rows), shuffle=False, num_epochs=1)
        return grain.DataLoader(data_source=rows, sampler=sampler, operations=[grain.transforms.Batch(SIZE)])

    serves(loader_of_grain, plain)


@on('grain')
def test_a_dataset_of_grain_without_end_has_epochs_of_the_steps_asked_for(plain: Curves) -> None:
    data = rows_of_grain(X, Y, WEIGHT).batch(SIZE).repeat()
    is_alike(curves(data, steps_per_epoch=5), plain)
    is_alike(curves(iter(data.to_iter_dataset()), steps_per_epoch=5), plain)
    with pytest.raises(ArgumentError, match='Batch a dataset of single rows'):
        made().fit(rows_of_grain(X, Y[:, 0]), verbose=0)


# tf.data


def tf_data(*arrays: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


@on('tensorflow')
def test_a_dataset_of_tensorflow_serves_as_arrays_do(plain: Curves) -> None:
    serves(lambda *arrays: tf_data(*arrays).batch(SIZE), plain)


@on('tensorflow')
def test_a_dataset_of_tensorflow_may_be_mapped_cached_prefetched_and_repeated(plain: Curves) -> None:
    data = tf_data(X, Y, WEIGHT).cache().batch(SIZE).map(lambda *row: row).prefetch(2)
    is_alike(curves(data), plain)
    is_alike(curves(data.repeat(), steps_per_epoch=5, validation_data=tf_data(*HELD_OUT).batch(SIZE)), plain)
    is_alike(curves(iter(data.repeat()), steps_per_epoch=5), plain)
    is_alike(curves(data.filter(lambda *_: True)), plain)  # of which nobody knows the length
    columns = {name: X[:, number] for number, name in enumerate(NAMES)}
    is_alike(curves(tf_data(columns, Y, WEIGHT).batch(SIZE), model=made_of_columns()), plain)


@on('tensorflow')
def test_tensors_of_tensorflow_are_taken_as_arrays_are() -> None:
    import tensorflow as tf

    takes(tf.constant, tf.constant)


@on('tensorflow')
def test_rows_and_text_of_tensorflow_are_refused() -> None:
    with pytest.raises(ArgumentError, match='Batch a dataset of single rows'):
        made().fit(tf_data(X, Y[:, 0]), verbose=0)
    with pytest.raises(ShapeError, match=r'of the tf\.data\.Dataset has 1.*Batch a dataset of single rows'):
        made().fit(tf_data(X, Y), verbose=0)
    with pytest.raises(ArgumentError, match='Encode text'):
        made().fit(tf_data(X, np.array(['u'] * ROWS)).batch(SIZE), verbose=0)
