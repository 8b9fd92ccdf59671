import numpy as np
import pytest

from hefted.datasets import breast_cancer
from hefted.errors import ArgumentError


def test_the_table_has_569_rows_of_30_features_of_which_357_are_benign():
    (x_train, y_train), (x_test, y_test) = breast_cancer.load_data()
    assert (x_train.shape, x_test.shape) == ((455, 30), (114, 30))
    assert (x_train.dtype, y_train.dtype) == (np.float32, np.int64)
    assert y_train.sum() + y_test.sum() == 357
    assert len(breast_cancer.FEATURES) == 30


def test_columns_stand_under_their_names():
    (x, _), _ = breast_cancer.load_data(test_fraction=0)
    mean_radius, worst_radius = (x[:, breast_cancer.FEATURES.index(f'{kind} radius')] for kind in ('mean', 'worst'))
    assert (mean_radius.min(), mean_radius.max()) == (np.float32(6.981), np.float32(28.11))
    assert (worst_radius >= mean_radius).all()


def test_a_seed_names_a_split_and_no_row_is_in_both_parts():
    (first, _), (held, _) = breast_cancer.load_data(seed=3)
    (again, _), _ = breast_cancer.load_data(seed=3)
    (other, _), _ = breast_cancer.load_data(seed=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not {row.tobytes() for row in first} & {row.tobytes() for row in held}


@pytest.mark.parametrize('fraction', [-0.1, 1, 1.5, float('nan')])
def test_a_fraction_that_leaves_no_training_rows_is_refused_by_name(fraction: float):
    with pytest.raises(ArgumentError, match='test_fraction: expected'):
        breast_cancer.load_data(test_fraction=fraction)
