"""`load_weights(skip_mismatch=True)` loads what fits, warns of the rest and takes Keras's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArchiveError

LIBRARIES = {'keras': keras, 'hefted': hefted}
ENDINGS = ['.weights.h5', '.keras']


def model_of(library: Any, last: int = 2, bias: bool = True, more: bool = False) -> Any:
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((3,)),
            layers.Dense(4, name='first'),
            layers.BatchNormalization(name='norm'),
            layers.Dense(4, use_bias=bias, name='middle'),
            layers.Dense(last, name='last'),
            *([layers.EinsumDense('ab,bc->ac', 2)] if more else []),
        ]
    )
    model.set_weights([np.full(v.shape, 0.5 + n, 'float32') for n, v in enumerate(model.weights)])
    return model


def zeroed(model: Any) -> Any:
    model.set_weights([np.zeros(v.shape, 'float32') for v in model.weights])
    return model


OTHERS = {
    'another last layer': {'last': 5},
    'no bias': {'bias': False},
    'one more layer': {'more': True},
    'all three': {'last': 5, 'bias': False, 'more': True},
}


@pytest.mark.parametrize('ending', ENDINGS)
@pytest.mark.parametrize('what', OTHERS)
def test_what_fits_is_loaded_and_the_rest_is_told(what: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f'model{ending}'
    saved = model_of(keras)
    saved.save(path) if ending == '.keras' else saved.save_weights(path)
    found = {}
    for name, library in LIBRARIES.items():
        model = zeroed(model_of(library, **OTHERS[what]))
        with pytest.raises(ValueError):
            model.load_weights(path)
        model = zeroed(model_of(library, **OTHERS[what]))
        with pytest.warns(UserWarning, match=r'A total of \d objects could not be loaded') as told:
            model.load_weights(path, skip_mismatch=True)
        found[name] = model.get_weights(), str(told[0].message)[:32]
    assert found['hefted'][1] == found['keras'][1]
    for a, b in zip(found['hefted'][0], found['keras'][0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_is_set_where_a_file_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / 'model.weights.h5'
    model_of(hefted).save_weights(path)
    model = zeroed(model_of(hefted, last=5))
    with pytest.raises(ArchiveError):
        model.load_weights(path)
    assert not any(value.any() for value in model.get_weights())


def test_safetensors_of_another_model_are_loaded_where_they_fit(tmp_path: Path) -> None:
    path = tmp_path / 'model.safetensors'
    saved = model_of(hefted)
    saved.save_weights(path)
    model = zeroed(model_of(hefted, last=5, more=True))
    with pytest.raises(ArchiveError):
        model.load_weights(path)
    with pytest.warns(UserWarning, match='A total of 2 objects'):
        model.load_weights(path, skip_mismatch=True)
    for layer, other in zip(model.layers, saved.layers, strict=False):
        for a, b in zip(layer.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, np.zeros_like(a) if layer.name == 'last' else b)


def test_an_optimizer_of_other_weights_keeps_its_own_state(tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    x = np.ones((8, 3), 'float32')
    saved, model = model_of(hefted), model_of(hefted, last=5)
    for each in (saved, model):
        each.compile('adam', 'mse')
        each.fit(x, np.ones((8, each.layers[-1].units)), verbose=0, meter=None)
    saved.save(path)
    before = [np.asarray(v) for v in model.optimizer.variables]
    with pytest.warns(UserWarning, match='could not be loaded'):
        model.load_weights(path, skip_mismatch=True)
    for a, b in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)


@pytest.mark.parametrize('ending', ENDINGS)
def test_arguments_are_keras_s(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f'model{ending}'
    model = model_of(keras)
    model.save(path) if ending == '.keras' else model.save_weights(path)
    for library in LIBRARIES.values():
        model = zeroed(model_of(library))
        with pytest.raises(ValueError, match='by_name'):
            model.load_weights(path, by_name=True)
        with pytest.raises(ValueError):
            model.load_weights(tmp_path / 'weights.txt')
        left_out = {'objects_to_skip': [model.layers[0]]}
        if ending == '.keras':
            with pytest.raises(ValueError, match='objects_to_skip'):
                model.load_weights(path, **left_out)
            continue
        model.load_weights(path, False, **left_out)
        assert [bool(v.any()) for v in model.get_weights()] == [False] * 2 + [True] * 8


def test_weights_are_saved_with_keras_s_arguments(tmp_path: Path) -> None:
    path = tmp_path / 'model.weights.h5'
    model = model_of(hefted)
    model.save_weights(path, overwrite=True, max_shard_size=None)
    with pytest.raises(ValueError, match='max_shard_size'):
        model.save_weights(tmp_path / 'model.weights.json', max_shard_size=1)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize('name', ['none.keras', 'none.weights.h5', 'none.safetensors'])
def test_a_missing_file_is_both_kinds_of_error(name: str, tmp_path: Path) -> None:
    for error in (ValueError, FileNotFoundError):
        with pytest.raises(error, match='File not found'):
            model_of(hefted).load_weights(tmp_path / name)


def test_a_missing_model_is_both_kinds_of_error(tmp_path: Path) -> None:
    for library in LIBRARIES.values():
        with pytest.raises(ValueError, match='File not found: filepath='):
            library.saving.load_model(tmp_path / 'none.keras')
        with pytest.raises(ValueError, match=r'File format not supported: filepath=.*keras'):
            library.saving.load_model(tmp_path / 'noext')
    for name in ('none.keras', 'noext', ''):
        with pytest.raises(FileNotFoundError):
            hefted.saving.load_model(tmp_path / name)
