"""The scores of all journals of a folder, kept in one file, so that no journal is read twice.

The file is JSON Lines and no more than a copy: what is missing or damaged is made again from the journals. Its first
line is the record that forecasts are set right by (`hefted.ledger.record`); each other line is a journal's, under the
time and size that it had.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from hefted.ledger.lines import Line, decode
from hefted.ledger.record import FILE, KEPT, SCHEMA, Key, key_of, length_of
from hefted.ledger.scores import Outcome, Score, Scores

Version = tuple[int, int]
Reader = Callable[[str, Path], Score | None]
"""Scores a journal, by its run's id and its path; None where it has no forecast."""


class Entry(NamedTuple):
    """What is kept of one journal.

    Attributes:
        version: Its time of change in nanoseconds, and its size.
        score: None where it has no forecast.
    """

    version: Version
    score: Score | None


def scores_of(folder: Path, reader: Reader, *, patience: float = math.inf) -> Scores:
    """Score every journal of a folder; those that are known and have not changed are not read.

    Args:
        folder: The folder of the journals.
        reader: Reads one.
        patience: Seconds after which no further journal is read: those left are for another time.

    Raises:
        OSError: The folder cannot be listed.
    """
    until = time.monotonic() + patience
    known, found = _read(folder / FILE), dict[str, Entry]()
    changed = False
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True):  # the newest first
        run = entry.name.removesuffix('.jsonl')
        if run == entry.name:
            continue
        with suppress(OSError):  # a journal that cannot be read has no score; the ledger's list says why
            state = entry.stat()
            version = (state.st_mtime_ns, state.st_size)
            before = known.get(run)
            if before is not None and before.version == version:
                found[run] = before
            elif time.monotonic() <= until:
                score = reader(run, Path(entry.path))
                # A run that goes on may be killed, which changes nothing in its file.
                found[run] = Entry((0, 0) if score and score.status == 'running' else version, score)
                changed = True
    if changed or found.keys() != known.keys():
        _write(folder / FILE, found)
    return _sorted(found)


def record(scores: Iterable[Score]) -> dict[Key, list[float]]:
    """The logarithms of actual over foreseen by kind, the newest of each, oldest first.

    Args:
        scores: The newest first.
    """
    found: dict[Key, list[float]] = {}
    for score in scores:
        if score.duration is not None and (ratio := score.bare_ratio):
            length = length_of(score.duration.foreseen / score.factor)
            kept = found.setdefault(key_of(score.machine, score.how, length), [])
            if len(kept) < KEPT:
                kept.append(round(math.log(ratio), 7))
    return {key: kept[::-1] for key, kept in found.items()}


def _sorted(found: Mapping[str, Entry]) -> Scores:
    scores = [found[run].score for run in sorted(found, reverse=True)]  # ids begin with their time
    known = [score for score in scores if score is not None]
    finished = [score for score in known if score.duration is not None]
    return Scores(tuple(finished), tuple(score for score in known if score.duration is None))


def _read(path: Path) -> dict[str, Entry]:
    """What the file knows; nothing where it is missing, damaged or of another version."""
    try:
        lines: Sequence[Line | None] = [decode(raw) for raw in path.read_bytes().splitlines()]
        if not lines or (lines[0] or {}).get('schema') != SCHEMA:
            return {}
        return dict(_entry(line) for line in lines[1:] if line is not None)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def _entry(line: Line) -> tuple[str, Entry]:
    time_and_size = line['version']
    told: dict[str, Any] | None = line['score']
    version = (int(time_and_size[0]), int(time_and_size[1]))
    return str(line['run']), Entry(version, None if told is None else _score(told))


def _score(told: Mapping[str, Any]) -> Score:
    duration, energy, later = (_outcome(told[name]) for name in ('duration', 'energy', 'later'))
    return Score(**told)._replace(duration=duration, energy=energy, later=later)


def _outcome(told: Sequence[Any] | None) -> Outcome | None:
    if told is None:
        return None
    foreseen, low, high, actual = map(float, told[:4])
    return Outcome(foreseen, low, high, actual, str(told[4]))


def _write(path: Path, found: Mapping[str, Entry]) -> None:
    """Write the file whole or not at all. It need not be there, so a folder that cannot be written is no error."""
    scores = _sorted(found)
    lines: list[Any] = [{'schema': SCHEMA, 'record': record(scores.scored)}]
    lines += (
        {'run': run, 'version': entry.version, 'score': entry.score and entry.score._asdict()}
        for run, entry in found.items()
    )
    aside = path.with_name(f'{FILE}.{os.getpid()}-{threading.get_ident()}')
    with suppress(OSError):
        try:
            aside.touch(0o600)
            aside.write_text(''.join(json.dumps(line, separators=(',', ':')) + '\n' for line in lines), 'utf-8')
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
