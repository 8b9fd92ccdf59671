"""What a run's journal holds beside its counters: who wrote it, by which sensors, and what it came to."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hefted import host, world
from hefted.footprint.account import Accuracies

if TYPE_CHECKING:
    from hefted.run import Run


_counts: Counter[str] = Counter()


def group(kind: str) -> dict[str, Any] | None:
    """Which of several processes that train together a run is of; None for one alone.

    All have the same name of the group and number of the run: by these the ledger finds what belongs together.
    """
    joined = world.joined()
    if joined is None or kind != 'fit':
        return None
    _counts[kind] += 1
    return {
        'id': joined.group,
        'run': _counts[kind],
        'rank': joined.rank,
        'size': joined.size,
        'machine': host.boot_id(),
        'by': joined.by,
    }


def who(
    parent: str,
    attempt: int,
    resumes: str | None,
    kind: str,
    name: str,
    attributes: Mapping[str, Any] | None,
    group: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The first words of a journal: which run it is of, and what it was made by.

    Example:
        >>> told = who('', 1, None, 'fit', 'small', None, None)
        >>> told['kind'], 'group' in told, 'resumes' in told
        ('fit', False, False)
    """
    return {
        'parent': parent,
        'attempt': attempt,
        **({} if resumes is None else {'resumes': resumes}),
        'kind': kind,
        'name': name,
        'started': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'versions': versions(),
        'attributes': dict(attributes or {}),
        **({} if group is None else {'group': dict(group)}),
    }


class Accounted:
    """The footprint of a run that has ended, for its journal."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def to_json(self) -> dict[str, Any] | None:
        footprint = self._run.footprint
        return footprint and footprint.to_json()


def told(accuracies: Accuracies) -> dict[str, Any]:
    """Component and accuracy of each sensor, by name."""
    return {name: {'component': component, 'accuracy': accuracy} for name, (component, accuracy) in accuracies.items()}


def versions() -> dict[str, str]:
    """Versions of what is imported already; nothing is imported to ask."""
    told = {'python': sys.version.split()[0]}
    for name in ('hefted', 'jax'):
        version = getattr(sys.modules.get(name), '__version__', None)
        if isinstance(version, str):
            told[name] = version
    return told
