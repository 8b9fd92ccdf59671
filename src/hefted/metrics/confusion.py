"""Counts of right and wrong yes-or-no predictions at thresholds, and what is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.metrics.metric import Metric
from hefted.utils.arrays import as_array, divide_no_nan, epsilon, select, squeeze_or_expand
from hefted.variables import Array, Variable

_LOWEST = -1e10  # Keras's stand-in for a prediction that is not among the top k


def thresholds_of(given: Any, default: float) -> list[float]:
    """Thresholds as a list, each in [0, 1]."""
    if given is None:
        return [default]
    thresholds: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    if any(t is None or not 0 <= t <= 1 for t in thresholds):
        raise ArgumentError(f'Expected thresholds between 0 and 1, received {given!r}.')
    return thresholds


def evenly_spread(thresholds: Sequence[float]) -> bool:
    """Whether thresholds divide [0, 1] into equal parts: then predictions are counted in buckets."""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.linspace(0.0, 1.0, count), atol=epsilon())


class Confusion:
    """How predictions fall at each threshold: arrays of shape (thresholds,), or (thresholds, labels).

    Args:
        y_true: Labels, read as booleans.
        y_pred: Predictions in [0, 1].
        thresholds: A prediction above one is a yes.
        sample_weight: One a row, or of the labels' shape.
        multi_label: Whether to count each column on its own.
        label_weights: A weight for each column.
        top_k: Only the k largest predictions of a row can be a yes.
        class_id: The only column that counts.
    """

    def __init__(
        self,
        y_true: Any,
        y_pred: Any,
        thresholds: Sequence[float],
        sample_weight: Any = None,
        *,
        multi_label: bool = False,
        label_weights: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        dtype: str = 'float32',
    ) -> None:
        y_pred, y_true = squeeze_or_expand(as_array(y_pred, dtype), as_array(y_true, dtype))
        if y_pred.shape != y_true.shape:
            raise ShapeError(
                f'Expected labels of the shape of the predictions, {y_pred.shape}, received {y_true.shape}.'
            )
        weight = lax.full_like(y_pred, 1)
        if sample_weight is not None:
            rows = as_array(sample_weight, dtype)[..., None]
            weight = weight * squeeze_or_expand(y_true, rows, expand_rank_1=False)[1]
        if label_weights is not None:
            weight = weight * as_array(label_weights, dtype)
        if top_k is not None:
            y_pred = select(_among_top(y_pred, top_k), y_pred, _LOWEST)
        if class_id is not None:
            y_true, y_pred, weight = (x[..., class_id, None] for x in (y_true, y_pred, weight))
        self.columns = (-1, y_pred.shape[-1]) if multi_label else (-1, 1)
        yes = select(y_true != 0, weight, 0.0)
        counted = _in_buckets if evenly_spread(thresholds) else _compared
        y_pred, yes, no = (x.reshape(self.columns) for x in (y_pred, yes, weight - yes))
        self.true_positives, self.false_positives = (counted(y_pred, w, thresholds) for w in (yes, no))
        self.false_negatives = yes.sum(axis=0) - self.true_positives
        self.true_negatives = no.sum(axis=0) - self.false_positives
        if not multi_label:
            for name in COUNTS:
                setattr(self, name, getattr(self, name).squeeze(-1))


COUNTS = ('true_positives', 'false_positives', 'true_negatives', 'false_negatives')


def _among_top(y_pred: Array, k: int) -> Array:
    best = lax.top_k(y_pred, k)[1]
    return (best[..., None] == jnp.arange(y_pred.shape[-1])).any(axis=-2)


def _compared(y_pred: Array, weight: Array, thresholds: Sequence[float]) -> Array:
    """The weight above each threshold, (thresholds, columns)."""
    above = y_pred[None] > as_array(np.asarray(thresholds), y_pred.dtype)[:, None, None]
    return jnp.where(above, weight[None], 0.0).sum(axis=1)


def _in_buckets(y_pred: Array, weight: Array, thresholds: Sequence[float]) -> Array:
    """The same for thresholds i / (n - 1): sum the weight of each bucket, then from the top down."""
    count = len(thresholds)
    bucket = jnp.ceil(jnp.clip(y_pred, 0.0, 1.0) * (count - 1)) - 1
    if thresholds[0] < 0:  # the lowest threshold is under 0, so that a prediction of 0 is a yes there
        bucket = jnp.maximum(bucket, 0)
    sums = [
        jax.ops.segment_sum(weight[:, i], bucket[:, i].astype('int32'), num_segments=count)
        for i in range(weight.shape[1])
    ]
    return jnp.flip(jnp.cumsum(jnp.flip(jnp.stack(sums, axis=1), 0), axis=0), 0)


class _Counting(Metric):
    """One that adds up some of the four counts."""

    weights_rows = True
    counts: tuple[str, ...]

    def __init__(self, thresholds: Any, name: str | None, dtype: Any, default: float = 0.5, **selection: Any) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = thresholds_of(thresholds, default)
        self._selection = selection
        self._held = self._make_counters()

    def _make_counters(self) -> list[Variable]:
        return self._counters((len(self.thresholds),), *self.counts)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        confusion = Confusion(y_true, y_pred, self.thresholds, sample_weight, **self._selection)
        for held, count in zip(self._held, self.counts, strict=True):
            held.assign_add(getattr(confusion, count))

    def _told(self, values: Array) -> Array:
        return values[0] if len(self.thresholds) == 1 else values

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'thresholds': self.init_thresholds, **self._selection}


class _Count(_Counting):
    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)

    def _make_counters(self) -> list[Variable]:
        return self._counters((len(self.thresholds),), 'accumulator')

    def result(self) -> Array:
        return self._told(self._held[0].value)


class TruePositives(_Count):
    """How many labels of 1 were predicted above the threshold."""

    counts = ('true_positives',)


class TrueNegatives(_Count):
    """How many labels of 0 were predicted at or below the threshold."""

    counts = ('true_negatives',)


class FalsePositives(_Count):
    """How many labels of 0 were predicted above the threshold."""

    counts = ('false_positives',)


class FalseNegatives(_Count):
    """How many labels of 1 were predicted at or below the threshold."""

    counts = ('false_negatives',)


class _Share(_Counting):
    """True positives over true positives and one kind of mistake."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        lowest = 0.5 if top_k is None else _LOWEST
        super().__init__(thresholds, name, dtype, lowest, top_k=top_k, class_id=class_id)
        self.top_k, self.class_id = top_k, class_id

    def result(self) -> Array:
        right, wrong = (held.value for held in self._held)
        return self._told(divide_no_nan(right, right + wrong))


class Precision(_Share):
    """The share of yes-predictions that are right.

    Args:
        thresholds: One or several in [0, 1]; 0.5 if None.
        top_k: Only the k largest predictions of a row count as a yes.
        class_id: The only column that counts.
        name: Made up if None.
        dtype: See `Metric`.

    Example:
        >>> float(Precision()(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.2])))
        0.5
    """

    counts = ('true_positives', 'false_positives')


class Recall(_Share):
    """The share of labels of 1 that were predicted; arguments as for `Precision`."""

    counts = ('true_positives', 'false_negatives')
