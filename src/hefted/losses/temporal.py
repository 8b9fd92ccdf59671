"""Connectionist temporal classification: labels whose times are not known."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.errors import ShapeError
from hefted.losses.loss import Loss, LossFunctionWrapper, row_wise
from hefted.ops.ctc import ctc_loss
from hefted.utils.arrays import as_array
from hefted.variables import Array


@row_wise
def ctc(y_true: Any, y_pred: Any) -> Array:
    """`-log` of the probability that the outputs spell the labels, whenever each is said (Graves et al. 2006).

    Args:
        y_true: Classes (batch, labels) from 1; 0 is blank, and fills up.
        y_pred: Logits (batch, times, classes).

    Returns:
        (batch,).

    Raises:
        ShapeError: Other numbers of axes.
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    if y_true.ndim != 2 or y_pred.ndim != 3:
        raise ShapeError(
            'Expected labels (batch, labels) and logits (batch, times, classes) for ctc, received shapes '
            f'{y_true.shape} and {y_pred.shape}.'
        )
    times = jnp.full(y_pred.shape[:1], y_pred.shape[1], 'int32')
    return ctc_loss(y_true.astype('int32'), y_pred, (y_true != 0).sum(axis=-1, dtype='int32'), times, mask_index=0)


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification; see `ctc`.

    Args:
        reduction: See `Loss`.
        name: Of the loss.
        dtype: See `Loss`.
    """

    def __init__(
        self, reduction: str | None = 'sum_over_batch_size', name: str | None = 'ctc', dtype: Any = None
    ) -> None:
        super().__init__(ctc, name=name, reduction=reduction, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return Loss.get_config(self)
