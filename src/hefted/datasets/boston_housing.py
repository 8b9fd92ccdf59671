"""Boston housing: 506 suburbs of 1978, 13 columns, the median value of homes in thousands of dollars.

One column is built on the share of Black residents; the table is kept for old programs, not for new work.

Source: D. Harrison and D. L. Rubinfeld, "Hedonic prices and the demand for clean air", 1978.
"""

from __future__ import annotations

import os
from typing import Any

from hefted.datasets.fetching import KERAS_S, check_split, file_of, split, table_of

_DIGEST = 'f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5'


def load_data(path: str | os.PathLike[str] = 'boston_housing.npz', test_split: float = 0.2, seed: int = 113) -> Any:
    """Read the table, from the cache after one download.

    Args:
        path: Its name in the cache, or an `.npz` file elsewhere, with its folder.
        test_split: The share of rows to test on.
        seed: Of the order of rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x of shape (rows, 13), y of (rows,).

    Raises:
        ArgumentError: A share below 0 or from 1 on, or a file that is not there.
        DataError: The file cannot be downloaded, or is not what was expected.
    """
    check_split(test_split)
    return split(*table_of(file_of(path, KERAS_S + 'boston_housing.npz', _DIGEST)), test_split, seed)
