"""The receipt as a page."""

from __future__ import annotations

from hefted.report.exports import Options
from hefted.report.exports.record import Record
from hefted.report.html import page


def write(record: Record, _options: Options) -> str:
    """Write it."""
    return page(record.receipt)
