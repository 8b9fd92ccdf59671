"""`.keras` archives, both ways: Keras 3 opens what we save, and we open what Keras 3 saves.

An archive is a zip with `config.json`, `metadata.json` and `model.weights.h5`, and Keras's may have vocabularies.
Reading takes these by name and nothing else, each within a size that is checked before it is unpacked.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hefted.errors import ArchiveError, ArgumentError, MissingFileError
from hefted.saving.hooks import read_assets, write_assets
from hefted.saving.places import layers_by_path
from hefted.saving.weights import read_weights, require_file, weights_bytes, write_aside
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import limited_bytes

_KERAS_FORMAT = '3.15.1'  # the version whose format we write
_MEMBERS = {'config.json': 64 << 20, 'metadata.json': 1 << 20, 'model.weights.h5': 1 << 40}
_MOST_GROWN, _ALWAYS = 16, 64 << 20  # bytes of variables to a byte of weights (others' are squeezed), and besides
_VOCABULARY, _MOST_WORDS = '/vocabulary.txt', 1 << 28  # bytes; words may compress as well as they like below that
_MOST_SQUEEZED = 200  # weights hardly compress: more than so many times is a bomb


def save_model(model: Any, filepath: str | Path, overwrite: bool = True) -> None:
    """Save architecture, weights, optimizer and compile state.

    Args:
        model: Built.
        filepath: Ends in `.keras`.
        overwrite: Whether a file that is there is replaced.

    Raises:
        ArgumentError: Another ending, or the file is there and `overwrite` is False.
        NotBuiltError: The model has no weights yet.
    """
    path = Path(filepath)
    if path.suffix != '.keras':
        raise ArgumentError(f"Expected filepath to end in .keras, received {str(path)!r}. Write '{path.stem}.keras'.")
    buffer = io.BytesIO()
    about = {'keras_version': _KERAS_FORMAT, 'date_saved': time.strftime('%Y-%m-%d@%H:%M:%S')}
    with zipfile.ZipFile(buffer, 'w') as archive:
        archive.writestr('metadata.json', json.dumps(about))
        archive.writestr('config.json', json.dumps(serialize_keras_object(model)))
        archive.writestr('model.weights.h5', weights_bytes(model))
        write_assets(archive, layers_by_path(model))
    write_aside(path, buffer.getvalue(), overwrite)


def load_model(
    filepath: str | Path,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a `.keras` file, or from a folder of `callbacks.OrbaxCheckpoint`.

    Args:
        filepath: Ours or Keras's.
        custom_objects: Users' classes and functions by name, besides those registered.
        compile: Whether to compile it as it was.
        safe_mode: Kept for Keras's sake: no file runs code here, whatever it says.

    Raises:
        ArchiveError: The file is damaged, hostile, or names something that is not known.
        MissingFileError: There is no such file.
    """
    if not safe_mode:
        raise ArgumentError(
            'Expected safe_mode=True: Hefted never runs code from a file. Register the classes instead.'
        )
    path = Path(filepath)
    if path.is_dir():
        from hefted.saving import orbax

        if orbax.is_checkpoint(path):
            return orbax.load_model(path, custom_objects, compile)
    _require_format(path)
    members = read_members(path)
    try:
        config = json.loads(members['config.json'])
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f'config.json in {str(filepath)!r} is not JSON that can be read: {error}.') from error
    if not compile and isinstance(config, dict):
        config.pop('compile_config', None)
    with limited_bytes(_MOST_GROWN * len(members['model.weights.h5']) + _ALWAYS):
        model = made(config, custom_objects, str(filepath))
    if not hasattr(model, 'predict') and not hasattr(model, 'get_encoded_features'):
        raise ArchiveError(f'Expected a model in {str(filepath)!r}, received {type(model).__name__}.')
    read_weights(model, members['model.weights.h5'])
    layers = layers_by_path(model)
    _read_vocabularies(layers, path)
    read_assets(path, layers)
    return model


def _require_format(path: Path) -> None:
    if path.suffix == '.keras' or path.is_file():  # what another ending holds is seen when it is read
        return require_file(path)
    what = 'a folder' if path.is_dir() else 'which is not there'
    raise MissingFileError(
        f'File format not supported: filepath={path}, {what}. Models are read from files that end in .keras, '
        'and from folders of callbacks.OrbaxCheckpoint; weights alone, by load_weights, from '
        '.weights.h5, .keras and .safetensors.'
    )


def _read_vocabularies(by_path: Mapping[str, Any], path: Path) -> None:
    """Give lookups what they learned, which Keras keeps beside the config: `assets/<path of the layer>`."""
    layers = {
        f'assets/{place}{_VOCABULARY}': layer
        for place, layer in by_path.items()
        if hasattr(type(layer), 'load_vocabulary')
    }
    if not layers:
        return
    with zipfile.ZipFile(path) as archive:
        for name in layers.keys() & set(archive.namelist()):
            info = archive.getinfo(name)
            if info.file_size > _MOST_WORDS:
                raise ArchiveError(f'{name} would unpack to {info.file_size} bytes: refused, that is no vocabulary.')
            try:
                layers[name].load_vocabulary(archive.read(info).decode('utf-8').splitlines())
            except ValueError as error:  # not UTF-8, not numbers, a word twice
                raise ArchiveError(f'{name} is no vocabulary of layer {layers[name].name!r}: {error}') from error


def made(config: Any, custom_objects: Mapping[str, Any] | None, filepath: str) -> Any:
    """The model that a config describes; whatever is wrong in it is the file's fault."""
    try:
        return deserialize_keras_object(config, custom_objects)
    except ArchiveError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError) as error:
        raise ArchiveError(f'The config in {filepath!r} does not describe a model: {error}') from error


def read_members(path: Path) -> dict[str, bytes]:
    """The three members of an archive, checked before they are unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _member(archive, name, most) for name, most in _MEMBERS.items()}
    except zipfile.BadZipFile as error:
        raise ArchiveError(
            f'{str(path)!r} is not a .keras archive, which is the only format of models that is read: {error}.'
        ) from error


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ArchiveError(f'The archive has no {name}: it is damaged, or not a .keras file.') from None
    if info.file_size > most or info.file_size > _MOST_SQUEEZED * max(info.compress_size, 1024):
        raise ArchiveError(
            f'{name} would unpack {info.compress_size} bytes to {info.file_size}: refused, that is no model file.'
        )
    return archive.read(info)
