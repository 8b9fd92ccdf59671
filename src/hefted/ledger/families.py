"""Runs that belong together: the parts of a sweep or a process, the attempts at one training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hefted.ledger.summary import RunSummary, Status, born, newest_first, summed

_GRAVEST: tuple[Status, ...] = ('running', 'damaged', 'failed', 'interrupted', 'stopped', 'finished')
_TRIALS = frozenset({'evaluate', 'predict', 'predict_on_batch', 'test_on_batch'})


def families(runs: Iterable[RunSummary]) -> tuple[list[RunSummary], dict[str, RunSummary]]:
    """Runs with their parts folded in: those that are part of nothing, and all of them by id.

    The runs of a process have a parent that kept no journal: it is made of two runs or more.
    """
    by_id = {run.id: run for run in _grouped(list(runs))}
    parts: dict[str, list[RunSummary]] = {}
    for run in by_id.values():
        if run.parent:
            parts.setdefault(run.parent, []).append(run)
    grown: dict[str, RunSummary] = {}

    def grow(run: RunSummary) -> RunSummary:
        children = [grow(child) for child in sorted(parts.pop(run.id, ()), key=newest_first)[::-1]]
        grown[run.id] = _family(run, children) if children else run
        return grown[run.id]

    roots = [grow(run) for run in by_id.values() if not run.parent]
    for parent in [parent for parent in parts if parent not in by_id]:
        family = _process(parent, parts[parent])
        roots.append(grow(family) if len(parts[parent]) > 1 else grow(parts.pop(parent)[0]))
    roots += [run for run in by_id.values() if run.id not in grown]  # damaged: they name one another as parents
    return _one_a_training(roots), by_id | grown


def _grouped(runs: list[RunSummary]) -> list[RunSummary]:
    """Runs of processes that trained together: those of the others are parts of rank 0's, which has counted them.

    One of rank 0 that was killed has counted nobody: the others stand for themselves.
    """
    first = {
        (run.group['id'], run.group['run']): run.id
        for run in runs
        if run.group is not None and run.group['rank'] == 0 and run.status not in ('interrupted', 'damaged')
    }
    if not first:
        return runs
    return [
        replace(run, parent=first[key])
        if run.group is not None and run.group['rank'] and (key := (run.group['id'], run.group['run'])) in first
        else run
        for run in runs
    ]


def with_attempts(runs: list[RunSummary]) -> list[RunSummary]:
    """The same runs; those that are attempts at one training know what all of them took."""
    tried: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.resumes:
            tried.setdefault(run.resumes, []).append(run)
    if not tried:
        return runs
    for run in runs:
        if run.id in tried:
            tried[run.id].append(run)
    sums = {first: summed(run.energy for run in several) for first, several in tried.items()}
    return [replace(run, of_all_attempts=sums.get(run.resumes or run.id)) for run in runs]


def whole_training(several: list[RunSummary]) -> RunSummary:
    """Several attempts at a training as one run, of which no attempt is told any more."""
    return replace(_tried(several), attempt=1, of_all_attempts=None)


def _one_a_training(roots: list[RunSummary]) -> list[RunSummary]:
    """Attempts at one training as one: by the last one's id and end, with the sums of all."""
    tried: dict[str, list[RunSummary]] = {}
    for run in roots:
        tried.setdefault(run.resumes or run.id, []).append(run)
    return [_tried(several) if len(several) > 1 else several[0] for several in tried.values()]


def _tried(several: list[RunSummary]) -> RunSummary:
    *_, last = several = sorted(several, key=newest_first)[::-1]
    return _family(
        replace(last, duration=None, energy=None, carbon=None, path=None, attempts=len(several)),
        several,
    )


def _process(run_id: str, parts: list[RunSummary]) -> RunSummary:
    """The parent of a process's runs; a sweep where they are of one kind, but for what tries a model out."""
    first = min(parts, key=newest_first)
    name = first.name if all(part.name == first.name for part in parts) else ''
    made = [part for part in parts if part.kind not in _TRIALS]
    kind = 'sweep' if len(made or parts) > 1 and len({part.kind for part in made or parts}) == 1 else 'process'
    found: set[Status] = {part.status for part in parts}
    status: Status = min(found, key=_GRAVEST.index)
    return RunSummary(run_id, None, kind, name, born(run_id), status, place=first.place)


def _family(parent: RunSummary, children: list[RunSummary]) -> RunSummary:
    return replace(
        parent,
        children=tuple(children),
        duration=parent.duration or summed(child.duration for child in children),
        energy=parent.energy or summed(child.energy for child in children),
        carbon=parent.carbon or summed(child.carbon for child in children),
    )
