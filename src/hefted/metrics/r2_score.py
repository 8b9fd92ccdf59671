"""The coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.metrics.metric import Metric
from hefted.utils.arrays import as_array, squeeze_or_expand
from hefted.variables import Array


class R2Score(Metric):
    """`1 - residual sum of squares / total sum of squares`: 1 is perfect, 0 is no better than the mean.

    Args:
        class_aggregation: 'uniform_average', 'variance_weighted_average' or None (one for each column).
        num_regressors: Independent variables, for the adjusted score; 0 is the plain one.
        name: Of the metric.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        class_aggregation: str | None = 'uniform_average',
        num_regressors: int = 0,
        name: str | None = 'r2_score',
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in (None, 'uniform_average', 'variance_weighted_average'):
            kinds = ('uniform_average', 'variance_weighted_average')
            raise unknown_name('class_aggregation', class_aggregation, kinds)
        if num_regressors < 0:
            raise ArgumentError(f'Expected num_regressors to be 0 or more, received {num_regressors}.')
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.weights_rows = num_regressors == 0  # the adjustment counts rows of weight 0 too, as in Keras
        (self.num_samples,) = self._counters((), 'num_samples')

    def build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        if len(self._variables) > 1:
            return
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ShapeError(
                'Expected targets and predictions of shape (batch, outputs) for R2Score, received '
                f'{y_true_shape} and {y_pred_shape}.'
            )
        self.squared_sum, self.sum, self.total_mse, self.count = self._counters(
            (y_pred_shape[-1],), 'squared_sum', 'sum', 'residual', 'count'
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = squeeze_or_expand(as_array(y_true, self.dtype), as_array(y_pred, self.dtype))
        self.build(y_true.shape, y_pred.shape)
        weight = as_array(1.0 if sample_weight is None else sample_weight, self.dtype)
        weight = jnp.broadcast_to(weight[:, None] if weight.ndim == 1 else weight, y_true.shape)
        self.sum.assign_add((y_true * weight).sum(axis=0))
        self.squared_sum.assign_add((y_true * y_true * weight).sum(axis=0))
        self.total_mse.assign_add(((y_true - y_pred) ** 2 * weight).sum(axis=0))
        self.count.assign_add(weight.sum(axis=0))
        self.num_samples.assign_add(np.float32(y_true.size))

    def result(self) -> Array:
        total = self.squared_sum.value - self.sum.value * (self.sum.value / self.count.value)
        scores = 1 - self.total_mse.value / total
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == 'uniform_average':
            scores = scores.mean()
        elif self.class_aggregation == 'variance_weighted_average':
            scores = (total * scores).sum() / total.sum()
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Array) -> Array:
        samples, regressors = self.num_samples.value, self.num_regressors
        freedom = samples - regressors - 1
        if freedom <= 0:
            warnings.warn(
                f'Expected more samples than num_regressors + 1 = {regressors + 1} for the adjusted R2 score, received '
                f'{int(samples)}. The plain score is given.',
                stacklevel=3,
            )
            return scores
        return 1 - (1 - scores) * (samples - 1) / freedom

    def get_config(self) -> dict[str, Any]:
        own = {'class_aggregation': self.class_aggregation, 'num_regressors': self.num_regressors}
        return {**super().get_config(), **own}
