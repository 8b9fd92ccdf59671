"""Breast Cancer Wisconsin (Diagnostic): 569 tumours, 30 features of their cells' nuclei, benign or malignant.

Source: Wolberg, Mangasarian, Street and Street, UCI Machine Learning Repository, 1995,
https://doi.org/10.24432/C5DW2B. Licence: CC BY 4.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArgumentError

Split = tuple[NDArray[np.float32], NDArray[np.int64]]

_MEASURES = (
    'radius', 'texture', 'perimeter', 'area', 'smoothness',
    'compactness', 'concavity', 'concave points', 'symmetry', 'fractal dimension',
)  # fmt: skip
FEATURES = tuple(f'{kind} {name}' for kind in ('mean', 'standard error of', 'worst') for name in _MEASURES)
CLASSES = ('malignant', 'benign')


def load_data(test_fraction: float = 0.2, seed: int = 0) -> tuple[Split, Split]:
    """Read the table that ships with Hefted, shuffled and split.

    Args:
        test_fraction: Share of the rows that is held out, from 0 up to, not including, 1.
        seed: Which rows those are; the same seed gives the same split everywhere.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 of shape (rows, 30), unscaled, its columns named by
        `FEATURES`; and int64 of shape (rows,), an index into `CLASSES`.

    Raises:
        ArgumentError: If `test_fraction` is not in [0, 1).

    Source:
        UCI Machine Learning Repository, 1995, https://doi.org/10.24432/C5DW2B, CC BY 4.0.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape, int(y_train.sum() + y_test.sum())
        ((455, 30), (114, 30), 357)
    """
    if not 0 <= test_fraction < 1:
        raise ArgumentError(
            f'test_fraction: expected a share from 0 up to, not including, 1, received {test_fraction!r}. '
            'Pass 0.2 to hold out a fifth of the rows.'
        )
    table = np.loadtxt(Path(__file__).with_suffix('.csv'), delimiter=',', skiprows=1)
    table = table[np.random.default_rng(seed).permutation(len(table))]
    features, diagnosis = table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)
    held_out = round(len(table) * test_fraction)
    kept = len(table) - held_out
    return (features[:kept], diagnosis[:kept]), (features[kept:], diagnosis[kept:])
