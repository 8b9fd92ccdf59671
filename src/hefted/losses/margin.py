"""Hinge losses: 0 once a prediction is right by a margin of 1."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.losses.loss import LossFunctionWrapper, row_wise
from hefted.utils.arrays import as_array
from hefted.variables import Array


def hinge(y_true: Any, y_pred: Any) -> Array:
    """`mean(max(1 - y p, 0))` over the last axis, labels -1 and 1 (or a batch of 0 and 1 only)."""
    return _margins(y_true, y_pred).mean(axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """`mean(max(1 - y p, 0)^2)` over the last axis, labels -1 and 1 (or a batch of 0 and 1 only)."""
    return (_margins(y_true, y_pred) ** 2).mean(axis=-1)


@row_wise
def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """`max(max((1 - y) p) - sum(y p) + 1, 0)`, y one-hot."""
    y_pred = as_array(y_pred)
    y_true = as_array(y_true, y_pred.dtype)
    right, wrong = (y_true * y_pred).sum(axis=-1), ((1.0 - y_true) * y_pred).max(axis=-1)
    return jnp.maximum(wrong - right + 1.0, 0.0)


def _margins(y_true: Any, y_pred: Any) -> Array:
    y_pred = as_array(y_pred)
    y_true = as_array(y_true, y_pred.dtype)
    # Whether 0 means "no" is read off the whole batch: these two losses are not row-wise.
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    return jnp.maximum(1.0 - jnp.where(is_binary, 2.0 * y_true - 1.0, y_true) * y_pred, 0.0)


class Hinge(LossFunctionWrapper):
    """See `hinge`."""

    arguments = ()

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'hinge', dtype: Any = None
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """See `squared_hinge`."""

    arguments = ()

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'squared_hinge', dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """See `categorical_hinge`."""

    arguments = ()

    def __init__(
        self,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'categorical_hinge',
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
