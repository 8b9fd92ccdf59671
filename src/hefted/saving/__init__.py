"""Saving and loading: `.keras` archives that Keras opens, weights in HDF5 and safetensors, exported functions."""

from typing import Any

from hefted.saving.archive import load_model, save_model
from hefted.saving.export import export_model, load_exported
from hefted.saving.safetensors import load_safetensors, save_safetensors
from hefted.saving.weights import load_weights, save_weights
from hefted.utils.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

CustomObjectScope = custom_object_scope


def __getattr__(name: str) -> Any:
    from hefted.utils.passages import passage

    return passage('saving', 'KerasFileEditor')(name)


__all__ = [
    'CustomObjectScope',
    'custom_object_scope',
    'deserialize_keras_object',
    'export_model',
    'get_custom_objects',
    'get_registered_name',
    'get_registered_object',
    'load_exported',
    'load_model',
    'load_safetensors',
    'load_weights',
    'register_keras_serializable',
    'save_model',
    'save_safetensors',
    'save_weights',
    'serialize_keras_object',
]
