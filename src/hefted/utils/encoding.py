"""`to_categorical`: classes as one-hot rows."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from hefted.errors import DataError


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows of classes.

    Args:
        x: Whole numbers from 0, of any shape; a last axis of 1 is dropped.
        num_classes: How many classes; the largest of `x` plus one if None.

    Returns:
        float64 of shape (*x.shape, num_classes); of JAX's arrays one of JAX's, in `floatx()`.

    Raises:
        DataError: A class that is negative or not below `num_classes`.

    Example:
        >>> to_categorical([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if isinstance(x, jax.Array) and num_classes is not None:  # inside a step too
        from hefted.ops import one_hot

        return one_hot(x.reshape(x.shape[:-1]) if x.ndim > 1 and x.shape[-1] == 1 else x, num_classes)
    classes = np.asarray(x, dtype='int64')
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes.reshape(classes.shape[:-1])
    count = int(classes.max()) + 1 if num_classes is None else num_classes
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        raise DataError(f'Expected classes from 0 to {count - 1}, received {classes.min()} to {classes.max()}.')
    return np.eye(count)[classes]
