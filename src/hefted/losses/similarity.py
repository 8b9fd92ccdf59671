"""Circle loss: embeddings of one label near each other, of different labels apart (Sun et al. 2020)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from hefted.losses.loss import LossFunctionWrapper
from hefted.utils.arrays import as_array
from hefted.variables import Array


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """The circle loss of each embedding against the others of the batch, or against references.

    Args:
        y_true: Class numbers, shape (batch,).
        y_pred: Embeddings of norm 1, shape (batch, size).
        ref_labels: Class numbers of the references.
        ref_embeddings: Their embeddings; the batch's own if None.
        remove_diagonal: Whether to leave out each embedding's pair with itself.
        gamma: The scale.
        margin: How much nearer one's own class must be.
    """
    y_pred, labels = as_array(y_pred), as_array(y_true, 'int32').reshape(-1, 1)
    others = y_pred if ref_embeddings is None else as_array(ref_embeddings)
    distance = jnp.maximum(1 - y_pred @ others.T, 0.0)
    same = labels == (labels if ref_labels is None else as_array(ref_labels, 'int32').reshape(-1, 1)).T
    near = same & ~jnp.eye(*same.shape, dtype='bool') if remove_diagonal else same
    pull = -gamma * (margin + distance) * (margin - distance)
    push = gamma * jnp.maximum(1 + margin - distance, 0.0) * (1 - margin - distance)
    scores = [jax.nn.logsumexp(jnp.where(kept, x, -jnp.inf), axis=1) for kept, x in ((near, pull), (~same, push))]
    return jax.nn.softplus(scores[0] + scores[1])


class Circle(LossFunctionWrapper):
    """See `circle`; rows of loss 0 do not count in the mean."""

    arguments = ('gamma', 'margin', 'remove_diagonal')

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'circle',
        dtype: Any = None,
    ) -> None:
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def mask(self, y_true: Any, y_pred: Any, values: Array) -> Array | None:  # noqa: ARG002
        return values > 0
