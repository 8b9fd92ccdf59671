"""Losses: how far predictions are from targets, one number a row, then reduced to one.

get('mse')                          a function; also 'mean_squared_error', MeanSquaredError, or an instance
BinaryCrossentropy()(y_true, y_pred, sample_weight=None)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.losses.loss import Loss, LossFunctionWrapper
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object

_room = Room(
    'hefted.losses',
    'loss',
    {
        'loss': 'Loss LossFunctionWrapper',
        'crossentropy': 'BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy '
        'binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy',
        'focal': 'BinaryFocalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy '
        'binary_focal_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy',
        'divergence': 'KLDivergence Poisson kl_divergence poisson',
        'regression': 'MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError '
        'MeanSquaredLogarithmicError CosineSimilarity Huber LogCosh mean_squared_error mean_absolute_error '
        'mean_absolute_percentage_error mean_squared_logarithmic_error cosine_similarity huber log_cosh',
        'margin': 'Hinge SquaredHinge CategoricalHinge hinge squared_hinge categorical_hinge',
        'overlap': 'Dice Tversky dice tversky',
        'similarity': 'Circle circle',
        'temporal': 'CTC ctc',
    },
    aliases={
        **dict.fromkeys(('bce', 'BCE'), 'binary_crossentropy'),
        **dict.fromkeys(('kld', 'KLD'), 'kl_divergence'),
        **dict.fromkeys(('mae', 'MAE'), 'mean_absolute_error'),
        **dict.fromkeys(('mse', 'MSE'), 'mean_squared_error'),
        **dict.fromkeys(('mape', 'MAPE'), 'mean_absolute_percentage_error'),
        **dict.fromkeys(('msle', 'MSLE'), 'mean_squared_logarithmic_error'),
    },
    spell=None,
)

__all__ = ['Loss', 'LossFunctionWrapper', 'deserialize', 'get', 'is_builtin', 'serialize']
__all__ += sorted({*_room.members()} - {*__all__})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    return _room.attribute(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_room.names()})


def get(identifier: Any) -> Any:
    """The loss that a name ('mse', 'Huber'), a config, a class, a callable or None stands for.

    A name in lower case gives a function of one value per row; wrap it in `LossFunctionWrapper` to reduce them.

    Raises:
        UnknownNameError: The name is not one of ours; the message has the nearest ones.
    """
    return None if identifier is None else _room.get(identifier)


def is_builtin(function: Any) -> bool:
    """Whether a function is one of ours."""
    return getattr(function, '__module__', '').startswith('hefted.losses.')


def serialize(loss: Any) -> Any:
    """The config of a loss."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss of a config or a name."""
    return _room.deserialize(name, custom_objects)
