"""TensorBoard's event files, written without TensorFlow: records with checksums, of protocol buffers with a few fields.

A record is its length (8 bytes), the length's checksum, the data, the data's checksum; a checksum is a CRC-32C, turned
and shifted. The data is an `Event`; numbers of fields are those of TensorFlow's event.proto, summary.proto and
tensor.proto, which have stood unchanged since 2019.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

HISTOGRAM_BUCKETS = 30
_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # tensor.proto's types
_SCALAR, _TENSOR, _BLOBS = 1, 2, 3  # summary.proto's classes of data
_numbers = count()


class EventFile:
    """One file of events, made when the first one is written.

    Args:
        folder: Where; TensorBoard shows each folder as one run.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._file: Any = None

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """A number."""
        tensor = _integer(1, _FLOAT) + _field(2, b'') + _field(5, struct.pack('<f', float(value)))
        self._summary(tag, tensor, 'scalars', _SCALAR, step)

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """How often values lie in each of 30 equal parts of their range."""
        rows = buckets(np.asarray(values, np.float64).ravel())
        tensor = _integer(1, _DOUBLE) + _shape(rows.shape) + _field(4, rows.tobytes())
        self._summary(tag, tensor, 'histograms', _TENSOR, step)

    def image(self, tag: str, images: Any, step: int, most: int = 3) -> None:
        """Pictures (number, height, width, channels) of values from 0 to 1; at most three are kept."""
        pixels = np.floor(np.clip(images, 0, 1) * np.float32(255.5)).astype(np.uint8)
        _, height, width, _ = pixels.shape
        self._strings(tag, [b'%d' % width, b'%d' % height, *map(png, pixels[:most])], 'images', _BLOBS, step)

    def text(self, tag: str, text: str, plugin: str, step: int) -> None:
        """A text for one of TensorBoard's plugins."""
        self._summary(tag, _integer(1, _STRING) + _field(2, b'') + _field(8, text.encode()), plugin, 0, step, b'1')

    def flush(self) -> None:
        """Have it on disk for whoever looks now."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """The next event begins another file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _strings(self, tag: str, parts: list[bytes], plugin: str, data_class: int, step: int) -> None:
        tensor = _integer(1, _STRING) + _shape((len(parts),)) + b''.join(_field(8, part) for part in parts)
        self._summary(tag, tensor, plugin, data_class, step)

    def _summary(self, tag: str, tensor: bytes, plugin: str, data_class: int, step: int, content: bytes = b'') -> None:
        about = _field(1, _field(1, plugin.encode()) + (_field(2, content) if content else b''))
        about += _integer(4, data_class) if data_class else b''
        value = _field(1, tag.encode()) + _field(8, tensor) + _field(9, about)
        self._event(_integer(2, step) + _field(5, _field(1, value)))

    def _event(self, what: bytes) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f'events.out.tfevents.{time.time():.0f}.hefted.{os.getpid()}.{next(_numbers)}.v2'
            self._file = (self._folder / name).open('wb')
            self._event(_field(3, b'brain.Event:2'))
        self._file.write(record(struct.pack('<Bd', 1 << 3 | 1, time.time()) + what))


def record(data: bytes) -> bytes:
    """One record: length, checksum, data, checksum."""
    length = struct.pack('<Q', len(data))
    return length + struct.pack('<I', checksum(length)) + data + struct.pack('<I', checksum(data))


def _table() -> list[int]:
    entries: list[int] = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)  # noqa: PLW2901
        entries.append(entry)
    return entries


_TABLE = _table()


def checksum(data: bytes) -> int:
    """The masked CRC-32C (RFC 3720) of a record's parts.

    Example:
        >>> hex(checksum(b'123456789') - 0xA282EAD8 & 0xFFFFFFFF)  # unmasked, turned: the CRC is 0xe3069283
        '0x2507c60d'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def buckets(values: Any) -> Any:
    """(30, 3) rows of left edge, right edge and count, as TensorBoard's own: one value alone fills the last row."""
    if values.size == 0:
        return np.zeros((HISTOGRAM_BUCKETS, 3))
    low, high = values.min(), values.max()
    if not high > low:
        counts = np.zeros(HISTOGRAM_BUCKETS)
        counts[-1] = values.size
        return np.stack([np.full(HISTOGRAM_BUCKETS, high)] * 2 + [counts], axis=1)
    edges = np.linspace(low, high, HISTOGRAM_BUCKETS + 1)
    index = np.floor((values - low) / ((high - low) / HISTOGRAM_BUCKETS)).astype(np.int64)
    counts = np.bincount(np.minimum(index, HISTOGRAM_BUCKETS - 1), minlength=HISTOGRAM_BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def png(pixels: Any) -> bytes:
    """A PNG of bytes (height, width, channels): grey, RGB or RGBA (RFC 2083)."""
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)])  # each row begins with its filter

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))

    head = struct.pack('>IIBBBBB', width, height, 8, kind, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + chunk(b'IDAT', zlib.compress(rows.tobytes()))
        + chunk(b'IEND', b'')
    )


# Protocol buffers: a number's field, and one of bytes


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _shape(shape: Iterable[int]) -> bytes:
    return _field(2, b''.join(_field(2, _integer(1, size)) for size in shape))


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
