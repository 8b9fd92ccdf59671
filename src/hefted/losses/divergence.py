"""Losses between distributions."""

from __future__ import annotations

from typing import Any

from jax import lax

from hefted.losses.loss import LossFunctionWrapper, row_wise
from hefted.utils.arrays import as_array, clip, epsilon
from hefted.variables import Array


@row_wise
def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """`sum(y log(y / p))` over the last axis, both clipped to [1e-7, 1]."""
    y_pred = as_array(y_pred)
    y_true = clip(as_array(y_true, y_pred.dtype), epsilon(), 1.0)
    return (y_true * lax.log(y_true / clip(y_pred, epsilon(), 1.0))).sum(axis=-1)


@row_wise
def poisson(y_true: Any, y_pred: Any) -> Array:
    """`mean(p - y log p)` over the last axis."""
    y_pred = as_array(y_pred)
    return (y_pred - as_array(y_true, y_pred.dtype) * lax.log(y_pred + epsilon())).mean(axis=-1)


class KLDivergence(LossFunctionWrapper):
    """See `kl_divergence`."""

    arguments = ()

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'kl_divergence', dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """See `poisson`."""

    arguments = ()

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'poisson', dtype: Any = None
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)
