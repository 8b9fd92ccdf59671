"""Losses of how two regions overlap, for segmentation. They sum over the whole batch unless given axes."""

from __future__ import annotations

from typing import Any

from hefted.losses.loss import LossFunctionWrapper
from hefted.utils.arrays import as_array, epsilon
from hefted.variables import Array


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Array:
    """`1 - 2 sum(y p) / (sum(y) + sum(p))`."""
    y_pred, axis = as_array(y_pred), _axes(axis)
    y_true = as_array(y_true, y_pred.dtype)
    both = (y_true * y_pred).sum(axis=axis)
    return 1 - 2.0 * both / (y_true.sum(axis=axis) + y_pred.sum(axis=axis) + epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Array:
    """`1 - sum(y p) / (sum(y p) + alpha sum(y (1 - p)) + beta sum(p (1 - y)))` (Salehi et al. 2017)."""
    y_pred, axis = as_array(y_pred), _axes(axis)
    y_true = as_array(y_true, y_pred.dtype)
    both = (y_true * y_pred).sum(axis=axis)
    missed, false = ((1 - y_pred) * y_true).sum(axis=axis), (y_pred * (1 - y_true)).sum(axis=axis)
    return 1 - both / (both + missed * alpha + false * beta + epsilon())


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


class Dice(LossFunctionWrapper):
    """See `dice`."""

    arguments = ('axis',)

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'dice',
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """See `tversky`."""

    arguments = ('alpha', 'beta', 'axis')

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'tversky',
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
