"""What a loop tells its listeners of a run, and a run that tells nothing because nothing is metered."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from hefted.forecast.effort import Effort

Status = Literal['finished', 'stopped', 'failed', 'interrupted']
"""How a run ended: 'stopped' by a budget, a callback or Ctrl-C."""


class Tick(NamedTuple):
    """What a loop tells its listeners at the edge of a chunk.

    Attributes:
        step: Steps done.
        epoch: The epoch.
        logs: Loss and metrics.
        energy: J so far, start-up counted; None where nothing is metered.
        power: W over the last tenth of a second or more; None until there is one.
        carbon: g CO2e so far, in use and of the hardware.
        seconds: Since the run began.
        effort: Of the training since the last reading: its part of the peak, tokens or rows for each joule; None
            where nothing of that is known.
    """

    step: int
    epoch: int
    logs: Mapping[str, Any]
    energy: float | None = None
    power: float | None = None
    carbon: float | None = None
    seconds: float = 0.0
    effort: Effort | None = None


class NullRun:
    """A run that is not metered: the same methods, no figures."""

    id = ''
    footprint = None
    journal_failure = None
    meter_cost = 0.0
    told: Mapping[str, Any] = MappingProxyType({})

    def enter(self, phase: str) -> None:
        """Do nothing."""

    def tick(self, step: int, epoch: int = 0, logs: Mapping[str, Any] | None = None) -> Tick:
        """Tell how far the run is, without figures."""
        return Tick(step, epoch, {} if logs is None else logs)

    def tell(self, **told: Any) -> None:
        """Do nothing."""

    def so_far(self) -> None:
        """Nothing is known."""

    def finish(self, status: Status = 'finished', error: BaseException | None = None) -> None:
        """Do nothing."""

    def end(self, status: Status = 'finished', error: BaseException | None = None) -> None:
        """Do nothing."""
