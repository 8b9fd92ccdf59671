"""`keras.wrappers`' names: models as scikit-learn's estimators, by Keras's own classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hefted.models.cloning import clone_model
from hefted.models.model import Model
from hefted.utils.passages import keras_room

__all__ = ['SKLearnClassifier', 'SKLearnRegressor', 'SKLearnTransformer']


def _wrapper(name: str) -> Callable[..., Any]:
    def make(model: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(model, Model):
            model = _Copies(model)
        return getattr(keras_room('wrappers'), name)(model, *args, **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f'keras.wrappers.{name} of a compiled model of ours, or of a function that makes one.'
    return make


class _Copies:
    """Makes a compiled copy of a model for each fit, as Keras's wrappers do of Keras's models."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __call__(self, X: Any, y: Any) -> Model:
        del X, y
        copy = clone_model(self.model)
        copy.compile_from_config(self.model.get_compile_config())
        return copy


SKLearnClassifier = _wrapper('SKLearnClassifier')
SKLearnRegressor = _wrapper('SKLearnRegressor')
SKLearnTransformer = _wrapper('SKLearnTransformer')
