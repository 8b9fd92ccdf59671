"""Archives go both ways: Keras opens what we save and trains on from there, and we what Keras saves."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(4)
IMAGES = rng.random((40, 8, 8, 1)).astype('float32')
CLASSES = rng.integers(0, 3, 40)
FIT: dict[str, Any] = {'batch_size': 16, 'epochs': 2, 'shuffle': False, 'verbose': 0}
BACKENDS = {'keras': keras, 'hefted': hefted}
WAYS = [('keras', 'hefted'), ('hefted', 'keras')]
METER = {'keras': {}, 'hefted': {'meter': None}}


def build(kind: Any, rate: float = 0.25) -> Any:
    """Every layer of this first day, and a model in the model."""
    layers = kind.layers
    inner = kind.Sequential(
        [layers.Dense(6, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.Activation('relu')],
        name='inner',
    )
    return kind.Sequential(
        [
            kind.Input((8, 8, 1)),
            layers.Conv2D(4, (3, 2), activation='relu', kernel_regularizer=kind.regularizers.L2(1e-3)),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(2, 1, padding='same', name='second'),
            layers.Flatten(),
            inner,
            layers.Dropout(rate, seed=3),
            layers.Dense(3, activation='softmax', bias_initializer=kind.initializers.Constant(0.1)),
        ],
        name='model',
    )


def compiled(name: str, optimizer: Any = ('Adam', {}), rate: float = 0.25) -> Any:
    model = build(BACKENDS[name], rate)
    optimizer = getattr(BACKENDS[name].optimizers, optimizer[0])(**optimizer[1])
    model.compile(optimizer=optimizer, loss='sparse_categorical_crossentropy', metrics=['accuracy'])
    return model


@pytest.mark.parametrize(
    ('saves', 'loads', 'optimizer'),
    [
        ('keras', 'hefted', ('RMSprop', {})),
        ('hefted', 'keras', ('Adam', {'learning_rate': 0.01, 'amsgrad': True})),
    ],
    ids=['rmsprop from keras', 'adam to keras'],
)
def test_training_goes_on_with_the_same_curve(saves: str, loads: str, optimizer: Any, tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    model = compiled(saves, optimizer, rate=0.0)  # draws begin anew in a loaded model: neither saves how far they were
    model.fit(IMAGES, CLASSES, **FIT, **METER[saves])
    model.save(path)
    other = BACKENDS[loads].saving.load_model(path)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(other.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), atol=1e-6)
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) == 6
    wanted = model.fit(IMAGES, CLASSES, **FIT, **METER[saves]).history
    found = other.fit(IMAGES, CLASSES, **FIT, **METER[loads]).history
    assert sorted(found) == sorted(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_weights_alone_go_both_ways(saves: str, loads: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.weights.h5'
    model = build(BACKENDS[saves])
    model.save_weights(path)
    other = build(BACKENDS[loads])
    other.load_weights(path)
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_a_keras_archive_load_into_a_model_of_ours(tmp_path: Path) -> None:
    reference, model = build(keras), build(hefted)
    reference.save(tmp_path / 'model.keras')
    model.load_weights(tmp_path / 'model.keras')
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_archive_of_ours_has_the_members_and_the_config_of_keras_s(tmp_path: Path) -> None:
    configs, datasets = [], []
    for name in BACKENDS:
        path = tmp_path / f'{name}.keras'
        model = compiled(name)
        model.optimizer.build(model.trainable_variables)
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            assert set(archive.namelist()) == {'config.json', 'metadata.json', 'model.weights.h5'}
            configs.append(json.loads(archive.read('config.json')))
            with archive.open('model.weights.h5') as member, h5py.File(member) as file:
                found: dict[str, Any] = {}
                file.visititems(
                    lambda where, node: found.update(  # noqa: B023
                        {where: (node.shape, node.dtype)} if isinstance(node, h5py.Dataset) else {}
                    )
                )
                datasets.append(found)
    assert datasets[1] == datasets[0]
    assert [layer['class_name'] for layer in configs[1]['config']['layers']] == [
        layer['class_name'] for layer in configs[0]['config']['layers']
    ]
    wanted, found = (plain(config) for config in configs)
    for a, b in zip(found['config']['layers'], wanted['config']['layers'], strict=True):
        assert a == b
    assert found == wanted


def plain(config: Any) -> Any:
    """A config without the numbers of this process: made-up names, and which objects are shared."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k != 'shared_object_id' and (k, v) != ('compile_config', {})}
    if isinstance(config, list):
        return [plain(v) for v in config]
    return re.sub(r'_\d+$', '', config) if isinstance(config, str) else config


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_a_model_that_was_never_compiled_or_had_no_input_goes_both_ways(saves: str, loads: str, tmp_path: Path) -> None:
    kind = BACKENDS[saves]
    model = kind.Sequential([kind.layers.Dense(4, input_dim=3) if saves == 'hefted' else kind.layers.Dense(4)])
    x = np.ones((2, 3), 'float32')
    wanted = np.asarray(model(x))
    model.save(tmp_path / 'plain.keras')
    other = BACKENDS[loads].saving.load_model(tmp_path / 'plain.keras')
    np.testing.assert_allclose(np.asarray(other(x)), wanted, atol=1e-6)
    assert not other.compiled


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_compile_false_leaves_the_model_uncompiled(saves: str, loads: str, tmp_path: Path) -> None:
    compiled(saves).save(tmp_path / 'model.keras')
    other = BACKENDS[loads].saving.load_model(tmp_path / 'model.keras', compile=False)
    assert not other.compiled
    with pytest.raises(ValueError, match='compile'):
        other.fit(IMAGES, CLASSES)


@pytest.mark.parametrize('dtype', ['mixed_bfloat16', 'bfloat16', 'float16'])
@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_other_dtypes_go_both_ways(saves: str, loads: str, dtype: str, tmp_path: Path) -> None:
    kind = BACKENDS[saves]
    model = kind.Sequential([kind.Input((3,)), kind.layers.Dense(4, dtype=dtype), kind.layers.Dense(2)])
    x = np.ones((2, 3), 'float32')
    model.save(tmp_path / 'low.keras')
    other = BACKENDS[loads].saving.load_model(tmp_path / 'low.keras')
    np.testing.assert_allclose(np.asarray(other(x), 'float32'), np.asarray(model(x), 'float32'), rtol=0.02)
    assert [v.dtype for v in other.weights] == [v.dtype for v in model.weights]


def block_of(kind: Any) -> type:
    class Block(kind.layers.Layer):
        """Layers in attributes and in a list, and a weight of its own."""

        def __init__(self, size: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.size = size
            self.first = kind.layers.Dense(size)
            self.more = [kind.layers.Dense(size), [kind.layers.Dense(size, use_bias=False)]]

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(self.size,), initializer='ones', name='scale')
            self.first.build(input_shape)
            self.more[0].build((None, self.size))

        def call(self, inputs: Any) -> Any:
            return self.more[1][0](self.more[0](self.first(inputs))) * self.scale

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), 'size': self.size}

    return kind.saving.register_keras_serializable('both')(Block)


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_custom_layers_of_one_form_go_both_ways(saves: str, loads: str, tmp_path: Path) -> None:
    blocks = {name: block_of(kind) for name, kind in BACKENDS.items()}
    model = BACKENDS[saves].Sequential([BACKENDS[saves].Input((4,)), blocks[saves](5, name='block')])
    x = rng.random((3, 4)).astype('float32')
    model.save(tmp_path / 'model.keras')
    kind = BACKENDS[loads]
    other = kind.saving.load_model(tmp_path / 'model.keras', custom_objects={'both>Block': blocks[loads]})
    assert other.layers[-1].size == 5
    np.testing.assert_allclose(np.asarray(other(x)), np.asarray(model(x)), atol=1e-6)
    assert len(model.weights) == 6
