"""Optimizers: rules that turn gradients into new weights.

get('rmsprop')                                  the rule by name, in any case; or a class, an instance, a config
optimizer.build(variables)                      slots, as zeros on the host
optimizer.stateless_apply(state, grads, values)     the pure form: new values, new state
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from hefted.errors import ArgumentError
from hefted.optimizers.optimizer import Optimizer
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object

_room = Room(
    'hefted.optimizers',
    'optimizer',
    {
        'optimizer': 'Optimizer',
        'sgd': 'SGD',
        'rmsprop': 'RMSprop',
        'adam': 'Adam AdamW',
        'adam_family': 'Adamax Nadam Lamb',
        'adagrad': 'Adagrad Adadelta',
        'lion': 'Lion',
        'ftrl': 'Ftrl',
        'adafactor': 'Adafactor',
        'loss_scale': 'LossScaleOptimizer',
        'muon': 'Muon',
        'schedule_free': 'ScheduleFreeAdamW',
        'several': 'MultiOptimizer OptimizerMap',
        'from_optax': 'FromOptax',
    },
    spell=str.lower,
)

__all__ = ['Optimizer', 'deserialize', 'get', 'serialize']
__all__ += sorted({*_room.members(), 'schedules'} - {*__all__})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == 'schedules':
        return importlib.import_module('hefted.optimizers.schedules')
    return _room.attribute(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_room.names()})


def get(identifier: Any) -> Any:
    """The optimizer that a name ('adam'), a config, a class, an instance or an Optax transformation stands for.

    None is None.

    Raises:
        UnknownNameError: The name is not one of ours; the message has the nearest ones.
        ArgumentError: The object is not an optimizer.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if hasattr(identifier, 'init') and hasattr(identifier, 'update'):
        from hefted.optimizers.from_optax import FromOptax

        return FromOptax(identifier)
    found = _room.get(identifier)
    if not isinstance(found, Optimizer):
        raise ArgumentError(
            f'Expected optimizer to be a name, a config or an Optimizer, received {identifier!r}. '
            "Write, for example, 'adam' or hefted.optimizers.Adam(1e-3)."
        )
    return found


def serialize(optimizer: Optimizer) -> Any:
    """The config of an optimizer."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The optimizer of a config."""
    return _room.deserialize(config, custom_objects)
