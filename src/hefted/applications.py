"""Keras's applications, made by Keras and taken over: models of ours, which can be built on, trained and saved.

base = hefted.applications.MobileNetV2(include_top=False, weights='imagenet', input_shape=(96, 96, 3))
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from hefted.errors import ArgumentError, no_attribute
from hefted.operation import operation
from hefted.utils.passages import keras_room
from hefted.utils.serialization import deserialize_keras_object

_ROOMS = (
    'convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 mobilenet '
    'mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception'
)
_MODELS = (
    'ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201 '
    'EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 '
    'EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L '
    'EfficientNetV2M EfficientNetV2S InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large '
    'MobileNetV3Small NASNetLarge NASNetMobile ResNet101 ResNet101V2 ResNet152 ResNet152V2 ResNet50 ResNet50V2 '
    'VGG16 VGG19 Xception'
)


def taken_over(model: Any) -> Any:
    """A Keras functional model as one of ours, with its weights."""
    ours = deserialize_keras_object(keras_room('saving').serialize_keras_object(model))
    ours.set_weights(model.get_weights())
    return ours


def _maker(theirs: Callable[..., Any], name: str) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get('input_tensor') is not None:
            raise ArgumentError(
                f'Expected no input_tensor for {name}, received {kwargs["input_tensor"]!r}. Give input_shape, and call '
                'the model on the tensor.'
            )
        return taken_over(theirs(*args, **kwargs))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = theirs.__doc__
    return make


def _of(room: str, name: str) -> Any:
    if name.startswith('_'):  # whoever looks for `__file__` need not have Keras
        raise no_attribute(f'hefted.{room}', name, ())
    found = getattr(keras_room(room), name, None)
    if found is None:
        raise no_attribute(f'hefted.{room}', name, dir(keras_room(room)))
    if name in _MODELS.split():
        return _maker(found, name)
    return operation(found) if name == 'preprocess_input' else found


def _shell(name: str) -> types.ModuleType:
    """A room of applications, filled when it is asked."""
    room = types.ModuleType(f'{__name__}.{name}', f'keras.applications.{name}, its models as ours.')
    room.__getattr__ = lambda attribute: _of(f'applications.{name}', attribute)  # pyright: ignore[reportAttributeAccessIssue]
    room.__dir__ = lambda: [n for n in dir(keras_room(f'applications.{name}')) if n[0] != '_']
    return room


_shells = {name: _shell(name) for name in _ROOMS.split()}
sys.modules.update({f'{__name__}.{name}': room for name, room in _shells.items()})


def __getattr__(name: str) -> Any:
    if name in _shells:
        return _shells[name]
    if name not in _MODELS.split():
        raise no_attribute(__name__, name, [*_MODELS.split(), *_ROOMS.split()])
    return _of('applications', name)


def __dir__() -> list[str]:
    return sorted([*_MODELS.split(), *_ROOMS.split()])
