"""F-scores: the weighted harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.metrics.metric import Metric
from hefted.utils.arrays import as_array, epsilon
from hefted.variables import Array


class FBetaScore(Metric):
    """`(1 + beta^2) precision recall / (beta^2 precision + recall)`.

    Args:
        average: None (one for each class), 'micro' (over all), 'macro' (the mean of classes) or 'weighted'.
        beta: How much more recall counts than precision.
        threshold: A prediction above it is a yes; None takes each row's largest.
        name: Of the metric.
        dtype: See `Metric`.
    """

    weights_rows = True

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = 'fbeta_score',
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, 'micro', 'macro', 'weighted'):
            raise unknown_name('average', average, ('micro', 'macro', 'weighted'))
        if not beta > 0:
            raise ArgumentError(f'Expected beta to be above 0, received {beta!r}.')
        if threshold is not None and not 0 < threshold <= 1:
            raise ArgumentError(f'Expected threshold above 0 and at most 1, received {threshold!r}.')
        self.average, self.beta, self.threshold = average, beta, threshold

    def build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        if self._variables:
            return
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ShapeError(
                f'Expected labels and predictions of shape (batch, classes) for {type(self).__name__}, received '
                f'{y_true_shape} and {y_pred_shape}.'
            )
        (
            self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights,
        ) = self._counters(
            () if self.average == 'micro' else (y_pred_shape[-1],),
            'true_positives', 'false_positives', 'false_negatives', 'intermediate_weights', dtype=self.dtype,
        )  # fmt: skip

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_array(y_true, self.dtype), as_array(y_pred, self.dtype)
        self.build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            chosen = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (jnp.abs(y_pred) > 1e-9)
        else:
            chosen = y_pred > self.threshold
        chosen = as_array(chosen, self.dtype)
        weight = 1.0 if sample_weight is None else as_array(sample_weight, self.dtype)[:, None]
        axis = None if self.average == 'micro' else 0
        counts = (chosen * y_true, chosen * (1 - y_true), (1 - chosen) * y_true, y_true)
        for held, values in zip(self._variables, counts, strict=True):
            held.assign_add((values * weight).sum(axis=axis))

    def result(self) -> Array:
        right, false, missed, weights = (v.value for v in self._variables)
        precision, recall = right / (right + false + epsilon()), right / (right + missed + epsilon())
        squared = self.beta**2
        score = precision * recall / (squared * precision + recall + epsilon()) * (1 + squared)
        if self.average == 'weighted':
            return (score * weights / (weights.sum() + epsilon())).sum()
        return score if self.average is None else score.mean()

    def get_config(self) -> dict[str, Any]:
        own = {'average': self.average, 'beta': self.beta, 'threshold': self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; arguments as for `FBetaScore`."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = 'f1_score',
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != 'beta'}
