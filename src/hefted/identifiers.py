"""Ids of runs: UUIDv7, which sort by the time they were made and say nothing about the machine."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """Make a UUIDv7: 48 bits of Unix milliseconds, 12 bits of the millisecond's fraction, 62 random bits.

    Source: RFC 9562, sections 5.7 and 6.2 (method 3).

    Example:
        >>> uuid7()[14]
        '7'
    """
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), 'big') & ((1 << 62) - 1)
    number = (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random
    digits = f'{number:032x}'
    return f'{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}'
