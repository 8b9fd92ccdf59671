"""How closely predictions follow targets: Pearson's and Lin's coefficients."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.metrics.reduction import MeanMetricWrapper
from hefted.utils.arrays import as_array, as_float, epsilon, squeeze_or_expand
from hefted.variables import Array

Axis = int | tuple[int, ...]


def pearson_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> Array:
    """Covariance over both standard deviations, along `axis`: 1 on a rising line, -1 on a falling one.

    Example:
        >>> round(float(pearson_correlation(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))), 4)
        1.0
    """
    y_true, y_pred = (_centred(x, axis) for x in _pair(y_true, y_pred))
    y_true, y_pred = (x / jnp.std(x, axis=axis, keepdims=True) for x in (y_true, y_pred))
    return (y_true * y_pred).mean(axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> Array:
    """`2 cov / (var(y) + var(p) + (mean(y) - mean(p))^2)` along `axis`: 1 where both are equal (Lin 1989)."""
    y_true, y_pred = _pair(y_true, y_pred)
    means = [x.mean(axis=axis, keepdims=True) for x in (y_true, y_pred)]
    variances = [jnp.var(x - m, axis=axis, keepdims=True) for x, m in zip((y_true, y_pred), means, strict=True)]
    both = (y_true - means[1]) * (y_pred - means[1])  # either mean of y gives one sum; Keras takes this one
    return (2 * both / (sum(variances) + lax.square(means[0] - means[1]) + epsilon())).mean(axis=axis)


def _pair(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    y_pred = as_float(y_pred)
    return squeeze_or_expand(as_array(y_true, y_pred.dtype), y_pred)


def _centred(x: Array, axis: Axis) -> Array:
    return x - x.mean(axis=axis, keepdims=True)


class _Correlation(MeanMetricWrapper):
    """A coefficient along `axis`, averaged over what is left."""

    arguments = ('axis',)

    def __init__(self, fn: Any, name: str | None, dtype: Any, axis: Axis) -> None:
        super().__init__(fn, name, dtype, axis=axis)
        self.weights_rows = isinstance(axis, int) and (axis == -1 or axis > 0)


class PearsonCorrelation(_Correlation):
    """The mean of `pearson_correlation`.

    Args:
        name: Of the metric.
        dtype: See `Metric`.
        axis: One or several.
    """

    def __init__(self, name: str | None = 'pearson_correlation', dtype: Any = None, axis: Axis = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis)


class ConcordanceCorrelation(_Correlation):
    """The mean of `concordance_correlation`.

    Args:
        name: Of the metric.
        dtype: See `Metric`.
        axis: One or several.
    """

    def __init__(self, name: str | None = 'concordance_correlation', dtype: Any = None, axis: Axis = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis)
