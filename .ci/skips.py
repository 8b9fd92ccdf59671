"""Fail on any skipped test whose reason is not missing hardware; say what ran and what did not.

Several reports are of several environments: a test that one of them skips and another runs has run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = 'hardware:'


def cases(reports: list[Path]) -> Iterator[tuple[str, str | None]]:
    """Every test by name, with the reason for which it was skipped."""
    for report in reports:
        for case in ElementTree.parse(report).iter('testcase'):
            skips = list(case.iter('skipped'))
            reasons = [skip.get('message', '') for skip in skips]
            yield f'{case.get("classname")}.{case.get("name")}', reasons[0] if reasons else None


def main(reports: list[Path]) -> int:
    """Read pytest's JUnit reports; the exit status is 1 when a skip is not allowed."""
    found: dict[str, str | None] = {}
    for name, reason in cases(reports):
        found[name] = None if found.get(name, reason) is None else reason
    skipped = {name: reason for name, reason in found.items() if reason is not None}
    wrong = [name for name, reason in skipped.items() if not reason.startswith(ALLOWED)]
    for name, reason in skipped.items():
        print(f'skipped: {name}: {reason}')
    print(f'{len(found)} tests, {len(skipped)} skipped, {len(wrong)} of these for want of more than hardware')
    return 1 if wrong or not found else 0


if __name__ == '__main__':
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
