"""One file from an https address: checked, then renamed, so that what has its name is whole and right."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import IO

from hefted.errors import ArgumentError, DataError
from hefted.utils import traffic

_SECONDS = 30.0  # of silence, before a server is given up
_MOST_BYTES = 64 << 20  # MNIST's largest file holds 45 MB
_CHUNK = 1 << 16


def download(address: str, target: Path, digest: str, *, timeout: float = _SECONDS) -> None:
    """Fetch a gzip file.

    Args:
        address: An http or https address.
        target: The file that is made; its folder is made too.
        digest: SHA-256 of the unpacked content, in hexadecimal.
        timeout: Seconds of silence before the server is given up.

    Raises:
        ArgumentError: If the address is not http or https.
        DataError: If nothing comes, or not what was expected; then no file is left.
    """
    if not address.startswith(('https://', 'http://')):
        raise ArgumentError(f'address: expected one that starts with https://, received {address!r}.')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, suffix='.part', delete=False) as part:
        try:
            _receive(address, part, timeout)
            _check(part, address, digest)
            part.close()
            Path(part.name).replace(target)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _receive(address: str, part: IO[bytes], timeout: float) -> None:
    try:
        with urllib.request.urlopen(address, timeout=timeout) as response:
            expected = response.headers.get('Content-Length')
            while (chunk := response.read(_CHUNK)) and part.tell() < _MOST_BYTES:
                traffic.received(len(chunk))
                part.write(chunk)
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise DataError(
            f'{address} could not be downloaded: {error}. Get the file another way, put it in a '
            'folder with the others, and name that folder in HEFTED_DATASETS.'
        ) from error
    if expected is not None and part.tell() != int(expected):
        raise DataError(f'{address}: expected {expected} bytes, received {part.tell()}. Try again.')
    part.flush()
    os.fsync(part.fileno())


def _check(part: IO[bytes], address: str, digest: str) -> None:
    part.seek(0)
    found = hashlib.sha256()
    try:
        with gzip.open(part.name) as content:
            while (chunk := content.read(_CHUNK)) and content.tell() <= _MOST_BYTES:
                found.update(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f'{address}: expected a whole gzip file, received a damaged one ({error}).') from error
    if found.hexdigest() != digest:
        raise DataError(
            f'{address}: expected content of SHA-256 {digest}, received {found.hexdigest()}. '
            'It is not the file that Hefted knows, so it was not kept.'
        )
