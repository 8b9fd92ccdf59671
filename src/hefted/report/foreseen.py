"""What was foreseen of a run before its first step, beside what that came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from hefted.quantities import Quantity, total

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.forecast.forecast import Forecast


_ENDINGS = {
    'stopped': ' until it was stopped',
    'failed': ' until it failed',
    'interrupted': ' until it was killed',
    'running': ' so far',
}


def foreseen(forecast: Forecast, took: Footprint, status: str = 'finished') -> str:
    """A forecast, the phases that it is of, and what these took: of the same phases as its score is.

    Args:
        forecast: As it was before the first step.
        took: What the whole run took.
        status: How it ended: what did less than was foreseen says so.

    Returns:
        Such as '12 s (10 to 15) and 63 J (40 to 95) for train and validate, which took 13 s and 70 J'.

    Example:
        >>> from hefted.footprint.footprint import Footprint, PhaseShare
        >>> from hefted.footprint.place import Place
        >>> from hefted.forecast.forecast import Forecast
        >>> from hefted.forecast.plan import Plan
        >>> def told(seconds, **phases):
        ...     return Footprint(None, None, Quantity(seconds, 's'), Place.of('FR'), phases=phases)
        >>> took = told(12.0, compile=PhaseShare(None, 2.0), train=PhaseShare(None, 10.0))
        >>> foreseen(Forecast(Plan(), told(9.0)), took)
        '9.0 s for train, which took 10 s'
    """
    from hefted.forecast.words import short
    from hefted.ledger.scores import counted

    told = forecast.footprint
    figures = _listed([short(figure) for figure in (told.duration, told.energy) if figure is not None])
    phases = {name: share for name, share in took.phases.items() if name in counted(told.phases)}
    if not phases:
        return f'{figures}; no step was done'
    joules = [share.energy for share in phases.values() if share.energy is not None]
    lasted = Quantity(sum(share.seconds for share in phases.values()), 's').rounded
    actual = [lasted, *([total(joules).rounded] if joules else [])]
    return f'{figures} for {_listed(list(phases))}, which took {_listed(actual)}{_ENDINGS.get(status, "")}'


def foreseen_in(told: Any, took: Footprint, status: str = 'finished') -> str:
    """The same of a forecast as a journal holds it; '' where it cannot be read."""
    from hefted.forecast.forecast import Forecast

    if not isinstance(told, dict):
        return ''
    try:
        return foreseen(Forecast.from_json(cast(dict[str, Any], told)), took, status)
    except (ValueError, TypeError, LookupError, AttributeError):  # another version's, or damaged
        return ''


def _listed(parts: Sequence[str]) -> str:
    return ', '.join(parts[:-1]) + ' and ' * (len(parts) > 1) + parts[-1]
