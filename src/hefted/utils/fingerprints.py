"""Hashes of words that are the same on every machine: FarmHash's 64-bit fingerprint, and SipHash with a key.

They are those of TensorFlow's `to_hash_bucket_fast` and `to_hash_bucket_strong`, so that what was learned on Keras's
buckets holds here. Python's whole numbers have no width: what is multiplied or added is cut to 64 bits.

Source: G. Pike, FarmHash (Google, 2014), `farmhashna::Hash64`; J.-P. Aumasson and D. J. Bernstein, SipHash: a fast
short-input PRF (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_BITS = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CAT = 0xC6A4A7935BD1E995

HostArray = np.ndarray[Any, Any]


def buckets(values: HostArray, count: int, key: Sequence[int] | None = None) -> HostArray:
    """The bucket of each word; of whole numbers, that of their digits.

    Args:
        values: Strings, bytes or whole numbers.
        count: How many buckets there are.
        key: Two whole numbers for SipHash; None is FarmHash.

    Returns:
        int64 of the same shape.

    Example:
        >>> buckets(np.array(['A', 'B']), 1000).tolist()
        [564, 528]
    """
    words, places = np.unique(values, return_inverse=True)
    hashed = [fingerprint(as_bytes(word)) if key is None else siphash(as_bytes(word), key) for word in words.tolist()]
    return np.array([one % count for one in hashed], 'int64')[places].reshape(values.shape)


def crossed(columns: Sequence[HostArray], count: int) -> HostArray:
    """The bucket of each combination of words and whole numbers, as TensorFlow's `cross_hashed` finds it."""
    mixed = [0xDECAFCAFFE] * columns[0].size
    for column in columns:
        texts = column.dtype.kind not in 'iub'
        each = [fingerprint(as_bytes(one)) if texts else int(one) & _BITS for one in column.ravel().tolist()]
        mixed = [_joined(before, one) for before, one in zip(mixed, each, strict=True)]
    return np.array([one % count for one in mixed], 'int64').reshape(columns[0].shape)


def as_bytes(word: Any) -> bytes:
    """A word's UTF-8, a whole number's digits."""
    return word if isinstance(word, bytes) else str(word).encode('utf-8')


def fingerprint(s: bytes) -> int:
    """FarmHash's 64-bit fingerprint."""
    size = len(s)
    factor = _K2 + size * 2
    if size <= 16:
        return _short(s, size, factor)
    if size <= 32:
        a, b, c, d = _at(s, 0) * _K1, _at(s, 8), _at(s, size - 8) * factor, _at(s, size - 16) * _K2
        return _mixed(_turned(a + b, 43) + _turned(c, 30) + d, a + _turned(b + _K2, 18) + c, factor)
    if size <= 64:
        a, b, c, d = _at(s, 0) * _K2, _at(s, 8), _at(s, size - 8) * factor, _at(s, size - 16) * _K2
        y = _turned(a + b, 43) + _turned(c, 30) + d
        z = _mixed(y, a + _turned(b + _K2, 18) + c, factor)
        e, f = _at(s, 16) * factor, _at(s, 24)
        g, h = (y + _at(s, size - 32)) * factor, (z + _at(s, size - 24)) * factor
        return _mixed(_turned(e + f, 43) + _turned(g, 30) + h, e + _turned(f + a, 18) + g, factor)
    return _long(s, size)


def _short(s: bytes, size: int, factor: int) -> int:
    if size >= 8:
        a, b = _at(s, 0) + _K2, _at(s, size - 8)
        return _mixed(_turned(b, 37) * factor + a, (_turned(a, 25) + b) * factor, factor)
    if size >= 4:
        return _mixed(size + (_at(s, 0, 4) << 3), _at(s, size - 4, 4), factor)
    if size:
        y, z = s[0] + (s[size >> 1] << 8), size + (s[-1] << 2)
        return _folded((y * _K2 & _BITS) ^ (z * _K0 & _BITS)) * _K2 & _BITS
    return _K2


def _long(s: bytes, size: int) -> int:
    """In blocks of 64 bytes; the last is the text's last 64, whatever of them was read before."""
    x, y = 81 * _K2 + _at(s, 0), 81 * _K1 + 113
    z = _folded(y * _K2 + 113 & _BITS) * _K2
    state = x, y, z, (0, 0), (0, 0)
    rest = size - 1 & 63
    for start in range(0, size - 1 - rest, 64):
        state = _after(s, start, state, _K1, 1)
    x, y, z, v, w = state
    factor = _K1 + ((z & 0xFF) << 1)
    first = v[0] + w[0] + rest
    x, y, z, v, w = _after(s, size - 64, (x, y, z, (first, v[1]), (w[0] + rest + first, w[1])), factor, 9)
    low = _mixed(v[0], w[0], factor) + _folded(y & _BITS) * _K0 + z
    return _mixed(low, _mixed(v[1], w[1], factor) + x, factor)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _after(s: bytes, at: int, state: _State, factor: int, times: int) -> _State:
    """What is remembered after 64 more bytes."""
    x, y, z, v, w = state
    x = _turned(x + y + v[0] + _at(s, at + 8), 37) * factor
    y = _turned(y + v[1] + _at(s, at + 48), 42) * factor
    x = (x ^ w[1] * times) & _BITS
    y = y + v[0] * times + _at(s, at + 40) & _BITS
    z = _turned(z + w[0], 33) * factor & _BITS
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + _at(s, at + 16))
    return z, y, x, v, w


def _weak(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    first, second, third, last = (_at(s, at + 8 * i) for i in range(4))
    a += first
    b = _turned(a + b + last, 21)
    both = a + second + third
    return both + last & _BITS, a + b + _turned(both, 44) & _BITS


def _mixed(u: int, v: int, factor: int) -> int:
    a = _folded((u ^ v) * factor & _BITS)
    return _folded(((v ^ a) * factor) & _BITS) * factor & _BITS


def _joined(first: int, second: int) -> int:
    """TensorFlow's fingerprint of two fingerprints."""
    both = (first ^ _CAT ^ _folded(second * _CAT & _BITS) * _CAT) * _CAT & _BITS
    return _folded(_folded(both) * _CAT & _BITS)


def _folded(value: int) -> int:
    return value ^ value >> 47


def _turned(value: int, right: int) -> int:
    value &= _BITS
    return value >> right | value << 64 - right & _BITS


def _at(s: bytes, start: int, width: int = 8) -> int:
    return int.from_bytes(s[start : start + width], 'little')


def siphash(s: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of bytes under a key of two whole numbers of 64 bits."""
    low, high = (one & _BITS for one in key)
    state = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]
    padded = s + bytes(7 - len(s) % 8) + bytes([len(s) & 0xFF])
    for start in range(0, len(padded), 8):
        word = _at(padded, start)
        state[3] ^= word
        _rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(state: list[int], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a, c = a + b & _BITS, c + d & _BITS
        b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
        a = _left(a, 32)
        c, a = c + b & _BITS, a + d & _BITS
        b, d = _left(b, 17) ^ c, _left(d, 21) ^ a
        c = _left(c, 32)
    state[:] = a, b, c, d


def _left(value: int, places: int) -> int:
    return _turned(value, 64 - places)
