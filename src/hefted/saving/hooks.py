"""What users' classes write and read themselves: `save_own_variables`, `save_assets` and their counterparts.

A hook that writes fills a plain dict of arrays, or a folder; one that reads is given a dict of arrays, or a folder of
files, that were checked before.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hefted.errors import ArchiveError, ArgumentError

_ASSETS = 'assets'
_MOST_SQUEEZED = 200  # as of other members: more is a bomb


def overrides(owner: Any, hook: str) -> bool:
    """Whether a user's class says itself how something is written or read: the libraries' own ways are known here."""
    cls = next((cls for cls in type(owner).__mro__ if hook in vars(cls)), None)
    return cls is not None and cls.__module__.partition('.')[0] not in ('hefted', 'keras')


def own_variables(owner: Any) -> dict[str, Any]:
    """What `save_own_variables` puts into the store, as arrays.

    Raises:
        ArgumentError: A key or a value that no file can hold.
    """
    store: dict[Any, Any] = {}
    owner.save_own_variables(store)
    return {_checked_key(owner, key): _checked_array(owner, key, value) for key, value in store.items()}


def _checked_key(owner: Any, key: Any) -> str:
    if not isinstance(key, str) or key in ('', '.', '..') or '/' in key or '\0' in key:
        raise ArgumentError(
            f"Expected the keys of save_own_variables of {owner.name!r} to be words without '/', received {key!r}."
        )
    return key


def _checked_array(owner: Any, key: str, value: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in 'biuf' and array.dtype.name != 'bfloat16':
        raise ArgumentError(
            f'Expected numbers for {key!r} in save_own_variables of {owner.name!r}, received {array.dtype}. Write '
            'anything else to a file in save_assets.'
        )
    return array


def load_own_variables(owner: Any, store: Mapping[str, Any]) -> None:
    """Give a layer what its file holds; whatever goes wrong in its hook is told with the layer's name."""
    try:
        owner.load_own_variables(dict(store))
    except Exception as error:
        raise ArchiveError(
            f'load_own_variables of {type(owner).__name__} {owner.name!r} cannot take what the file holds for it '
            f'({", ".join(store) or "nothing"}): {error}'
        ) from error


# Files beside the config


def write_assets(archive: zipfile.ZipFile, layers: Mapping[str, Any]) -> None:
    """Put the files that layers save into an archive: `assets/<path of the layer>/…`, as Keras does.

    Raises:
        ArgumentError: A layer left a link.
    """
    for place, layer in layers.items():
        if overrides(layer, 'save_assets'):
            with tempfile.TemporaryDirectory() as folder:
                layer.save_assets(folder)
                for file in sorted(Path(folder).rglob('*')):
                    if file.is_symlink():
                        raise ArgumentError(f'Expected plain files from save_assets of {layer.name!r}, found a link.')
                    if file.is_file():
                        archive.write(file, str(_below(place) / file.relative_to(folder).as_posix()))


def read_assets(path: Path, layers: Mapping[str, Any]) -> None:
    """Give layers the files that they saved, each in a folder that is gone afterwards.

    Raises:
        ArchiveError: A name that leads elsewhere, a link, a bomb, or a hook that fails.
    """
    readers = {place: layer for place, layer in layers.items() if overrides(layer, 'load_assets')}
    if not readers:
        return
    with zipfile.ZipFile(path) as archive:
        for place, layer in readers.items():
            members = _members(archive, f'{_below(place)}/', path.stat().st_size)
            if members:
                _give(archive, members, layer)


def _below(place: str) -> PurePosixPath:
    return PurePosixPath(_ASSETS, place)


def _members(archive: zipfile.ZipFile, prefix: str, size: int) -> dict[str, zipfile.ZipInfo]:
    """The files of a folder in an archive by their path in it, checked before they are unpacked."""
    found = {
        info.filename[len(prefix) :]: info
        for info in archive.infolist()
        if info.filename.startswith(prefix) and not info.filename.endswith('/')
    }
    for name, info in found.items():
        if not all(map(_is_plain, name.split('/'))) or stat.S_ISLNK(info.external_attr >> 16):
            raise ArchiveError(f'The archive holds {info.filename!r}, which leads out of its folder: refused.')
        _require_no_bomb(info.filename, info.file_size, max(info.compress_size, 1024))
    # Together too: members may lie on top of each other.
    _require_no_bomb(prefix, sum(info.file_size for info in found.values()), size)
    return found


def _is_plain(part: str) -> bool:
    return part not in ('', '.', '..') and not any(sign in part for sign in '\\:\0')


def _require_no_bomb(name: str, unpacked: int, packed: int) -> None:
    if unpacked > _MOST_SQUEEZED * packed:
        raise ArchiveError(f'{name} would unpack {packed} bytes to {unpacked}: refused, that is no model file.')


def _give(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], layer: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, info in members.items():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open('xb') as file:
                    shutil.copyfileobj(source, file)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ArchiveError(f'The files of {layer.name!r} in the archive cannot be unpacked: {error}') from error
        try:
            layer.load_assets(folder)
        except Exception as error:
            raise ArchiveError(
                f'load_assets of {type(layer).__name__} {layer.name!r} cannot take the files {sorted(members)}: {error}'
            ) from error
