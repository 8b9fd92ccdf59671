"""Who governs a training: its budgets, the grid it waits for, whoever else may end or hold it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hefted import settings
from hefted.distribution import lead
from hefted.footprint import project
from hefted.train.governor import Governor, Governors

if TYPE_CHECKING:
    from hefted.budget import Limit
    from hefted.forecast.forecast import Forecast
    from hefted.models.preparing import Prepared
    from hefted.train.pace import Pace
    from hefted.when import When


class Wish(NamedTuple):
    """What `fit` was asked to wait for.

    Attributes:
        when: That.
        asked: When it was asked, in seconds since 1970: deadlines count from then.
    """

    when: When
    asked: float


def wish_of(when: Any) -> Wish | None:
    """Read `when` as `fit` takes it, before anything is done: None stays None.

    Raises:
        ArgumentError: If it cannot be read, or nothing tells what the grid will be.
    """
    if when is None:
        return None
    from hefted.footprint.live import forecaster
    from hefted.when import When

    wish = When.of(when)
    forecaster()
    return wish and Wish(wish, time.time())


def limits_for(budget: Any = None) -> list[Limit]:
    """The limits that were said for a run itself; none, and at once, where nothing was.

    Args:
        budget: As `fit` takes it.

    Raises:
        ArgumentError: If a budget cannot be read.
    """
    if budget is None:
        return []
    from hefted.budget import Budget, limits_of

    return limits_of(Budget.of(budget))


def own_of(limits: Sequence[Limit]) -> dict[str, str]:
    """The limits that were said for the run itself, as its journal keeps them."""
    from hefted.budget.budget import written

    return {limit.name: written(limit.quantity) for limit in limits if limit.whose == 'budget'}


def within(limits: Sequence[Limit], run: Any) -> list[Limit]:
    """Everything that a run must keep within: its own limits, and those of its block, its process and its project.

    Raises:
        BudgetError: If one is passed before anything more is done, or cannot be kept at all; the message says what was
            spent, or how to have the quantity known.
    """
    if settings.budget_setting()[1] is not None or 'hefted.budget.covering' in sys.modules:
        from hefted.budget import covering

        limits = [*limits, *covering.limits_over(run)]
    if 'budget' in project.says():
        from hefted.budget import project as of_project

        limits = [*limits, *of_project.limits_over(run)]
    if not limits and lead.watch() is None:
        return []
    from hefted.models.affording import require_of_all

    require_of_all(limits, run)
    return list(limits)


def governor_of(
    run: Any,
    forecast: Forecast | None,
    *,
    budget: Any = None,
    when: Wish | None = None,
    place: Any = None,
    prepared: Prepared | None = None,
    pace: Pace | None = None,
    keeps: bool = False,
    verbose: Any = 'auto',
) -> Governor:
    """The governor that a `fit`'s arguments ask for.

    Args:
        run: The open run.
        forecast: What is foreseen from here on; None where nothing is.
        budget: As `fit` takes it, or the limits that were found of it.
        when: What `wish_of` made of it.
        place: As `fit` takes it.
        prepared: What was compiled.
        pace: What is known of its speed.
        keeps: Whether checkpoints are kept.
        verbose: As `fit` takes it.

    Raises:
        BudgetError: If a budget does not pay for a single step.
    """
    several: list[Governor] = []
    if budget:
        from hefted.models.affording import spending_of

        limits = budget if isinstance(budget, list) else limits_for(budget)
        quiet = verbose in (0, False)
        several.append(spending_of(run, limits, forecast, prepared, pace=pace, keeps=keeps, quiet=quiet))
    if when is not None:
        several.append(_holding(run, forecast, when, place, verbose))
    return Governors(several)


def _holding(run: Any, forecast: Forecast | None, wish: Wish, place: Any, verbose: Any) -> Governor:
    from hefted.footprint import place as places
    from hefted.footprint.live import forecaster
    from hefted.footprint.live.forecasts import Outlook
    from hefted.train.holding import Holding
    from hefted.train.progress import line_for

    return Holding(
        wish.when,
        lambda until, clock: Outlook(forecaster(), places.find(place), until, clock),
        forecast,
        run,
        asked=wish.asked,
        say=line_for(verbose),
    )
