"""`to_categorical`: classes as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.errors import DataError


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray[Any, Any]:
    """One-hot rows of classes.

    Args:
        x: Whole numbers from 0, of any shape; a last axis of 1 is dropped.
        num_classes: How many classes; the largest of `x` plus one if None.

    Returns:
        float32 of shape (*x.shape, num_classes).

    Raises:
        DataError: A class that is negative or not below `num_classes`.

    Example:
        >>> to_categorical([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    classes = np.asarray(x, dtype='int64')
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes.reshape(classes.shape[:-1])
    count = int(classes.max()) + 1 if num_classes is None else num_classes
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        raise DataError(f'Expected classes from 0 to {count - 1}, received {classes.min()} to {classes.max()}.')
    return np.eye(count, dtype='float32')[classes]
