"""A stack is a layer like others: in every kind of model, saved in every format, shown, split over devices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Model, Sequential, distribution
from hefted.distribution.placing import Placing
from hefted.errors import ArgumentError
from hefted.layers import Dense, Stack
from hefted.models.steps import binding_of
from hefted.saving import load_model, register_keras_serializable
from hefted.utils import set_random_seed
from hefted.utils.stacked import Stacked

X = np.random.default_rng(0).normal(size=(8, 4)).astype('float32')
Y = X[:, :1]


def blocks(count: int = 3) -> list[Any]:
    return [Dense(4, activation='tanh', name=f'block_{i}') for i in range(count)]


@register_keras_serializable('stacks_in_models')
class Own(Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deep, self.last = Stack(blocks(), name='deep'), Dense(1)

    def call(self, x: Any) -> Any:
        return self.last(self.deep(x))


def functional() -> Any:
    inputs = Input((4,))
    return Model(inputs, Dense(1)(Stack(blocks(), name='deep')(inputs)), name='whole')


KINDS = {
    'Sequential': lambda: Sequential([Input((4,)), Stack(blocks(), name='deep'), Dense(1)], name='whole'),
    'functional': functional,
    'subclassed': Own,
}


def made(kind: str, seed: int = 1) -> Any:
    set_random_seed(seed)
    model = KINDS[kind]()
    model(X)
    return model


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_model_saves_a_stack_and_loads_it_again(kind: str, tmp_path: Path, capsys: Any):
    model = made(kind)
    wanted = np.asarray(model(X))
    deep = model.get_layer('deep')
    assert deep in model.layers
    assert len(model.weights) == 8
    model.summary(line_length=100)  # columns as wide as what they hold, not as the terminal
    said = capsys.readouterr().out
    assert 'deep (Stack)' in said
    assert '60' in said  # three blocks of 4 x 4 + 4
    assert '65' in said
    model.save(tmp_path / 'model.keras')
    again = load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(again(X), wanted)
    assert [block.name for block in again.get_layer('deep').blocks] == ['block_0', 'block_1', 'block_2']
    for name in ('model.weights.h5', 'model.safetensors'):
        model.save_weights(tmp_path / name)
        other = made(kind, seed=2)
        assert not np.array_equal(other(X), wanted)
        other.load_weights(tmp_path / name)
        np.testing.assert_array_equal(other(X), wanted)


def test_weights_of_a_trained_stack_are_saved_and_loaded_though_they_lie_upon_another(tmp_path: Path):
    model = made('functional')
    model.compile('sgd', 'mse')
    model.fit(X, Y, verbose=0)
    assert any(isinstance(v, Stacked) for v in binding_of(model).groups['trainable'])
    wanted = [v.numpy() for v in model.weights]
    for name in ('model.weights.h5', 'model.safetensors'):
        model.save_weights(tmp_path / name)
        other = made('functional', seed=2)
        other.compile('sgd', 'mse')
        other.fit(X, Y, verbose=0)
        other.load_weights(tmp_path / name)
        assert all(np.array_equal(v, w) for v, w in zip(other.weights, wanted, strict=True))


@pytest.mark.parametrize('remat', ['none', 'full'])
def test_a_stack_of_one_block_is_the_block(remat: str):
    def losses(layer: Any) -> Any:
        set_random_seed(3)
        model = Sequential([Input((4,)), layer(blocks(1)[0]), Dense(1)])
        model.compile('sgd', 'mse')
        return model.fit(X, Y, epochs=2, verbose=0).history['loss']

    np.testing.assert_allclose(losses(lambda b: Stack([b], remat=remat)), losses(lambda b: b), rtol=1e-6)


def placed(pattern: str) -> Any:
    model = made('functional')
    model.compile('sgd', 'mse')
    mesh = distribution.DeviceMesh((1, 1), ('batch', 'model'), ['cpu:0'])
    layouts = distribution.LayoutMap(mesh)
    layouts[pattern] = (None, 'model')
    how = Placing(distribution.ModelParallel(layout_map=layouts))
    model.fit(X, Y, verbose=0)  # the blocks' weights lie one upon another from here on
    kernel = next(v for v in binding_of(model).groups['trainable'] if isinstance(v, Stacked) and v.ndim == 3)
    return how.of(kernel).spec


def test_a_map_of_layouts_names_the_blocks_by_their_own_paths():
    assert tuple(placed(r'.*deep/block_\d+/kernel')) == (None, None, 'model')
    with pytest.raises(ArgumentError, match=r"for '.*block_0/kernel' and .* for '.*block_1/kernel'.*all of them"):
        placed('.*deep/block_1/kernel')
