"""A journal's lines: JSON objects, one a line, written whatever they hold and read whatever became of them.

A number that JSON has no word for becomes a string that `float()` reads back: 'NaN', 'Infinity', '-Infinity'.
"""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any, cast

SCHEMA = 1
"""The version of the journal's lines; a reader takes newer ones too and keeps what it knows."""

LONGEST_LINE = 8 * 2**20

Line = dict[str, Any]


def encode(line: Line) -> bytes:
    """One line as strict JSON, without the newline; what JSON cannot hold is told by a word instead.

    Example:
        >>> encode({'loss': float('inf'), 'names': ('a', 'b')})
        b'{"loss":"Infinity","names":["a","b"]}'
    """
    try:
        text = _ENCODER.encode(line)
    except (TypeError, ValueError):  # rare: a NaN, or a key that is not a string
        text = json.dumps(_strict(line), ensure_ascii=False, separators=(',', ':'))
    return text.encode('utf-8', 'replace')


def _strict(value: object, depth: int = 0) -> object:
    if depth > 32:
        return '…'
    if isinstance(value, float) and not math.isfinite(value):
        return 'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _strict(item, depth + 1) for key, item in cast('dict[object, object]', value).items()}
    if isinstance(value, list | tuple):
        return [_strict(item, depth + 1) for item in cast('list[object]', value)]
    return _strict(_plain(value), depth + 1)


def _plain(value: object) -> object:
    """What JSON can hold in place of an object: its own JSON, its scalar (NumPy), or the name of its type."""
    for name in ('to_json', 'tolist'):
        method = getattr(value, name, None)
        if callable(method):
            return method()
    return type(value).__name__


# Made once: `json.dumps` makes one for each line.
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(',', ':'), default=_plain)


def read(path: Path) -> list[Line]:
    """Read a journal, whatever state it is in; nothing in it is ever run.

    A line that was cut short by a kill, junk, and what is not a JSON object are left out; unknown keys and
    newer schemas are kept as they are.

    Args:
        path: The file.

    Returns:
        The lines that can be read, in order; the header is the first that has a `schema`.

    Raises:
        OSError: The file cannot be opened.
    """
    with Path(path).open('rb') as file:
        return [line for raw in iter(partial(file.readline, LONGEST_LINE), b'') if (line := decode(raw)) is not None]


def decode(raw: bytes) -> Line | None:
    """One line of a journal; None when it is torn, junk, or not a JSON object."""
    if not raw.startswith(b'{'):
        return None
    try:
        line: object = json.loads(raw.decode('utf-8'))
    except (ValueError, RecursionError):
        return None
    return cast(Line, line) if isinstance(line, dict) else None
