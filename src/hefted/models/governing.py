"""Who governs a training: its budgets, the grid it waits for, whoever else may end or hold it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hefted.train.governor import Governor, Governors

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast
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


def governor_of(
    run: Any,
    forecast: Forecast | None,
    *,
    budget: Any = None,  # noqa: ARG001
    when: Wish | None = None,
    place: Any = None,
    verbose: Any = 'auto',
) -> Governor:
    """The governor that a `fit`'s arguments ask for.

    Args:
        run: The open run.
        forecast: What is foreseen from here on; None where nothing is.
        budget: As `fit` takes it.
        when: What `wish_of` made of it.
        place: As `fit` takes it.
        verbose: As `fit` takes it.
    """
    several: list[Governor] = []
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
