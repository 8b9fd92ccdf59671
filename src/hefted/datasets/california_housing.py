"""California housing: 20,640 blocks of the census of 1990, 8 columns, the median value of homes in dollars.

Source: R. K. Pace and R. Barry, "Sparse spatial autoregressions", 1997.
"""

from __future__ import annotations

import os
from typing import Any

from hefted.datasets.fetching import KERAS_S, check_split, file_of, split, table_of
from hefted.errors import unknown_name

_DIGEST = '1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f'
_SMALL = 600


def load_data(
    version: str = 'large',
    path: str | os.PathLike[str] = 'california_housing.npz',
    test_split: float = 0.2,
    seed: int = 113,
) -> Any:
    """Read the table, from the cache after one download.

    Args:
        version: 'large', or 'small' for the first 600 rows.
        path: Its name in the cache, or an `.npz` file elsewhere, with its folder.
        test_split: The share of rows to test on.
        seed: Of the order of rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x of shape (rows, 8), y of (rows,).

    Raises:
        UnknownNameError: Another version.
        ArgumentError: A share below 0 or from 1 on, or a file that is not there.
        DataError: The file cannot be downloaded, or is not what was expected.
    """
    check_split(test_split)
    if version not in ('large', 'small'):
        raise unknown_name('version', version, ('large', 'small'))
    x, y = table_of(file_of(path, KERAS_S + 'california_housing.npz', _DIGEST))
    rows = _SMALL if version == 'small' else len(x)
    return split(x[:rows], y[:rows], test_split, seed)
