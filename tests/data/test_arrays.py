"""What a user passes as data becomes rows, or an error that says what was wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.data.arrays import Rows, batch_size_for, rows_of, split, weights_by_class
from hefted.errors import ArgumentError, DataError, ShapeError

PAIR = {'x': np.zeros(3), 'y': np.zeros(3)}


class Frame:
    """What pandas and polars have in common."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def to_numpy(self) -> Any:
        return self.values

    def __repr__(self) -> str:
        return 'Frame'  # no address: both workers must name the test alike


@pytest.mark.parametrize(
    ('given_as', 'dtype'),
    [
        (np.zeros((3, 2)), 'float32'),
        (np.zeros((3, 2), 'float16'), 'float16'),
        (np.zeros((3, 2), 'int64'), 'int32'),
        (np.zeros((3, 2), 'uint8'), 'uint8'),
        (np.zeros((3, 2), bool), 'bool'),
        ([[0.0, 1.0]] * 3, 'float32'),
        ([[0, 1]] * 3, 'int32'),
        (Frame(np.zeros((3, 2))), 'float32'),
    ],
    ids=str,
)
def test_numbers_of_any_kind_get_the_dtype_of_the_device(given_as: Any, dtype: str) -> None:
    rows = rows_of(given_as)
    assert rows.count == 3
    assert rows.x.dtype == dtype


def test_arrays_of_the_right_dtype_are_not_copied() -> None:
    x = np.zeros((3, 2), 'float32')
    assert rows_of(x).x is x
    assert np.shares_memory(rows_of(x).take(slice(1, 3)).x, x)


def test_nested_inputs_keep_their_form() -> None:
    rows = rows_of({'a': np.zeros((3, 1)), 'b': (np.zeros(3), np.zeros((3, 4)))}, np.zeros(3))
    assert rows.count == 3
    assert rows.take(slice(0, 2)).x['b'][1].shape == (2, 4)
    assert rows.nbytes == (3 + 3 + 12 + 3) * 4


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'x': np.array(['a', 'b'])}, ArgumentError, 'Expected x .*numbers.*<U1.*Encode'),
        ({'x': np.array([object()])}, ArgumentError, 'Expected x .*object'),
        ({'x': [[1, 2], [3]]}, ShapeError, 'Expected x .*not have the same length'),
        ({'x': np.zeros(3, 'complex64')}, ArgumentError, 'complex64'),
        ({'x': 3.0}, ArgumentError, 'Expected x .*axis.*3.0'),
        ({'x': None}, DataError, 'Expected x'),
        ({'x': np.zeros((0, 3))}, DataError, 'Expected x with at least one row'),
        ({'x': []}, DataError, 'Expected x with at least one row'),
        ({'x': np.zeros(3), 'y': np.zeros(2)}, ShapeError, 'x has 3, y has 2'),
        ({'x': (np.zeros(3), np.zeros(2))}, ShapeError, 'x has 3 and 2'),
        ({**PAIR, 'sample_weight': np.ones(4)}, ShapeError, 'sample_weight has 4'),
        ({'x': np.zeros(3), 'y': ['no', 'yes', 'no']}, ArgumentError, 'Expected y .*Encode'),
        ({**PAIR, 'class_weight': {0: 1}, 'sample_weight': np.ones(3)}, ArgumentError, 'both'),
        ({'x': np.zeros(3), 'class_weight': {0: 1}}, ArgumentError, 'class_weight'),
        ({**PAIR, 'class_weight': [1, 2]}, ArgumentError, 'class_weight.*dict.*list'),
        ({**PAIR, 'class_weight': {0: 'heavy'}}, ArgumentError, 'class_weight.*heavy'),
        ({**PAIR, 'class_weight': {'0': 2.0}}, ArgumentError, 'class_weight.*from each class, a number'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)  # fmt: skip
def test_data_that_cannot_be_trained_on_is_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rows_of(**arguments)


def test_weights_by_class_follow_the_class_or_the_largest_of_a_one_hot_row() -> None:
    weight = {0: 0.5, 1: 2.0, 2: 7.0}
    for y in (np.array([2, 0, 1]), np.array([[2.0], [0.0], [1.0]]), np.eye(3)[[2, 0, 1]]):
        np.testing.assert_array_equal(weights_by_class(y, weight), [7.0, 0.5, 2.0])
    np.testing.assert_array_equal(weights_by_class(np.array([0, 5]), {0: 0.5}), [0.5, 1.0])
    np.testing.assert_array_equal(weights_by_class(np.array([0, 1]), {0: np.float32(3), np.int64(1): 2}), [3, 2])


@given(count=st.integers(2, 50), fraction=st.floats(0.01, 0.99))
def test_a_split_keeps_every_row_once_and_the_last_for_validation(count: int, fraction: float) -> None:
    x = np.arange(count, dtype='float32')
    try:
        train, held_out = split(Rows(x, x, None), fraction)
    except ArgumentError:
        assert int(count * (1 - fraction)) in (0, count)
        return
    assert train.count == int(count * (1 - fraction))
    np.testing.assert_array_equal(np.concatenate([train.x, held_out.x]), x)


@pytest.mark.parametrize('fraction', [-0.1, 1.0, 1.5, 'half', float('nan'), 0.999])
def test_a_split_that_leaves_no_rows_is_refused(fraction: Any) -> None:
    with pytest.raises(ArgumentError, match='validation_split'):
        split(rows_of(np.zeros(4)), fraction)


@pytest.mark.parametrize('size', [0, -1, 2.5, '32', True])
def test_a_batch_size_that_is_none_is_refused(size: Any) -> None:
    with pytest.raises(ArgumentError, match='batch_size'):
        batch_size_for(10, size)


def test_a_batch_is_never_larger_than_the_data() -> None:
    assert batch_size_for(10, None) == 10
    assert batch_size_for(100, None) == 32
    assert batch_size_for(10, 64) == 10
    with pytest.warns(UserWarning, match='batch_size=64 is larger than the data'):
        assert batch_size_for(10, 64, warns=True) == 10
