"""What is frozen inside of a layer, or of a user's model, is so in its archives and clones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hefted
from hefted.layers import Dense, Layer, MultiHeadAttention, Stack
from hefted.models import clone_model
from hefted.saving import load_model
from hefted.utils import deserialize_keras_object, serialize_keras_object

X, Y = np.random.default_rng(0).normal(size=(8, 4, 3)).astype('float32'), np.ones((8, 4, 1), 'float32')


class Tagger(hefted.Model):
    """Layers in a dict and a list of it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = {'first': Dense(4), 'rest': [Dense(4), Dense(1)]}

    def call(self, inputs: Any) -> Any:
        first, (second, last) = self.steps['first'], self.steps['rest']
        return last(second(first(inputs)))


class ToItself(Layer):
    """A layer around one that makes its parts when it is built."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape: Any) -> None:
        self.inner.build(input_shape, input_shape)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs, inputs)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with hefted.utils.custom_object_scope({'Tagger': Tagger, 'ToItself': ToItself}):
        yield


def fitted(model: Any) -> Any:
    model.compile('adam', 'mse')
    model.fit(X, Y, verbose=0)
    return model


def switches(model: Any) -> list[bool]:
    return [layer.trainable for layer in model.flatten_layers()]


def test_a_users_model_keeps_what_is_frozen_inside(tmp_path: Path):
    model = Tagger()
    model.steps['rest'][0].trainable = False
    fitted(model).save(tmp_path / 'tagger.keras')
    loaded = load_model(tmp_path / 'tagger.keras')
    assert switches(loaded) == switches(clone_model(model)) == [True, True, False, True]
    assert int(loaded.optimizer.iterations) == 1


@pytest.mark.parametrize('whole', [True, False])
def test_a_layer_around_another_keeps_what_is_frozen_inside(tmp_path: Path, whole: bool):
    around = ToItself(MultiHeadAttention(1, 2))
    model = hefted.Sequential([hefted.Input((4, 3)), around, Dense(1)])
    (around if whole else around.inner._query_dense).trainable = False
    fitted(model).save(tmp_path / 'around.keras')
    loaded = load_model(tmp_path / 'around.keras')
    assert len(model.trainable_variables) == (2 if whole else 8)
    assert switches(loaded) == switches(clone_model(model)) == switches(model)
    assert int(loaded.optimizer.iterations) == 1


def test_a_frozen_part_that_is_not_there_is_told():
    stack = Stack([Dense(2)])
    config = serialize_keras_object(stack)
    config['config']['frozen_parts'] = ['gone']
    with pytest.warns(UserWarning, match='Expected the frozen parts gone in layer'):
        deserialize_keras_object(config)
