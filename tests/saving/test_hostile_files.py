"""Damaged and hostile files are refused with `ArchiveError`, run nothing and change nothing."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hefted import Input, Sequential, layers
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError
from hefted.saving import custom_object_scope, load_model, register_keras_serializable


def small() -> Sequential:
    return Sequential([Input((3,)), layers.Dense(4, name='first'), layers.Dense(2, name='second')], name='model')


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / 'model.keras'
    small().save(path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, 'w', compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def with_weights(path: Path, change: Callable[[h5py.File], None]) -> Path:
    """The archive with its HDF5 file changed."""
    parts = members(path)
    buffer = io.BytesIO(parts['model.weights.h5'])
    with h5py.File(buffer, 'r+') as file:
        change(file)
    return write(path, {**parts, 'model.weights.h5': buffer.getvalue()})


def with_config(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The archive with its config changed."""
    parts = members(path)
    config = json.loads(parts['config.json'])
    config = change(config) or config
    return write(path, {**parts, 'config.json': json.dumps(config).encode()})


KERNEL = 'layers/dense/vars/0'


def replace(file: h5py.File, what: Any) -> None:
    del file[KERNEL]
    file[KERNEL] = what


def far_shape(file: h5py.File) -> None:
    """A dataset that says it holds a petabyte and stores nothing of it."""
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(1 << 24, 1 << 24), dtype='float32', chunks=(64, 64))


def external_storage(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(3, 4), dtype='float32', external=[('/etc/passwd', 0, 48)])


def virtual(file: h5py.File) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout(shape=(3, 4), dtype='float32')
    layout[:] = h5py.VirtualSource('/etc/passwd', 'x', shape=(3, 4))
    file.create_virtual_dataset(KERNEL, layout)


def ragged(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(3, 4), dtype=h5py.vlen_dtype(np.dtype('float32')))


def grouped(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_group(KERNEL)


def linked(file: h5py.File) -> None:
    del file['layers/dense']
    file['layers/dense'] = h5py.ExternalLink('/etc/passwd', '/x')


def swapped(file: h5py.File) -> None:
    del file['layers/dense']
    file['layers/dense'] = 1


CHANGES: dict[str, Callable[[h5py.File], None]] = {
    'an external link': lambda file: replace(file, h5py.ExternalLink('/etc/passwd', '/x')),
    'an external link to a group': linked,
    'a soft link': lambda file: replace(file, h5py.SoftLink('/layers/dense_1/vars/0')),
    'a dangling soft link': lambda file: replace(file, h5py.SoftLink('/nowhere')),
    'a huge shape': far_shape,
    'a wrong shape': lambda file: replace(file, np.zeros((4, 3), 'float32')),
    'a shape that would broadcast': lambda file: replace(file, np.zeros((1, 4), 'float32')),
    'text': lambda file: replace(file, np.array([[b'a'] * 4] * 3)),
    'ragged rows': ragged,
    'a compound type': lambda file: replace(file, np.zeros((3, 4), np.dtype([('a', 'f4'), ('b', 'f4')]))),
    'complex numbers': lambda file: replace(file, np.zeros((3, 4), 'complex64')),
    'external storage': external_storage,
    'virtual storage': virtual,
    'a group in place of numbers': grouped,
    'numbers in place of a group': swapped,
    'nothing': lambda file: file.__delitem__('layers'),
}  # fmt: skip


@pytest.mark.parametrize('what', CHANGES)
def test_weights_with_something_else_in_them_are_refused_and_nothing_is_set(what: str, saved: Path) -> None:
    with_weights(saved, lambda file: CHANGES[what](file))
    with pytest.raises(ArchiveError):
        load_model(saved)
    model = small()
    before = model.get_weights()
    with pytest.raises(ArchiveError):
        model.load_weights(saved)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_names_that_lead_out_of_the_archive_are_never_unpacked(saved: Path) -> None:
    parts = {'../escape.txt': b'x', f'{saved.parent.parent}/escape.txt': b'x', 'C:\\escape.txt': b'x', **members(saved)}
    load_model(write(saved, parts))
    assert sorted(p.name for p in saved.parent.iterdir()) == ['model.keras']
    assert not (saved.parent.parent / 'escape.txt').exists()


@pytest.mark.parametrize('name', ['config.json', 'metadata.json', 'model.weights.h5'])
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, saved: Path) -> None:
    parts = {**members(saved), name: bytes(70 << 20)}
    with pytest.raises(ArchiveError, match=name):
        load_model(write(saved, parts, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize('name', ['config.json', 'model.weights.h5'])
def test_an_archive_without_a_member_is_refused(name: str, saved: Path) -> None:
    parts = members(saved)
    del parts[name]
    with pytest.raises(ArchiveError, match=name):
        load_model(write(saved, parts))


def test_an_archive_cut_or_flipped_anywhere_is_refused_or_whole(saved: Path) -> None:
    whole = saved.read_bytes()
    wanted = load_model(saved).get_weights()
    rng = np.random.default_rng(0)
    for cut in (0, 1, 4, 100, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:cut])
        with pytest.raises(ArchiveError):
            load_model(saved)
    for at in rng.integers(0, len(whole), 60):
        flipped = bytearray(whole)
        flipped[at] ^= int(rng.integers(1, 256))
        saved.write_bytes(bytes(flipped))
        try:
            found = load_model(saved).get_weights()
        except ArchiveError:
            continue
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_weights_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.weights.h5'
    model = small()
    for blob in (b'', b'hello', os.urandom(4000)):
        path.write_bytes(blob)
        with pytest.raises(ArchiveError):
            model.load_weights(path)


def layer_config(**changed: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config['config']['layers'][1].update(changed)


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    'os.system': layer_config(module='os', class_name='system', config={'command': 'touch run'}),
    'os.system as a function': layer_config(
        module='builtins', class_name='function', config='system', registered_name='function'
    ),
    'subprocess in a room of ours': layer_config(module='hefted.host', class_name='subprocess', config={}),
    'a private module of Keras': layer_config(module='keras.src.utils.python_utils', class_name='func_load', config={}),
    'an unknown class': layer_config(class_name='Unheard', registered_name=None),
    'a loader as a class': layer_config(module='keras.layers', class_name='deserialize', config={}),
    'a name that is no string': layer_config(class_name=['Dense']),
    'a lambda': lambda config: config['config']['layers'][1]['config'].update(
        activation={'class_name': '__lambda__', 'config': {'value': 'aGk='}}
    ),
    'an unknown argument': lambda config: config['config']['layers'][1]['config'].update(evil=1),
    'a missing argument': lambda config: config['config']['layers'][1]['config'].pop('units'),
    'a wrong argument': lambda config: config['config']['layers'][1]['config'].update(units=-4),
    'huge units': lambda config: config['config']['layers'][1]['config'].update(units=1 << 50),
    'layers that are no list': lambda config: config['config'].update(layers=7),
    'no layers': lambda config: config['config'].pop('layers'),
    'a layer that is text': lambda config: config['config']['layers'].__setitem__(1, 'Dense'),
    'no model': lambda config: config['config']['layers'][1],
    'a list': lambda config: [1, 2],
    'a string': lambda config: 'hello',
    'unknown loss': lambda config: config.update(compile_config={'optimizer': 'adam', 'loss': 'system'}),
    'compile config of another kind': lambda config: config.update(compile_config=[1]),
    'a dtype that is none': lambda config: config['config']['layers'][1]['config'].update(dtype='object'),
}  # fmt: skip


@pytest.mark.parametrize('what', HOSTILE)
def test_a_config_that_names_what_it_should_not_is_refused(
    what: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    with pytest.raises(ArchiveError):
        load_model(with_config(saved, HOSTILE[what]))
    assert not Path('run').exists()


def test_a_config_of_endless_depth_is_refused(saved: Path) -> None:
    parts = {**members(saved), 'config.json': b'[' * 100_000 + b']' * 100_000}
    with pytest.raises(ArchiveError):
        load_model(write(saved, parts))


def test_code_from_a_file_is_refused_whatever_the_caller_says(saved: Path) -> None:
    with pytest.raises(ArgumentError, match='safe_mode'):
        load_model(saved, safe_mode=False)


def test_a_lambda_cannot_be_saved_and_the_old_file_stays(saved: Path) -> None:
    before = saved.read_bytes()
    model = Sequential([Input((3,)), layers.Activation(lambda x: x * 2)])
    with pytest.raises(ArgumentError, match='lambda'):
        model.save(saved)
    assert saved.read_bytes() == before


@register_keras_serializable('hostile tests')
class Doubles(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs * 2


def test_a_registered_class_is_found_and_an_unregistered_one_by_custom_objects(tmp_path: Path) -> None:
    class Thrice(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 3

    path = tmp_path / 'own.keras'
    Sequential([Input((2,)), Doubles(), Thrice()]).save(path)
    with pytest.raises(ArchiveError, match=r'Thrice.*custom_objects'):
        load_model(path)
    x = np.ones((1, 2), 'float32')
    np.testing.assert_array_equal(load_model(path, custom_objects={'Thrice': Thrice})(x), x * 6)
    with custom_object_scope({'Thrice': Thrice}):
        np.testing.assert_array_equal(load_model(path)(x), x * 6)
    with pytest.raises(ArchiveError, match='Thrice'):
        load_model(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / 'none.keras', tmp_path / 'none.weights.h5'):
        with pytest.raises(FileNotFoundError, match='none'):
            load_model(path) if path.suffix == '.keras' else small().load_weights(path)


def test_endings_and_unbuilt_models_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r'\.keras'):
        small().save(tmp_path / 'model.h5')
    with pytest.raises(ArgumentError, match=r'\.weights\.h5'):
        small().save_weights(tmp_path / 'model.h5')
    unbuilt = Sequential([layers.Dense(2)])
    with pytest.raises(NotBuiltError):
        unbuilt.save_weights(tmp_path / 'model.weights.h5')
    assert list(tmp_path.iterdir()) == []
