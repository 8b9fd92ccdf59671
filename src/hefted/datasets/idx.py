"""The idx format of MNIST's files: two zero bytes, a type, the number of dimensions, their sizes, the values.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hefted.errors import DataError

_UNSIGNED_BYTE = 8  # the only type that MNIST uses
_MOST_DIMENSIONS = 4
# A header is believed only up to here: 20 times MNIST, so that a forged one cannot fill the memory.
_MOST_BYTES = 1 << 30


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one gzipped idx file of unsigned bytes.

    Args:
        path: The `.gz` file.

    Returns:
        uint8 of the shape that the header says.

    Raises:
        DataError: If the file is damaged, cut short, too long, or of another format.
        OSError: If the file cannot be opened.
    """
    with path.open('rb') as packed:
        try:
            with gzip.GzipFile(fileobj=packed) as file:
                return _values(file, path.name)  # pyright: ignore[reportArgumentType] (it reads as a BinaryIO does)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f'{path.name}: expected a whole gzip file, received a damaged one ({error}). '
                'Delete it, and get it again.'
            ) from error


def _values(file: BinaryIO, name: str) -> NDArray[np.uint8]:
    shape = _shape(file, name)
    expected = math.prod(shape)
    if expected > _MOST_BYTES:
        raise _malformed(name, f'at most {_MOST_BYTES} bytes', f'a header of shape {shape}')
    values = file.read(expected)
    if len(values) != expected or file.read(1):
        received = f'{len(values)}' if len(values) < expected else 'more'
        raise _malformed(name, f'{expected} values for shape {shape}', received)
    return np.frombuffer(bytearray(values), np.uint8).reshape(shape)  # of a bytearray, so that it can be written to


def _shape(file: BinaryIO, name: str) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:3] != bytes((0, 0, _UNSIGNED_BYTE)) or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise _malformed(name, 'an idx header of unsigned bytes (00 00 08 and 1 to 4)', magic.hex(' ') or 'nothing')
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise _malformed(name, f'{magic[3]} sizes in the header', f'{len(sizes)} bytes')
    return struct.unpack(f'>{magic[3]}I', sizes)


def _malformed(name: str, expected: str, received: str) -> DataError:
    return DataError(f'{name}: expected {expected}, received {received}. Delete the file, and get it again.')
