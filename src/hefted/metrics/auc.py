"""The area under a curve of two rates over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.metrics.confusion import COUNTS, Confusion
from hefted.metrics.metric import Metric
from hefted.utils.arrays import as_array, divide_no_nan, epsilon
from hefted.variables import Array

_CURVES = ('ROC', 'PR', 'PRGAIN')
_METHODS = ('interpolation', 'majoring', 'minoring')


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, by a Riemann sum.

    Args:
        num_thresholds: How many points the curve has.
        curve: 'ROC', 'PR' or 'PRGAIN'.
        summation_method: 'interpolation', 'majoring' (heights from above) or 'minoring' (from below).
        name: Made up if None.
        dtype: See `Metric`.
        thresholds: Points of one's own in [0, 1], instead of evenly spread ones.
        multi_label: Whether columns are labels with an area each, which are averaged.
        num_labels: How many columns; read off the first batch if None.
        label_weights: A weight for each column.
        from_logits: Whether predictions go through a sigmoid first.

    Raises:
        UnknownNameError: The curve or the method is not one of those.
        ArgumentError: Fewer than two thresholds, or num_labels without multi_label.
    """

    weights_rows = True

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = 'ROC',
        summation_method: str = 'interpolation',
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if curve.upper() not in _CURVES:
            raise unknown_name('curve', curve, _CURVES)
        if summation_method.lower() not in _METHODS:
            raise unknown_name('summation_method', summation_method, _METHODS)
        if thresholds is None and num_thresholds <= 1:
            raise ArgumentError(f'Expected num_thresholds to be 2 or more, received {num_thresholds}.')
        if num_labels and not multi_label:
            raise ArgumentError('Expected multi_label=True with num_labels. Leave num_labels out otherwise.')
        self.curve, self.summation_method = curve.upper(), summation_method.lower()
        self.multi_label, self.num_labels, self.label_weights = multi_label, num_labels, label_weights
        self._given, self._from_logits = thresholds is not None, from_logits
        inner = sorted(thresholds or [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)])
        self.num_thresholds = len(inner) + 2
        # A touch outside [0, 1], so that predictions of exactly 0 and 1 lie within.
        self.thresholds: list[float] = [0.0 - epsilon(), *inner, 1.0 + epsilon()]
        if not multi_label or num_labels:
            self._make((self.num_thresholds, num_labels) if num_labels else (self.num_thresholds,))

    def build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:  # noqa: ARG002
        if self._variables:
            return
        if len(y_pred_shape) != 2:
            raise ShapeError(f'Expected predictions of shape (batch, labels) for AUC, received {y_pred_shape}.')
        self._make((self.num_thresholds, y_pred_shape[1]))

    def _make(self, shape: tuple[int, ...]) -> None:
        (
            self.true_positives, self.false_positives, self.true_negatives, self.false_negatives,
        ) = self._counters(shape, *COUNTS)  # fmt: skip

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_array(y_pred)
        self.build(y_pred.shape, y_pred.shape)
        confusion = Confusion(
            y_true,
            lax.logistic(y_pred) if self._from_logits else y_pred,
            self.thresholds,
            sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        for held, count in zip(self._variables, COUNTS, strict=True):
            held.assign_add(getattr(confusion, count))

    def result(self) -> Array:
        counts = [v.value for v in self._variables]
        if self.curve == 'PR' and self.summation_method == 'interpolation':
            return self._over_labels(_interpolated_pr(*counts))
        x, y = {'ROC': _roc, 'PR': _pr, 'PRGAIN': _pr_gain}[self.curve](*counts)
        left, right = y[:-1], y[1:]
        heights = {
            'interpolation': (left + right) / 2,
            'minoring': jnp.minimum(left, right),
            'majoring': jnp.maximum(left, right),
        }[self.summation_method]
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _over_labels(self, parts: Array) -> Array:
        area = parts.sum(axis=0)
        if not self.multi_label:
            return area
        if self.label_weights is None:
            return area.mean()
        weights = as_array(self.label_weights, self.dtype)
        return divide_no_nan((area * weights).sum(), weights.sum())

    def get_config(self) -> dict[str, Any]:
        config = {
            'num_thresholds': self.num_thresholds,
            'curve': self.curve,
            'summation_method': self.summation_method,
            'multi_label': self.multi_label,
            'num_labels': self.num_labels,
            'label_weights': self.label_weights,
            'from_logits': self._from_logits,
        }
        if self._given:
            config['thresholds'] = self.thresholds[1:-1]
        return {**super().get_config(), **config}


def _roc(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
    return divide_no_nan(fp, fp + tn), divide_no_nan(tp, tp + fn)


def _pr(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:  # noqa: ARG001
    return divide_no_nan(tp, tp + fn), divide_no_nan(tp, tp + fp)


def _pr_gain(tp: Array, fp: Array, tn: Array, fn: Array) -> tuple[Array, Array]:
    """Flach & Kull 2015."""
    odds, none = divide_no_nan(tp + fn, tn + fp), tp == 0
    recall = jnp.where(none, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
    precision = jnp.where(none, 1.0, 1.0 - odds * divide_no_nan(fp, tp))
    return jnp.maximum(recall, 0.0), precision


def _interpolated_pr(tp: Array, fp: Array, tn: Array, fn: Array) -> Array:  # noqa: ARG001
    """The parts under a precision-recall curve whose counts are linear between points (Davis & Goadrich 2006)."""
    positive = tp + fp
    rise, run = tp[:-1] - tp[1:], jnp.maximum(positive[:-1] - positive[1:], 0)
    slope = divide_no_nan(rise, run)
    start = tp[1:] - slope * positive[1:]
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    ratio = jnp.where(both, divide_no_nan(positive[:-1], jnp.maximum(positive[1:], 0)), 1.0)
    return divide_no_nan(slope * (rise + start * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0))
