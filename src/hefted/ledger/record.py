"""The record that forecasts are set right by: actual over foreseen, of the newest runs of each kind.

It is the first line of a file beside the journals, and read alone, in less than a millisecond: a `fit` waits for it.
The lines that follow are the scores of all journals (`hefted.ledger.scored`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from hefted.ledger.lines import decode
from hefted.quantities import Source

FILE = 'scores.index'
SCHEMA = 1
RECORD = 'record of forecasts'
"""The key of the source that a forecast has once it was set right by earlier ones (`hefted.forecast.learned`)."""

Length = Literal['under a second', 'under a minute', 'longer']
LENGTHS: tuple[Length, ...] = get_args(Length)
Key = str
KEPT = 200
"""Runs of a kind that are heard: the newest, so that a machine that has changed is learnt again."""

_ACTUAL_OVER_FORESEEN = 'actual over foreseen '


def ratios(path: Path, key: Key) -> list[float]:
    """The logarithms of actual over foreseen of the newest runs of one kind, as the file's first line has them.

    Returns:
        The oldest first; none where there is no file, or none that can be read.
    """
    try:
        with path.open('rb') as file:
            first = decode(file.readline()) or {}
        told = first['record'].get(key, ()) if first.get('schema') == SCHEMA else ()
        return [float(ratio) for ratio in told]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def age(folder: Path) -> float:
    """Seconds since the file was written; without end where there is none."""
    try:
        return time.time() - (folder / FILE).stat().st_mtime
    except FileNotFoundError:
        return math.inf


def length_of(seconds: float) -> Length:
    """The class of runs that a duration belongs to: what a fit of milliseconds shows says little of one of hours.

    Example:
        >>> length_of(0.2), length_of(3600.0)
        ('under a second', 'longer')
    """
    return 'under a second' if seconds < 1 else 'under a minute' if seconds < 60 else 'longer'


def key_of(machine: str, how: str, length: Length) -> Key:
    """Under what the record keeps the ratios of one kind of forecast."""
    return f'{machine} | {how} | {length}'


def machine_key(machine: Mapping[str, Any]) -> str:
    """What tells machines apart whose runs are kept in one folder: processor and threads.

    GPUs are left out, as a short run is over before their driver has told them.

    Args:
        machine: A `Machine` as plain data.

    Example:
        >>> machine_key({'microarchitecture': 'Zen 4 (Genoa)', 'threads': 2.0})
        'Zen 4 (Genoa), 2 threads'
    """
    return f'{machine.get("microarchitecture") or "unknown"}, {machine.get("threads", 0):g} threads'


def record_source(runs: int, factor: float) -> Source:
    """The source of a forecast that earlier ones set right; it tells by how much, so that none is counted twice.

    Example:
        >>> record_source(34, 1.07).title
        '34 earlier forecasts on this machine: actual over foreseen 1.07'
    """
    return Source(RECORD, f'{runs} earlier forecasts on this machine: {_ACTUAL_OVER_FORESEEN}{factor:.6g}')


def factor_of(sources: Iterable[Source]) -> float:
    """What a forecast with these sources had been multiplied by; 1 where no record set it right.

    Raises:
        ValueError: The record's source is not one that `record_source` made.

    Example:
        >>> factor_of([record_source(34, 1.07)]), factor_of([])
        (1.07, 1.0)
    """
    titles = (source.title for source in sources if source.key == RECORD)
    factor = next((float(title.rpartition(_ACTUAL_OVER_FORESEEN)[2]) for title in titles), 1.0)
    if not 0 < factor < math.inf:
        raise ValueError('the record of a forecast tells no factor')
    return factor
