"""What earlier forecasts on this machine teach the next one: by how much they were off, and how far that varies.

Of the newest runs like it (the same kind of forecast, machine and length) the ratios of actual to foreseen are taken.
Their median sets the next forecast right, and their quantiles give it its interval: split conformal prediction, whose
interval holds as often as it says for whatever distribution, as long as the next run is like those before it. With n
ratios the low end is the floor(0.05 (n + 1))th and the high end the ceil(0.95 (n + 1))th, which is the correction for
few of them. An interval that follows from few runs and is narrower than that of the forecast itself is only believed
in part.

Source:
    Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World", chapters 2 and 4 (by kind: Mondrian);
    Angelopoulos and Bates 2021, "A Gentle Introduction to Conformal Prediction", arXiv:2107.07511, section 1.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hefted.errors import LedgerError
from hefted.ledger import record
from hefted.ledger.journal import runs_folder
from hefted.ledger.record import RECORD, machine_key, record_source
from hefted.metering.machine import Machine, this_machine
from hefted.quantities import Error, Quantity

if TYPE_CHECKING:
    from hefted.forecast.forecast import How
    from hefted.ledger.scores import Score

FEWEST = 20
"""Runs of a kind before they are heard: 19 are the fewest of which both ends of 90 % can be told."""

_SIDE = 0.05  # of the runs may lie below the interval, and as many above
_WIDEST = 10.0  # of the forecast's own interval, to either side, that is believed
_NARROWEST = math.log(1.02)  # to either side: clocks, other processes and a warmer chip make that of any two runs
_PRIOR_RUNS = 20  # what the forecast's own interval counts for
_STALE_SECONDS = 600.0
_PATIENCE_SECONDS = 0.2


class Correction(NamedTuple):
    """What a record of forecasts says of the next one.

    Attributes:
        runs: How many it rests on.
        low: The low end of actual over foreseen.
        factor: Its middle.
        high: Its high end.

    Example:
        >>> from hefted.quantities import Source
        >>> foreseen = Quantity.between(100.0, 50.0, 200.0, 'J', source=Source('tried', 'Steps that were tried'))
        >>> print(Correction(200, 1.0, 1.1, 1.3).applied(foreseen))
        110 J (90 to 140, modelled)
    """

    runs: int
    low: float
    factor: float
    high: float

    def applied(self, foreseen: Quantity) -> Quantity:
        """Set a forecast right.

        The interval is that of the record; where that is narrower than the forecast's own, between the two, the nearer
        to the record the more runs it has.

        Args:
            foreseen: A figure that was not set right before, positive.

        Returns:
            The middle times the factor; its one error is the record's, and its sources tell of the record.
        """
        if foreseen.value <= 0 or any(source.key == RECORD for source in foreseen.sources):
            return foreseen
        down = self._reach(self.factor / self.low, foreseen.value / foreseen.low if foreseen.low > 0 else math.inf)
        up = self._reach(self.high / self.factor, foreseen.high / foreseen.value)
        value = foreseen.value * self.factor
        source = record_source(self.runs, self.factor)
        error = Error(source.key, value / down - value, value * up - value)
        basis = 'modelled' if foreseen.basis == 'measured' else foreseen.basis
        return Quantity(value, foreseen.unit, basis, (error,), (*foreseen.sources, source))

    def _reach(self, told: float, own: float) -> float:
        """How far an end lies from the middle, as a factor."""
        learnt = max(math.log(told), _NARROWEST)
        weight = self.runs / (self.runs + _PRIOR_RUNS)
        return math.exp(max(learnt, weight * learnt + (1 - weight) * math.log(min(own, _WIDEST))))


def learned(
    scores: Iterable[Score], how: How, seconds: float | None = None, machine: str | None = None
) -> Correction | None:
    """What scores teach of forecasts of one kind.

    Args:
        scores: The newest first.
        how: What the forecasts rest on.
        seconds: The duration that is foreseen now: only runs of such a length are heard; None for all.
        machine: Only those of this machine (`machine_key`); None for all.

    Returns:
        The correction; None for fewer than 20 runs.
    """
    length = None if seconds is None else record.length_of(seconds)
    like = [
        score
        for score in scores
        if score.how == how
        and machine in (None, score.machine)
        and score.duration is not None
        and length in (None, record.length_of(score.duration.foreseen / score.factor))
    ]
    ratios = [score.bare_ratio for score in like[: record.KEPT]]
    return conformal([math.log(ratio) for ratio in ratios if ratio])


def conformal(logarithms: Sequence[float]) -> Correction | None:
    """The correction that ratios of actual to foreseen give.

    Args:
        logarithms: Of the ratios, in any order.

    Returns:
        The correction; None for fewer than 20.

    Example:
        >>> conformal([math.log(1.1)] * 20)
        Correction(runs=20, low=1.1, factor=1.1, high=1.1)
    """
    runs = len(logarithms)
    if runs < FEWEST:
        return None
    ordered = sorted(logarithms)
    below = math.floor(_SIDE * (runs + 1))  # as many lie above
    middle = (ordered[(runs - 1) // 2] + ordered[runs // 2]) / 2
    ends = ordered[below - 1], middle, ordered[-below]
    low, factor, high = (round(math.exp(end), 6) for end in ends)
    return Correction(runs, low, factor, high)


def correction(
    how: How, seconds: float | None = None, machine: Machine | None = None, *, renew: bool = True
) -> Correction | None:
    """What this machine's record says of a forecast: in less than a millisecond, by one line of one file.

    The file is brought up to date by `hefted ledger --scores`, and when a process that asked for a correction with
    `renew` ends and the file is older than ten minutes, in at most 0.2 s. It is read once a process.

    Args:
        how: What the forecast rests on.
        seconds: The duration that is foreseen: runs of such a length are heard; None for runs of every length.
        machine: The machine that it is for; None for this one.
        renew: Whether the file is brought up to date at the end; a short training is not worth that.

    Returns:
        The correction; None where there are not enough runs, or nothing was written of them yet.
    """
    if renew:
        _refresh_at_exit()
    key = machine_key((machine or this_machine()).to_json())
    return _correction(runs_folder() / record.FILE, key, how, None if seconds is None else record.length_of(seconds))


@cache
def _correction(path: Path, machine: str, how: How, length: record.Length | None) -> Correction | None:
    lengths = record.LENGTHS if length is None else (length,)
    return conformal([ratio for each in lengths for ratio in record.ratios(path, record.key_of(machine, how, each))])


@cache
def _refresh_at_exit() -> None:
    atexit.register(_refresh_unless_interrupted)


def _refresh_unless_interrupted() -> None:
    # Whoever pressed Ctrl-C waits for nothing; and Python forgets that it has to end by a signal once a module that is
    # imported so late makes code of strings.
    if getattr(sys, 'last_type', None) is not KeyboardInterrupt:
        refresh()


def refresh(stale_seconds: float = _STALE_SECONDS) -> bool:
    """Bring the record up to date if it is old; whether it was.

    Args:
        stale_seconds: How old a record is left as it is.
    """
    from hefted import ledger

    folder = runs_folder()
    with suppress(OSError, LedgerError):  # the record is a help to forecasts: without it they stand as they are
        if record.age(folder) < stale_seconds:
            return False
        ledger.open(folder).scores(patience=_PATIENCE_SECONDS)
        os.utime(folder / record.FILE)  # it may have been right already
        return True
    return False
