"""Utilities, by Keras's names; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    'Config': 'hefted.utils.named_values',
    'Progbar': 'hefted.utils.progbar',
    'PyDataset': 'hefted.utils.py_dataset',
    'Sequence': 'hefted.utils.py_dataset',
    **dict.fromkeys(('clear_session', 'is_keras_tensor', 'standardize_dtype'), 'hefted.utils.session'),
    **dict.fromkeys(('normalize', 'pad_sequences'), 'hefted.utils.sequences'),
    **dict.fromkeys(
        ('disable_interactive_logging', 'enable_interactive_logging', 'is_interactive_logging_enabled'),
        'hefted.config',
    ),
    **dict.fromkeys(('array_to_img', 'img_to_array', 'load_img', 'save_img'), 'hefted.utils.images'),
    **dict.fromkeys(
        ('image_dataset_from_directory', 'text_dataset_from_directory'), 'hefted.utils.directory_datasets'
    ),
    'audio_dataset_from_directory': 'hefted.utils.audio',
    'FeatureSpace': 'hefted.models.feature_space',
    'get_file': 'hefted.utils.downloads',
    'get_source_inputs': 'hefted.utils.sources',
    'plot_model': 'hefted.models.drawing',
    'set_random_seed': 'hefted.utils.seeding',
    'split_dataset': 'hefted.utils.splitting',
    'timeseries_dataset_from_array': 'hefted.utils.timeseries',
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


_ALIASES = {'CustomObjectScope': 'custom_object_scope'}

__all__ = sorted({*_HOMES, *_ALIASES, 'bounding_boxes', 'model_to_dot'})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in ('legacy', 'model_to_dot'):
        from hefted.utils.passages import passage, refused

        if name == 'model_to_dot':
            return refused('utils.model_to_dot', 'plot_model draws without Graphviz.')
        return passage('utils', name)(name)
    name = _ALIASES.get(name, name)
    if name == 'bounding_boxes':
        return importlib.import_module('hefted.utils.bounding_boxes')
    if name not in _HOMES:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, _HOMES)
    return getattr(importlib.import_module(_HOMES[name]), name)
