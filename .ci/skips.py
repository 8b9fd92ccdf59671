"""Fail on any skipped test whose reason is not missing hardware; say what ran and what did not."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = 'hardware:'


def main(report: Path) -> int:
    """Read pytest's JUnit report; the exit status is 1 when a skip is not allowed."""
    cases = list(ElementTree.parse(report).iter('testcase'))
    skipped = [(case, skip.get('message', '')) for case in cases for skip in case.iter('skipped')]
    wrong = [(case, reason) for case, reason in skipped if not reason.startswith(ALLOWED)]
    for case, reason in skipped:
        print(f'skipped: {case.get("classname")}.{case.get("name")}: {reason}')
    print(f'{len(cases)} tests, {len(skipped)} skipped, {len(wrong)} of these for want of more than hardware')
    return 1 if wrong or not cases else 0


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1])))
