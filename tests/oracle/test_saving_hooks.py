"""What users' classes write and read themselves goes into archives, and comes out of them, as Keras has it."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArchiveError, ArgumentError, ShapeError

LIBRARIES = {'keras': keras, 'hefted': hefted}
WAYS = [(a, b) for a in LIBRARIES for b in LIBRARIES]
X = np.ones((2, 3), 'float32')


def counting(library: Any) -> Any:
    """A layer that keeps a count and a table of its own beside its weights, and words in a file."""

    class Counting(library.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.count, self.words = 0, []
            self.inner = library.layers.Dense(2)

        def build(self, input_shape: Any) -> None:
            self.inner.build(input_shape)
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer='ones', name='factor')
            self.offset = self.add_weight(shape=(2,), initializer='zeros', trainable=False, name='offset')

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs * self.factor) + self.offset

        def save_own_variables(self, store: Any) -> None:
            super().save_own_variables(store)
            store['count'] = np.array(self.count)

        def load_own_variables(self, store: Any) -> None:
            self.count = int(store['count'])
            super().load_own_variables({key: store[key] for key in store.keys() if key != 'count'})  # noqa: SIM118

        def save_assets(self, dir_path: str) -> None:
            Path(dir_path, 'words.txt').write_text('\n'.join(self.words), 'utf-8')
            Path(dir_path, 'deep').mkdir()
            Path(dir_path, 'deep', 'raw.bin').write_bytes(bytes(5))

        def load_assets(self, dir_path: str) -> None:
            self.words = Path(dir_path, 'words.txt').read_text('utf-8').split('\n')
            assert Path(dir_path, 'deep', 'raw.bin').read_bytes() == bytes(5)

    return Counting


def model_of(library: Any) -> Any:
    model = library.Sequential([library.Input((3,)), counting(library)(name='counting'), library.layers.Dense(1)])
    layer = model.layers[0]
    layer.count, layer.words = 41, ['one', 'zwö']
    layer.factor.assign(np.array([1.0, 2.0, 3.0]))
    layer.offset.assign(np.array([5.0, 6.0]))
    return model


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_a_layer_s_own_arrays_and_files_go_both_ways(saves: str, loads: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    model = model_of(LIBRARIES[saves])
    model.save(path)
    cls = counting(LIBRARIES[loads])
    other = LIBRARIES[loads].saving.load_model(path, custom_objects={'Counting': cls})
    assert other.layers[0].count == 41
    assert other.layers[0].words == ['one', 'zwö']
    np.testing.assert_allclose(np.asarray(other(X)), np.asarray(model(X)), rtol=1e-6)


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
@pytest.mark.parametrize('ending', ['.keras', '.weights.h5'])
def test_weights_alone_hold_the_arrays_and_no_files(saves: str, loads: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f'model{ending}'
    model, other = model_of(LIBRARIES[saves]), model_of(LIBRARIES[loads])
    other.layers[0].count, other.layers[0].words = 0, []
    model.save(path) if ending == '.keras' else model.save_weights(path)
    other.load_weights(path)
    assert (other.layers[0].count, other.layers[0].words) == (41, [])
    np.testing.assert_allclose(np.asarray(other(X)), np.asarray(model(X)), rtol=1e-6)


def subclass(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense, self.steps = library.layers.Dense(2), 0

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

        def save_own_variables(self, store: Any) -> None:
            store['steps'] = np.array([self.steps], 'int64')

        def load_own_variables(self, store: Any) -> None:
            self.steps = int(store['steps'][0])

        def save_assets(self, dir_path: str) -> None:
            Path(dir_path, 'of_model').write_text('x')

        def load_assets(self, dir_path: str) -> None:
            self.read = Path(dir_path, 'of_model').read_text()

    return Own


@pytest.mark.parametrize(('saves', 'loads'), WAYS)
def test_a_model_s_own_arrays_and_files_go_both_ways(saves: str, loads: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.keras'
    model = subclass(LIBRARIES[saves])()
    model(X)
    model.steps = 7
    model.save(path)
    other = LIBRARIES[loads].saving.load_model(path, custom_objects={'Own': subclass(LIBRARIES[loads])})
    assert (other.steps, other.read) == (7, 'x')
    np.testing.assert_allclose(np.asarray(other(X)), np.asarray(model(X)), rtol=1e-6)


def test_the_base_hooks_are_keras_s() -> None:
    stores: list[dict[str, Any]] = []
    for library in LIBRARIES.values():
        layer = library.layers.BatchNormalization()
        layer.build((None, 3))
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        stores.append(store)
        layer.load_own_variables({key: np.full(3, int(key), 'float32') for key in store})
        assert [float(np.asarray(v)[0]) for v in layer.weights] == [0, 1, 2, 3]
        with pytest.raises(ValueError, match='expected 4 variables, but received 1'):
            layer.load_own_variables({'0': np.zeros(3)})
        with pytest.raises(ValueError):
            layer.load_own_variables({str(n): np.zeros(2, 'float32') for n in range(4)})
    assert list(stores[0]) == list(stores[1])
    for a, b in zip(stores[0].values(), stores[1].values(), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    with pytest.raises(ShapeError):
        hefted.layers.Dense(2).load_own_variables({'0': np.zeros(3)})


def rewritten(path: Path, **changed: Any) -> Path:
    """The archive with members changed, or added; a tuple is a member with its attributes."""
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, Any] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**parts, **changed}.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(part, tuple):
                part, info.external_attr = part
            archive.writestr(info, part)
    return path


ASSETS = 'assets/layers/counting/'
HOSTILE = {
    'a way out': {f'{ASSETS}../../escape': b'x'},
    'a way to the root': {f'{ASSETS}/escape': b'x'},
    'a drive': {f'{ASSETS}c:escape': b'x'},
    'a link': {f'{ASSETS}link': (b'/etc/passwd', (stat.S_IFLNK | 0o777) << 16)},
    'a bomb': {f'{ASSETS}words.txt': bytes(30 << 20)},
    'a name for a file and a folder': {f'{ASSETS}words.txt/x': b'x'},
}


@pytest.mark.parametrize('what', HOSTILE)
def test_files_that_lead_elsewhere_are_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / 'in' / 'model.keras'
    path.parent.mkdir()
    model_of(hefted).save(path)
    rewritten(path, **HOSTILE[what])
    with pytest.raises(ArchiveError):
        hefted.saving.load_model(path, custom_objects={'Counting': counting(hefted)})
    assert [p.name for p in tmp_path.rglob('*')] == ['in', 'model.keras']


def put(file: Any, value: Any) -> None:
    del file['layers/counting/vars/count']
    file['layers/counting/vars/count'] = value


CHANGES = {
    'a link': lambda file: put(file, h5py.SoftLink('/layers/dense/vars/0')),
    'an external link': lambda file: put(file, h5py.ExternalLink('/etc/passwd', '/x')),
    'words': lambda file: put(file, np.array([b'words'])),
    'a group': lambda file: file.create_group('layers/counting/vars/more'),
    'a huge shape': lambda file: file.create_dataset(
        'layers/counting/vars/far', shape=(1 << 24, 1 << 24), dtype='float32', chunks=(64, 64)
    ),
    'nothing for the hook': lambda file: file.__delitem__('layers/counting/vars/count'),
}


@pytest.mark.parametrize('what', CHANGES)
def test_a_hook_is_given_plain_numbers_or_nothing_is_set(what: str, tmp_path: Path) -> None:
    path = tmp_path / 'model.weights.h5'
    model_of(hefted).save_weights(path)
    buffer = io.BytesIO(path.read_bytes())
    with h5py.File(buffer, 'r+') as file:
        CHANGES[what](file)
    path.write_bytes(buffer.getvalue())
    model = model_of(hefted)
    before = model.get_weights()
    with pytest.raises(ArchiveError):
        model.load_weights(path)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(('key', 'value'), [('a/b', 1), ('..', 1), (3, 1), ('words', 'text'), ('things', [object()])])
def test_what_no_file_can_hold_is_told_when_it_is_saved(key: Any, value: Any, tmp_path: Path) -> None:
    class Odd(hefted.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

        def save_own_variables(self, store: Any) -> None:
            store[key] = value

    model = hefted.Sequential([hefted.Input((2,)), Odd(name='odd')])
    with pytest.raises(ArgumentError, match='odd'):
        model.save(tmp_path / 'model.keras')
    assert list(tmp_path.iterdir()) == []
