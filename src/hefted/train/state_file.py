r"""One file that holds a training's state: numbers, strings and arrays, written whole or not at all.

    16 bytes    b'hefted state 1\n\0'
    32 bytes    BLAKE2b of all that follows
     8 bytes    the manifest's length
    manifest    JSON: the structure, arrays by number, and each array's dtype and shape
    arrays      their bytes, one after another

Nothing in it is code or names any: reading makes plain values and arrays, no larger than the file itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from hefted.errors import ArchiveError, ArgumentError

_MAGIC = b'hefted state 1\n\0'
_HEAD = len(_MAGIC) + 32 + 8
_DTYPES = {
    name: np.dtype(name)
    for name in (
        'bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float16', 'float32',
        'float64', 'complex64', 'complex128',
    )
} | {name: np.dtype(getattr(ml_dtypes, name)) for name in ('bfloat16', 'float8_e4m3fn', 'float8_e5m2')}  # fmt: skip


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of a name that a file may have.

    Raises:
        KeyError: None.

    Example:
        >>> dtype_of('bfloat16').itemsize
        2
    """
    return _DTYPES[name]


def write(path: Path, value: Any, keep: Path | None = None) -> None:
    """Write a structure aside, to the disk itself, and put it in place of what was there.

    Args:
        path: Where.
        value: Dicts with string keys, lists, strings, numbers, booleans, None and arrays, nested at will.
        keep: Where what was there goes first; it is dropped if None.

    Raises:
        ArgumentError: Something else is in it.
        OSError: The disk is full or cannot be written; what was there is still there.
    """
    manifest, arrays = _parts(value)
    aside = path.with_name(f'.{path.name}.tmp')  # what a killed process left half written is written over
    try:
        with aside.open('wb') as file:
            file.write(bytes(_HEAD))
            digest = hashlib.blake2b(digest_size=32)
            for part in (manifest, *map(_raw, arrays)):
                digest.update(part)
                file.write(part)
            file.seek(0)
            file.write(_MAGIC + digest.digest() + len(manifest).to_bytes(8, 'little'))
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            _keep(path, keep)
        aside.replace(path)
        _sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def to_bytes(value: Any) -> bytes:
    """A small structure as `write` takes it, to be sent to another process of the same training.

    Example:
        >>> from_bytes(to_bytes({'rows': np.arange(3), 'epoch': 2}))
        {'rows': array([0, 1, 2]), 'epoch': 2}
    """
    manifest, arrays = _parts(value)
    return b''.join([len(manifest).to_bytes(8, 'little'), manifest, *map(_raw, arrays)])


def from_bytes(blob: bytes) -> Any:
    """The structure that `to_bytes` was given, arrays as NumPy's."""
    at = 8 + int.from_bytes(blob[:8], 'little')
    manifest = json.loads(blob[8:at])
    arrays: list[Any] = []
    for name, shape in manifest['arrays']:
        arrays.append(np.frombuffer(blob, _DTYPES[name], math.prod(shape), at).reshape(shape).copy())
        at += arrays[-1].nbytes
    return _unpacked(manifest['value'], arrays)


def _parts(value: Any) -> tuple[bytes, list[np.ndarray[Any, Any]]]:
    """The manifest, and the arrays behind it."""
    arrays: list[np.ndarray[Any, Any]] = []
    structure = _packed(value, arrays)
    kinds = [[array.dtype.name, array.shape] for array in arrays]
    return json.dumps({'value': structure, 'arrays': kinds}).encode(), arrays


def _raw(array: np.ndarray[Any, Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _keep(path: Path, keep: Path) -> None:
    """Give a file's content a second name, so that there is no instant without the first."""
    second = keep.with_name(f'.{keep.name}.tmp')
    second.unlink(missing_ok=True)  # a killed process's
    try:
        os.link(path, second)
        second.replace(keep)
    except OSError:  # a file system without links
        path.replace(keep)
    finally:
        second.unlink(missing_ok=True)


def read(path: Path) -> Any:
    """The structure that `write` wrote, arrays as NumPy's.

    Raises:
        ArchiveError: The file is damaged, cut short, or something else.
    """
    if not path.is_file():
        raise ArchiveError(f'Expected a file at {str(path)!r}.')
    with path.open('rb') as file:
        return _read(file, path)


def look(path: Path) -> Any:
    """The structure of a file with None for each array, without reading or checking those.

    Raises:
        ArchiveError: The file is no state, or cut short.
    """
    with path.open('rb') as file:
        head = file.read(_HEAD)
        length = int.from_bytes(head[-8:], 'little')
        if len(head) < _HEAD or not head.startswith(_MAGIC) or length > os.fstat(file.fileno()).st_size:
            raise ArchiveError(f'{str(path)!r} is no state of a training, or cut short.')
        try:
            manifest = json.loads(file.read(length))
            return _unpacked(manifest['value'], [None] * len(manifest['arrays']))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ArchiveError(f'{str(path)!r} is damaged: its list of contents cannot be read.') from error


def _read(file: BinaryIO, path: Path) -> Any:
    size = os.fstat(file.fileno()).st_size
    head = file.read(_HEAD)
    length = int.from_bytes(head[-8:], 'little')
    if len(head) < _HEAD or not head.startswith(_MAGIC) or length > size - _HEAD:
        raise ArchiveError(f'{str(path)!r} is no state of a training, or cut short.')
    blob = file.read(length)
    digest = hashlib.blake2b(blob, digest_size=32)
    try:
        manifest = json.loads(blob)
        kinds = [(_DTYPES[name], tuple(int(n) for n in shape)) for name, shape in manifest['arrays']]
        value = manifest['value']
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArchiveError(f'{str(path)!r} is damaged: its list of contents cannot be read.') from error
    # The sizes must add up to the file's before anything of such a size is made.
    if any(n < 0 for _, shape in kinds for n in shape) or _HEAD + length + _bytes(kinds) != size:
        raise ArchiveError(f'{str(path)!r} is damaged: its arrays do not add up to its size.')
    arrays: list[Any] = []
    for dtype, shape in kinds:
        raw = np.fromfile(file, np.uint8, math.prod(shape) * dtype.itemsize)
        digest.update(raw.data)
        arrays.append(raw)
    if digest.digest() != head[len(_MAGIC) : -8]:
        raise ArchiveError(f'{str(path)!r} is damaged: its checksum is not that of its contents.')
    filled = [raw.view(dtype).reshape(shape) for raw, (dtype, shape) in zip(arrays, kinds, strict=True)]
    try:
        return _unpacked(value, filled)
    except (LookupError, TypeError, RecursionError) as error:
        raise ArchiveError(f'{str(path)!r} is damaged: its structure makes no sense.') from error


def _bytes(kinds: list[tuple[Any, tuple[int, ...]]]) -> int:
    return sum(math.prod(shape) * dtype.itemsize for dtype, shape in kinds)


def _packed(value: Any, arrays: list[Any]) -> Any:
    """The structure as JSON can hold it; its arrays go into the list."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ArgumentError(f'Expected the names in a state to be strings, received {list(value)!r}.')
        return {'dict': {name: _packed(part, arrays) for name, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_packed(part, arrays) for part in value]
    array = np.asarray(value)
    if array.dtype.name not in _DTYPES:
        raise ArgumentError(
            'Expected a state to be made of dicts, lists, strings, numbers, None and arrays of numbers, '
            f'received {type(value).__name__}: {value!r}.'
        )
    arrays.append(array)
    return {'array': len(arrays) - 1}


def _unpacked(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    if isinstance(value, dict):
        if 'array' in value:
            return arrays[value['array']]
        return {name: _unpacked(part, arrays) for name, part in value['dict'].items()}
    return value


def _sync_folder(folder: Path) -> None:
    """Make a renaming last, where the system can."""
    if not hasattr(os, 'O_DIRECTORY'):
        return
    with suppress(OSError):  # some network file systems refuse, and rename for good at once
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
