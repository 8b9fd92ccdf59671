"""Losses of numbers. Each is a mean over the last axis: one value a row."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hefted.losses.loss import LossFunctionWrapper, row_wise
from hefted.utils.arrays import as_array, epsilon, normalize, select, squeeze_or_expand
from hefted.utils.quick import Quick, absolute, square
from hefted.variables import Array


def pair(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Targets and predictions as arrays of one dtype and one rank."""
    y_pred = as_array(y_pred)
    return squeeze_or_expand(as_array(y_true, y_pred.dtype), y_pred)


@row_wise
def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """`mean((y - p)^2)`.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]])).tolist()
        [2.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return square(Quick(y_true) - y_pred).mean(-1).array


@row_wise
def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """`mean(|y - p|)`."""
    y_true, y_pred = pair(y_true, y_pred)
    return absolute(Quick(y_true) - y_pred).mean(-1).array


@row_wise
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """`100 mean(|y - p| / max(|y|, 1e-7))`."""
    y_true, y_pred = pair(y_true, y_pred)
    return 100.0 * lax.abs((y_true - y_pred) / jnp.maximum(lax.abs(y_true), epsilon())).mean(axis=-1)


@row_wise
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """`mean((log(y + 1) - log(p + 1))^2)`, both at least 1e-7."""
    y_true, y_pred = (lax.log(jnp.maximum(x, epsilon()) + 1.0) for x in pair(y_true, y_pred))
    return lax.square(y_pred - y_true).mean(axis=-1)


@row_wise
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Minus the cosine of the angle between targets and predictions: -1 where they point one way."""
    return -cosine(y_true, y_pred, axis)


def cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """The cosine of the angle between targets and predictions."""
    y_true, y_pred = pair(y_true, y_pred)
    return (normalize(y_true, axis) * normalize(y_pred, axis)).sum(axis=axis)


@row_wise
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """The mean of `error^2 / 2` up to delta and of `delta |error| - delta^2 / 2` beyond (Huber 1964)."""
    y_true, y_pred = pair(y_true, y_pred)
    error = y_pred - y_true
    size = lax.abs(error)
    values = select(size <= delta, 0.5 * lax.square(error), delta * size - 0.5 * delta * delta)
    return values.mean(axis=-1)


@row_wise
def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """`mean(log(cosh(p - y)))`."""
    y_true, y_pred = pair(y_true, y_pred)
    error = y_pred - y_true
    return (error + jax.nn.softplus(error * -2.0) - math.log(2.0)).mean(axis=-1)


class _Plain(LossFunctionWrapper):
    """A loss whose function takes no arguments."""

    arguments = ()


class MeanSquaredError(_Plain):
    """See `mean_squared_error`."""

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'mean_squared_error',
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(_Plain):
    """See `mean_absolute_error`."""

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'mean_absolute_error',
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(_Plain):
    """See `mean_absolute_percentage_error`."""

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'mean_absolute_percentage_error',
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(_Plain):
    """See `mean_squared_logarithmic_error`."""

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'mean_squared_logarithmic_error',
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class LogCosh(_Plain):
    """See `log_cosh`."""

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'log_cosh', dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """See `cosine_similarity`."""

    arguments = ()  # Keras saves no axis

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'cosine_similarity',
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """See `huber`."""

    arguments = ('delta',)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'huber_loss',
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)
