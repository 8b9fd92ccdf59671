"""Accuracies: the share of rows that are right."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted import dtypes
from hefted.losses.loss import row_wise
from hefted.metrics.reduction import MeanMetricWrapper
from hefted.utils.arrays import as_array, squeeze_or_expand
from hefted.variables import Array


@row_wise
def accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where predictions equal targets."""
    y_pred = as_array(y_pred)
    y_true, y_pred = squeeze_or_expand(as_array(y_true, y_pred.dtype), y_pred)
    return _equal(y_true, y_pred)


@row_wise
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """1 where a prediction lies on its label's side of the threshold.

    Example:
        >>> import numpy as np
        >>> binary_accuracy(np.array([1, 0]), np.array([0.7, 0.6])).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = squeeze_or_expand(as_array(y_true), as_array(y_pred))
    return _equal(y_true, as_array(lax.gt(y_pred, lax.full_like(y_pred, threshold)), y_true.dtype))


@row_wise
def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest prediction is at the largest label, along the last axis."""
    return _equal(_largest(as_array(y_true)), _largest(as_array(y_pred)))


@row_wise
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest prediction along the last axis is at the class number."""
    y_pred = as_array(y_pred)
    y_true = as_array(y_true, 'int32')
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    right = _equal(y_true, _largest(y_pred))
    return right.squeeze(-1) if right.ndim > 1 and right.shape[-1] == 1 else right


@row_wise
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 where the label's class is among the k largest predictions."""
    return sparse_top_k_categorical_accuracy(_largest(as_array(y_true)), y_pred, k)


@row_wise
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """1 where the class number is among the k largest predictions.

    Args:
        y_true: Class numbers, shape (batch, …).
        y_pred: Scores, shape (batch, …, classes); class numbers, best first, with `from_sorted_ids`.
        k: How many count.
        from_sorted_ids: Whether predictions are class numbers.
    """
    y_pred = as_array(y_pred)
    shape = jnp.shape(y_true)
    rows = y_pred.reshape(-1, y_pred.shape[-1])
    if from_sorted_ids:
        labels = as_array(y_true, y_pred.dtype).reshape(-1, 1)
        return _flags((labels == rows[:, :k]).any(axis=1)).reshape(shape)
    labels = as_array(y_true, 'int32').reshape(-1, 1)
    chosen = jnp.take_along_axis(rows, labels, axis=-1, mode='fill', fill_value=jnp.nan)
    chosen = jnp.where(jnp.isnan(chosen), -jnp.inf, chosen)
    return _flags((rows > chosen).sum(axis=-1) < k).reshape(shape)


def _largest(x: Array) -> Array:
    return lax.argmax(x, x.ndim - 1, jnp.int32)


def _equal(x: Array, y: Array) -> Array:
    return _flags(lax.eq(x, y) if x.shape == y.shape else x == y)


def _flags(right: Array) -> Array:
    return as_array(right, dtypes.floatx())


class Accuracy(MeanMetricWrapper):
    """See `accuracy`."""

    arguments = ()

    def __init__(self, name: str | None = 'accuracy', dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """See `binary_accuracy`."""

    arguments = ('threshold',)

    def __init__(self, name: str | None = 'binary_accuracy', dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """See `categorical_accuracy`."""

    arguments = ()

    def __init__(self, name: str | None = 'categorical_accuracy', dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """See `sparse_categorical_accuracy`."""

    arguments = ()

    def __init__(self, name: str | None = 'sparse_categorical_accuracy', dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """See `top_k_categorical_accuracy`."""

    arguments = ('k',)

    def __init__(self, k: int = 5, name: str | None = 'top_k_categorical_accuracy', dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """See `sparse_top_k_categorical_accuracy`."""

    arguments = ('k', 'from_sorted_ids')

    def __init__(
        self,
        k: int = 5,
        name: str | None = 'sparse_top_k_categorical_accuracy',
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
