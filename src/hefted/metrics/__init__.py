"""Metrics: what is counted over batches, and told at each epoch's end.

metric = get('accuracy')                  by name; or a class, an instance, a function, a config
metric.update_state(y_true, y_pred, sample_weight=None)
metric.result()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.metrics.metric import Metric
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object

_room = Room(
    'hefted.metrics',
    'metric',
    {
        'metric': 'Metric',
        'reduction': 'Mean Sum MeanMetricWrapper',
        'accuracies': 'Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy '
        'TopKCategoricalAccuracy SparseTopKCategoricalAccuracy accuracy binary_accuracy categorical_accuracy '
        'sparse_categorical_accuracy top_k_categorical_accuracy sparse_top_k_categorical_accuracy',
        'wrapped': 'MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError '
        'MeanSquaredLogarithmicError RootMeanSquaredError LogCoshError CosineSimilarity KLDivergence Poisson '
        'BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy '
        'Hinge SquaredHinge CategoricalHinge',
        'r2_score': 'R2Score',
        'confusion': 'TruePositives TrueNegatives FalsePositives FalseNegatives Precision Recall',
        'auc': 'AUC',
        'correlation': 'PearsonCorrelation ConcordanceCorrelation pearson_correlation concordance_correlation',
        'trade_off': 'SensitivityAtSpecificity SpecificityAtSensitivity PrecisionAtRecall RecallAtPrecision',
        'f_score': 'FBetaScore F1Score',
        'overlap': 'IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU',
    },
    aliases={
        **dict.fromkeys(('bce', 'BCE'), 'BinaryCrossentropy'),
        **dict.fromkeys(('mae', 'MAE'), 'MeanAbsoluteError'),
        **dict.fromkeys(('mse', 'MSE'), 'MeanSquaredError'),
        **dict.fromkeys(('mape', 'MAPE'), 'MeanAbsolutePercentageError'),
        **dict.fromkeys(('msle', 'MSLE'), 'MeanSquaredLogarithmicError'),
    },
)
# Keras offers its losses' functions here too.
_LOSS_FUNCTIONS = (
    'mean_squared_error', 'mean_absolute_error', 'mean_absolute_percentage_error', 'mean_squared_logarithmic_error',
    'huber', 'log_cosh', 'kl_divergence', 'poisson', 'binary_crossentropy', 'categorical_crossentropy',
    'sparse_categorical_crossentropy', 'binary_focal_crossentropy', 'categorical_focal_crossentropy',
    'hinge', 'squared_hinge', 'categorical_hinge',
)  # fmt: skip

__all__ = ['Metric', 'deserialize', 'get', 'serialize']
__all__ += sorted({*_room.members(), *_LOSS_FUNCTIONS} - {*__all__})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _LOSS_FUNCTIONS:
        from hefted import losses

        return getattr(losses, name)
    return _room.attribute(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_room.names()})


def get(identifier: Any) -> Any:
    """The metric that a name ('mse', 'AUC'), a config, a class, a callable or None stands for.

    Raises:
        UnknownNameError: The name is not one of ours; the message has the nearest ones.
    """
    return None if identifier is None else _room.get(identifier)


def serialize(metric: Any) -> Any:
    """The config of a metric."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric of a config."""
    return _room.deserialize(config, custom_objects)
