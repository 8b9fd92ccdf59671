"""How a training ends, however: its run is closed, its receipt said, and every error let through."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from hefted.callbacks.history import History
from hefted.distribution import lead
from hefted.models import reporting
from hefted.models.governing import own_of
from hefted.train import interrupts
from hefted.train.governor import Governor

if TYPE_CHECKING:
    from hefted.budget import Limit
    from hefted.models.model import Model
    from hefted.train.resuming import Resuming


class Ended:
    """What is told of a training when it ends, however.

    Args:
        run: Its run.
        resumed: Its checkpoints, where it keeps any of its own.

    Attributes:
        progress: What shows it.
        history: What it came to.
        governor: Who governed it.
        stopped_by: What ended it before its last step.
    """

    def __init__(self, run: Any, resumed: Resuming | None) -> None:
        self._run, self._resumed = run, resumed
        self.progress: Any = None
        self.history: History | None = None
        self.governor = Governor()
        self.stopped_by: str | None = None

    @property
    def attempts(self) -> list[str]:
        """The runs of all attempts at it, this one last."""
        return [] if self._resumed is None else self._resumed.attempts.runs

    def trained(self, limits: Sequence[Limit]) -> None:
        """All steps are done, or as many as its governor let pass."""
        governor, history = self.governor, self.history
        assert history is not None
        self.stopped_by = history.stopped_by = lead.decide(governor.stopped_by or '', 'what ended it') or None
        if self._resumed is not None and not self.stopped_by:
            self._resumed.finish()
        if limits:
            self._run.tell(budget=own_of(limits), stopped_by=self.stopped_by, held_back=governor.held_back)


def _end(run: Any, status: Any, error: BaseException | None) -> None:
    """End a run; of several processes, rank 0's counts what all have taken."""
    watched = lead.watch()
    if watched is None or not run.id:
        run.end(status, error)
        return
    from hefted.distribution import accounts

    accounts.end(watched, run)
    run.end(status, error)
    accounts.ended(watched, run)


@contextmanager
def ended_well(run: Any, model: Model, verbose: Any, resumed: Resuming | None = None) -> Generator[Ended, None, None]:
    """Close the run, say its receipt, and let every error through."""
    ended = Ended(run, resumed)
    if (watched := lead.watch()) is not None and run.id:
        from hefted.distribution import accounts
        from hefted.models.linking import link

        link(run, watched.world)
        accounts.begin(watched, run)
    status, error = 'finished', None
    try:
        own = nullcontext() if resumed is None else resumed.begun(run.id)
        with interrupts.deferred(), lead.training(), own:
            yield ended
        if model.stop_training or ended.stopped_by:
            status = 'stopped'
    except BaseException as caught:
        status, error = ('failed' if isinstance(caught, Exception) else 'stopped'), caught
        raise
    finally:
        if ended.progress is not None:
            ended.progress.close()
        _end(run, status, error)
        ended.governor.over()
        if ended.history is not None:
            history = ended.history
            history.attempt = max(1, len(ended.attempts))
            history.keep(run, lambda: reporting.receipt_of(run, model.name, status, ended.attempts))
            model.history = model.face.history = ended.history
            if lead.first() and verbose not in (0, False) and (receipt := history.receipt()) is not None:
                reporting.show(receipt, run)
