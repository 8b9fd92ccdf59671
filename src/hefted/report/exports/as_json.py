"""The receipt as JSON, every figure with interval, basis, errors and sources; `receipt.schema.json` describes it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hefted.report.exports import Options
from hefted.report.exports.record import Record
from hefted.report.exports.words import dumped


def write(record: Record, _options: Options) -> str:
    """Write it."""
    told = record.receipt.to_json()
    return dumped(told | ({'included': dict(record.included)} if record.included else {}))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `write` gives and of `hefted receipt --json`.

    Example:
        >>> schema()['title']
        'Hefted receipt'
    """
    import json

    found: dict[str, Any] = json.loads(Path(__file__).with_name('receipt.schema.json').read_text('utf-8'))
    return found
