"""The ledger: every run that was kept, finished or killed, found by the start of its id."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hefted.errors import LedgerError
from hefted.ledger import journal
from hefted.ledger.families import families, whole_training, with_attempts
from hefted.ledger.summary import SHORT, RunSummary, Status, born, newest_first, score_of, summarise, summed
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.ledger.scores import Scores

__all__ = ['SHORT', 'Ledger', 'RunSummary', 'Status', 'open']


class Ledger:
    """All journals of a folder.

    Args:
        folder: The folder of the `.jsonl` files; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], RunSummary]] = {}

    def runs(self, *, kind: str | None = None, limit: int | None = None) -> list[RunSummary]:
        """List runs, newest first; a sweep's parts are its `children`, and its figures their total.

        Args:
            kind: Only runs of this kind, such as 'fit'; those inside a sweep too, each by itself.
            limit: At most so many.
        """
        everything = self._everything()
        listed = families(everything)[0] if kind is None else [run for run in everything if run.kind == kind]
        return sorted(listed, key=newest_first)[:limit]

    def get(self, prefix: str) -> RunSummary:
        """Find one run by the start of its id, or the newest by 'last'.

        Raises:
            LedgerError: If there is none, or more than one; the message names the nearest.
        """
        if prefix == 'last' and (alone := self._newest_alone()):
            return alone
        everything = sorted(self._everything(), key=newest_first)
        if not everything:
            raise LedgerError('run: expected one that is in the ledger, but no run has been kept yet.')
        if prefix == 'last':
            return next(run for run in everything if run.status != 'damaged' or run is everything[-1])
        found = families(everything)[1]
        wanted = prefix.lower()
        if wanted in found:
            return found[wanted]
        matches = [found[run_id] for run_id in sorted(found) if run_id.startswith(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches and prefix:
            raise LedgerError(
                f'run: {prefix!r} is the start of {len(matches)} ids: {_named(matches)}. Give more of it.'
            )
        near = difflib.get_close_matches(prefix.lower(), [run.short_id for run in everything], n=3, cutoff=0.5)
        hint = f'Did you mean {" or ".join(near)}?' if near else f'The newest are {_named(everything)}.'
        raise LedgerError(f'run: expected the start of a run\'s id or "last", received {prefix!r}. {hint}')

    def training(self, prefix: str) -> RunSummary:
        """All attempts at the training that a run is of, as one run with their sums; the run where there is no other.

        Raises:
            LedgerError: As of `get`.
        """
        run = self.get(prefix)
        first, known = run.resumes or run.id, families(everything := self._everything())[1]
        several = [known[each.id] for each in everything if first in (each.resumes, each.id)]
        return whole_training(several) if len(several) > 1 else run

    def scores(self, *, patience: float = math.inf) -> Scores:
        """How good the forecasts have been: what was foreseen beside what it took, of every run that had one.

        A journal is read once; what it came to is kept beside the journals (`hefted.ledger.scored`).

        Args:
            patience: Seconds after which no further journal is read.

        Raises:
            LedgerError: If the folder cannot be read.
        """
        from hefted.ledger import scored, scores

        journal.settle()
        try:
            return scored.scores_of(self.folder, score_of, patience=patience)
        except (FileNotFoundError, NotADirectoryError):
            return scores.Scores((), ())
        except OSError as error:
            raise LedgerError(f'The ledger cannot be read: {error}.') from error

    def energy_of(self, run_ids: Iterable[str]) -> Quantity | None:
        """What some runs took together, so far as their journals tell; None where nothing is known of any."""
        paths = {run_id: self.folder / f'{run_id}.jsonl' for run_id in run_ids}
        return summed(summarise(run_id, path).energy for run_id, path in paths.items() if path.exists())

    def _newest_alone(self) -> RunSummary | None:
        """The newest run by its id, without reading ten thousand others; None where others belong to it."""
        entries = self._entries()
        newest = max(entries, key=lambda entry: entry.name, default=None)
        found = None if newest is None else self._summary(newest)
        return found if found and found.status != 'damaged' and found.resumes is None else None

    def _everything(self) -> list[RunSummary]:
        return with_attempts([self._summary(entry) for entry in self._entries()])

    def _entries(self) -> list[os.DirEntry[str]]:
        journal.settle()
        try:
            return [entry for entry in os.scandir(self.folder) if entry.name.endswith('.jsonl')]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LedgerError(f'The ledger cannot be read: {error}.') from error

    def _summary(self, entry: os.DirEntry[str]) -> RunSummary:
        run_id = entry.name.removesuffix('.jsonl')
        path = Path(entry.path)
        try:
            state = entry.stat()
            version = (state.st_mtime_ns, state.st_size)
            known = self._known.get(run_id)
            if known is not None and known[0] == version and known[1].status != 'running':
                return known[1]
            summary = summarise(run_id, path)
        except OSError as error:
            reason = error.strerror or 'it cannot be read'
            return RunSummary(run_id, started=born(run_id), reason=reason, path=path)
        self._known[run_id] = (version, summary)
        return summary


def open(folder: Path | str | None = None) -> Ledger:
    """Open the ledger.

    Args:
        folder: The folder of the journals; None for `runs` in the user's data folder.

    Example:
        >>> import tempfile
        >>> open(tempfile.mkdtemp()).runs()
        []
    """
    return Ledger(journal.runs_folder() if folder is None else Path(folder))


def _named(runs: Iterable[RunSummary]) -> str:
    listed = list(runs)
    return ', '.join(run.short_id for run in listed[:3]) + (', …' if len(listed) > 3 else '')
