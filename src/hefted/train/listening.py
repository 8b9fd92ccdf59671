"""A governor that only listens: it narrows the forecast as the training goes, and learns its pace for the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from hefted.forecast.outlook import Outlook
from hefted.runs import Tick
from hefted.train.governor import Governor

_TOLD_AT = 0.05  # of the steps: then the journal is told once what the forecast has become


class Listener(Governor):
    """Feeds an outlook, tells the journal of it once, and says at the end what was learned.

    Args:
        outlook: What is fed.
        tell: Has the journal hold something more.
        learn: Called when the training ends, after at least one epoch, with the outlook.
        clock: Seconds.
        since: When the forecast was made, by that clock.
        before: Steps that were done before those of the plan.
    """

    def __init__(
        self,
        outlook: Outlook,
        tell: Callable[..., None],
        learn: Callable[[Outlook], None],
        clock: Callable[[], float] = perf_counter,
        since: float | None = None,
        before: int = 0,
    ) -> None:
        self.outlook, self._before = outlook, before
        self._tell, self._learn, self._clock = tell, learn, clock
        self._since = clock() if since is None else since
        self._at = self._since
        self._before, self._epoch = before, -1
        self._told = False

    def begin(self, done: int, epoch: int) -> None:
        self.outlook.done, self._epoch = max(done - self._before, 0), epoch  # what a callback has put back is done
        self._at = self._clock()

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:
        now, outlook = self._clock(), self.outlook
        if tick.epoch != self._epoch:  # what passed beside steps since the last chunk was an epoch's edge
            outlook.edge(max(now - self._at - seconds, 0.0))
            self._epoch = tick.epoch
        outlook.hear(steps, seconds, tick.energy)
        self._at = now
        if not self._told and outlook.share >= _TOLD_AT:
            self._told = True
            self._tell(forecast_at=self._now())

    def did(self, work: str, seconds: float) -> None:
        if work == 'validate':
            self.outlook.judge(seconds)
        if work not in ('begin', 'epoch'):  # which are parts of the edge
            self._at += seconds

    def end(self) -> None:
        if self.outlook.done:
            self._learn(self.outlook)

    def _now(self) -> Mapping[str, Any]:
        """The forecast of the whole training as it stands now."""
        passed, rest = self._clock() - self._since, self.outlook.rest()
        return {
            'share': self.outlook.share,
            'step': self.outlook.done,
            'seconds': passed + rest.seconds,
            'low': passed + rest.low,
            'high': passed + rest.high,
            'joules_to_go': rest.joules,
        }
