"""What a run has come to so far, as a live line tells it: renewed at readings, told at every tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hefted.footprint import account
from hefted.footprint.account import Accuracies, Shares
from hefted.footprint.factors import Factors

if TYPE_CHECKING:
    from hefted.forecast.effort import Effort
    from hefted.metering.meter import Meter
    from hefted.metering.reading import RawReading

_TRAINING = 'train'


class Figures:
    """The figures of a run's ticks.

    Args:
        began: When the run began, s.
        before: J that it has taken on from before, such as the process's start-up.

    Attributes:
        known: J so far, W of late and g CO2e so far; None for what is not known.
        effort: What the training made of its devices of late; None where nothing is known of that.

    Example:
        >>> from hefted.quantities import Quantity
        >>> shares, figures = Shares(), Figures(0.0, 0.0)
        >>> shares.add('train', 2.0, {'counter': 10.0})
        >>> figures.renew(shares, {'counter': ('cpu', Quantity(1, '1'))}, 2.0, Factors(None))
        >>> figures.known
        (10.0, 5.0, None)
    """

    __slots__ = ('_window', '_worked', 'effort', 'known')

    def __init__(self, began: float, before: float) -> None:
        self._window = (began, before)
        self.known: tuple[float | None, float | None, float | None] = (None, None, None)
        self.effort: Effort | None = None
        self._worked: tuple[int, float, float | None] | None = None  # steps, seconds and J of training, so far

    def renew(self, shares: Shares, accuracies: Accuracies, until: float, factors: Factors) -> None:
        """Renew energy, power and carbon from what was given to phases up to an instant."""
        used = [account.central_joules(joules, accuracies) for joules in shares.joules.values()]
        known = [joules for joules in used if joules is not None]
        if not known:
            return
        energy = sum(known)
        since, earlier = self._window
        seconds = until - since
        power = (energy - earlier) / seconds if seconds > 0 else None
        self._window = (until, energy)
        self.known = (energy, power, account.central_grams(energy, shares.occupied, factors))

    def exert(self, shares: Shares, accuracies: Accuracies, step: int | None, plan: Any, size: int = 1) -> None:
        """Renew what is told of how well the training goes, from one reading to the next.

        Args:
            shares: What phases were given.
            accuracies: Of the sensors.
            step: Steps done.
            plan: The training's; something else of a program's own is passed over.
            size: How many processes train together: the plan's rows are of all, and the others take as much.
        """
        seconds = shares.seconds.get(_TRAINING, 0.0)
        if plan is None or step is None or not seconds:
            return
        from hefted.forecast.effort import effort
        from hefted.forecast.plan import Plan

        if not isinstance(plan, Plan):  # a program's own word for something else
            return
        joules = account.central_joules(shares.joules[_TRAINING], accuracies)
        before, self._worked = self._worked, (step, seconds, joules)
        if before is None:
            return
        steps, lasting, used = before
        taken = None if joules is None or used is None else size * (joules - used)
        self.effort = effort(plan, step - steps, seconds - lasting, taken) or self.effort


def start_up_of(meter: Meter, since: float | None, first: RawReading) -> dict[str, Any] | None:
    """What the process took before its first run, as the models see it: `seconds`, and `joules` by sensor.

    Args:
        meter: Of the run.
        since: When the process began, in seconds of CLOCK_MONOTONIC; None where that is another run's.
        first: The run's first reading.
    """
    if since is None or since >= first.monotonic:
        return None
    # A notebook waits for hours before its first fit, for a person and not for the program. So the start is as long as
    # its CPU time explains: twice that, as imports wait for the disk too, and a second.
    seconds = min(first.monotonic - since, 2 * first.cpu_seconds + 1)
    return {'seconds': seconds, 'joules': meter.before(seconds, first)}
