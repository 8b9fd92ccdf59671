"""Metrics that are means of a loss's values."""

from __future__ import annotations

from typing import Any

from jax import lax

from hefted.losses import crossentropy, divergence, margin, regression
from hefted.losses.loss import row_wise
from hefted.metrics.reduction import Mean, MeanMetricWrapper
from hefted.utils.arrays import as_array, squeeze_or_expand
from hefted.variables import Array


class _Plain(MeanMetricWrapper):
    """One whose function takes no arguments."""

    arguments = ()


class MeanSquaredError(_Plain):
    """The mean squared error."""

    def __init__(self, name: str | None = 'mean_squared_error', dtype: Any = None) -> None:
        super().__init__(regression.mean_squared_error, name, dtype)


class MeanAbsoluteError(_Plain):
    """The mean absolute error."""

    def __init__(self, name: str | None = 'mean_absolute_error', dtype: Any = None) -> None:
        super().__init__(regression.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(_Plain):
    """The mean absolute error, in percent of the targets."""

    def __init__(self, name: str | None = 'mean_absolute_percentage_error', dtype: Any = None) -> None:
        super().__init__(regression.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(_Plain):
    """The mean squared error of `log(x + 1)`."""

    def __init__(self, name: str | None = 'mean_squared_logarithmic_error', dtype: Any = None) -> None:
        super().__init__(regression.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(_Plain):
    """The mean of `log(cosh(error))`."""

    def __init__(self, name: str | None = 'logcosh', dtype: Any = None) -> None:
        super().__init__(regression.log_cosh, name, dtype)


class KLDivergence(_Plain):
    """The mean Kullback-Leibler divergence."""

    def __init__(self, name: str | None = 'kl_divergence', dtype: Any = None) -> None:
        super().__init__(divergence.kl_divergence, name, dtype)


class Poisson(_Plain):
    """The mean Poisson loss."""

    def __init__(self, name: str | None = 'poisson', dtype: Any = None) -> None:
        super().__init__(divergence.poisson, name, dtype)


class Hinge(_Plain):
    """The mean hinge loss."""

    def __init__(self, name: str | None = 'hinge', dtype: Any = None) -> None:
        super().__init__(margin.hinge, name, dtype)


class SquaredHinge(_Plain):
    """The mean squared hinge loss."""

    def __init__(self, name: str | None = 'squared_hinge', dtype: Any = None) -> None:
        super().__init__(margin.squared_hinge, name, dtype)


class CategoricalHinge(_Plain):
    """The mean categorical hinge loss."""

    def __init__(self, name: str | None = 'categorical_hinge', dtype: Any = None) -> None:
        super().__init__(margin.categorical_hinge, name, dtype)


class CosineSimilarity(_Plain):
    """The mean cosine of the angle between targets and predictions (1 where they point one way)."""

    def __init__(self, name: str | None = 'cosine_similarity', dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)


@row_wise
def _cosine(y_true: Any, y_pred: Any, axis: int) -> Array:
    return regression.cosine(y_true, y_pred, axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean binary cross-entropy; see the loss."""

    arguments = ('from_logits', 'label_smoothing')

    def __init__(
        self,
        name: str | None = 'binary_crossentropy',
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            crossentropy.binary_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing,
        )  # fmt: skip


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean categorical cross-entropy; see the loss."""

    arguments = ('from_logits', 'label_smoothing', 'axis')

    def __init__(
        self,
        name: str | None = 'categorical_crossentropy',
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            crossentropy.categorical_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of class numbers; see the loss."""

    arguments = ('from_logits', 'ignore_class', 'axis')

    def __init__(
        self,
        name: str | None = 'sparse_categorical_crossentropy',
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            crossentropy.sparse_categorical_crossentropy, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
        self.weights_rows = ignore_class is None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        # As in Keras, ignored rows leave the mean's count only where there are weights.
        if self.ignore_class is not None and sample_weight is not None:
            kept = crossentropy.class_numbers(y_true, as_array(y_pred), self.axis) != self.ignore_class
            weight, kept = squeeze_or_expand(as_array(sample_weight, self.dtype), as_array(kept, self.dtype))
            sample_weight = weight * kept
        super().update_state(y_true, y_pred, sample_weight)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error."""

    def __init__(self, name: str | None = 'root_mean_squared_error', dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        y_true, y_pred = squeeze_or_expand(as_array(y_true, self.dtype), as_array(y_pred, self.dtype))
        super().update_state(lax.square(y_pred - y_true), sample_weight)

    def result(self) -> Array:
        return lax.sqrt(super().result())
