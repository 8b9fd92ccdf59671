"""Utilities, by Keras's names; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    'PyDataset': 'hefted.utils.py_dataset',
    'Sequence': 'hefted.utils.py_dataset',
    'set_random_seed': 'hefted.utils.seeding',
    'to_categorical': 'hefted.utils.encoding',
    **dict.fromkeys(('pack_x_y_sample_weight', 'unpack_x_y_sample_weight'), 'hefted.utils.packing'),
    **dict.fromkeys(
        (
            'custom_object_scope', 'deserialize_keras_object', 'get_custom_objects', 'get_registered_name',
            'get_registered_object', 'register_keras_serializable', 'serialize_keras_object',
        ),
        'hefted.utils.serialization',
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_HOMES[name]), name)
