"""`get_file`: a file from an address, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
import zipfile
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO

from hefted import settings
from hefted.errors import ArgumentError, DataError, unknown_name
from hefted.utils import traffic
from hefted.utils.progbar import Progbar

_SECONDS = 30.0  # of silence, before a server is given up
_CHUNK = 1 << 16
_SHA256_DIGITS = 64
_HASHES = ('auto', 'sha256', 'md5')
_ARCHIVES = ('tar', 'zip')


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = 'datasets',
    hash_algorithm: str = 'auto',
    extract: bool = False,
    archive_format: str | Iterable[str] | None = 'auto',
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file, downloaded if it is not in the cache yet.

    What has the file's name is whole and, where a hash is given, right: it is written beside, checked, then renamed.

    Args:
        fname: Its name in the cache; None is that of the address. With `extract`, a name without a dot is the folder's.
        origin: An address: https, http or file.
        untar: As `extract`, for tar archives alone.
        md5_hash: MD5 of the file in hexadecimal; `file_hash` is the newer name.
        file_hash: SHA-256 or MD5 of the file in hexadecimal; None takes what comes.
        cache_subdir: The folder within the cache.
        hash_algorithm: 'sha256', 'md5', or 'auto' by the hash's length.
        extract: Whether the file is an archive, to be unpacked.
        archive_format: 'tar' (also compressed), 'zip', a list of these, 'auto' for both, None for neither.
        cache_dir: The cache; None is `HEFTED_CACHE_DIR` or the user's cache folder.
        force_download: Whether it is downloaded in any case.

    Returns:
        The file's path, or with `extract` the folder's.

    Raises:
        ArgumentError: An argument is wrong.
        DataError: Nothing comes, or not what was expected, or an archive that would write outside its folder.
    """
    if origin is None:
        raise ArgumentError('Expected origin to be an address, received None. Say where the file comes from.')
    if hash_algorithm not in _HASHES:
        raise unknown_name('hash_algorithm', hash_algorithm, _HASHES)
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, 'md5'
    folder = (settings.cache_folder() if cache_dir is None else Path(cache_dir).expanduser()) / cache_subdir
    target, unpacked = _places(folder, _name(fname, origin), fname is not None, extract or untar)
    fresh = force_download or not _is_right(target, file_hash, hash_algorithm)
    if fresh:
        _download(origin, target, file_hash, hash_algorithm)
    if unpacked is None:
        return str(target)
    formats = _formats('tar' if untar else archive_format)
    if (fresh or not unpacked.exists()) and not _unpack(target, unpacked, formats):
        warnings.warn(f'{target.name} is no archive of {formats}: it was not unpacked.', stacklevel=2)
    return str(unpacked)


def _name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    name = os.fspath(fname) if fname else PurePosixPath(urllib.parse.urlsplit(origin).path).name
    if not name or name in ('.', '..') or any(mark in name for mark in ('/', os.sep)):
        raise ArgumentError(
            f'Expected fname to be the name of a file, without folders, received {name!r} (origin={origin!r}). '
            'Say the folder as cache_dir and cache_subdir.'
        )
    return name


def _places(folder: Path, name: str, given: bool, archive: bool) -> tuple[Path, Path | None]:
    """Where the file is kept, and the folder into which it is unpacked."""
    if not archive:
        return folder / name, None
    if given and '.' in name:
        return folder / name, folder / f'{name[: name.index(".")]}_extracted'
    return folder / f'{name}_archive', folder / name


def _formats(archive_format: str | Iterable[str] | None) -> tuple[str, ...]:
    if archive_format is None or archive_format == 'auto':
        return _ARCHIVES if archive_format else ()
    formats = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format)
    for one in formats:
        if one not in _ARCHIVES:
            raise unknown_name('archive_format', one, (*_ARCHIVES, 'auto'))
    return formats


def _is_right(path: Path, digest: str | None, algorithm: str) -> bool:
    return path.is_file() and (digest is None or _digest(path, digest, algorithm) == digest.lower())


def _digest(path: Path, expected: str, algorithm: str) -> str:
    """The hash of a file, by the algorithm of the one that is expected."""
    long = algorithm == 'sha256' or (algorithm == 'auto' and len(expected) == _SHA256_DIGITS)
    with path.open('rb') as content:
        return hashlib.file_digest(content, 'sha256' if long else 'md5').hexdigest()


def _download(origin: str, target: Path, digest: str | None, algorithm: str) -> None:
    if urllib.parse.urlsplit(origin).scheme not in ('https', 'http', 'file'):
        raise ArgumentError(f'Expected origin to start with https://, http:// or file://, received {origin!r}.')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, suffix='.part', delete=False) as part:
        beside = Path(part.name)
        try:
            _receive(origin, part)
            part.close()
            if digest is not None and (found := _digest(beside, digest, algorithm)) != digest.lower():
                raise DataError(
                    f'{origin}: expected a file of hash {digest}, received one of {found}. It was not kept: it is '
                    'incomplete, or not the file that was meant.'
                )
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _receive(origin: str, part: IO[bytes]) -> None:
    try:
        with urllib.request.urlopen(origin, timeout=_SECONDS) as response:
            length = response.headers.get('Content-Length')
            expected = int(length) if length is not None else None
            bar = Progbar(expected, unit_name='byte')
            remote = urllib.parse.urlsplit(origin).scheme != 'file'
            while chunk := response.read(_CHUNK):
                if remote:
                    traffic.received(len(chunk))
                part.write(chunk)
                bar.update(part.tell(), finalize=part.tell() == expected)
            if expected is None:
                bar.update(part.tell(), finalize=True)
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise DataError(f'{origin} could not be downloaded: {error}.') from error
    if expected is not None and part.tell() != expected:
        raise DataError(f'{origin}: expected {expected} bytes, received {part.tell()}. Try again.')


def _unpack(archive: Path, folder: Path, formats: tuple[str, ...]) -> bool:
    """Unpack it beside, then put it in its place: a folder is whole or is not there. False if it is no archive."""
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=folder.name) as name:
        beside = Path(name) / 'content'
        beside.mkdir()
        try:
            if 'tar' in formats and tarfile.is_tarfile(archive):
                with tarfile.open(archive) as content:
                    _extract(content, beside)
            elif 'zip' in formats and zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as content:
                    _refuse_ways_out(content.namelist(), beside)
                    content.extractall(beside)
            else:
                return False
        except (tarfile.TarError, zipfile.BadZipFile, RuntimeError, OSError, EOFError) as error:
            raise DataError(f'{archive.name} could not be unpacked: {error}. Nothing of it was kept.') from error
        if folder.exists():
            shutil.copytree(beside, folder, symlinks=True, dirs_exist_ok=True)
        else:
            beside.replace(folder)
    return True


def _extract(content: tarfile.TarFile, folder: Path) -> None:
    if hasattr(tarfile, 'data_filter'):
        content.extractall(folder, filter='data')  # which refuses all that would lead outside
        return
    for member in content:  # Python before 3.11.4, which Debian 12 has
        if not (member.isfile() or member.isdir()):
            raise DataError(f'Expected files and folders alone, received {member.name!r}; Python 3.11.4 takes links.')
        _refuse_ways_out([member.name], folder)
        content.extract(member, folder, set_attrs=False)


def _refuse_ways_out(names: Iterable[str], folder: Path) -> None:
    root = folder.resolve()
    for name in names:
        if not (root / name).resolve().is_relative_to(root):
            raise DataError(f'Expected an archive whose files stay in its folder, received one with {name!r}.')
