"""Budgets over several runs: those of a `with` block, of a process, of a project.

    with hefted.Budget('1 Wh') as rest:
        model.fit(x, y)                 # stops where the block's budget says
        print(rest.left)

    HEFTED_BUDGET='1 Wh' python train.py

What counts is every run that begins meanwhile, in whichever thread: `fit`, `evaluate`, `predict`, `hefted.meter`; what
the program does between them does not. A `fit` is stopped, or refused, by what is left; the others only count. A child
process that is started inside a run is counted there, as part of that run; it has the same HEFTED_BUDGET for itself.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from hefted import settings
from hefted.budget.budget import Budget, written
from hefted.budget.limits import Limit, spent
from hefted.budget.written import UNITS
from hefted.errors import ArgumentError
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint


class Run(Protocol):
    """What is asked of a metered run."""

    id: str
    parent: str

    def so_far(self) -> Footprint | None:
        """What it took up to now."""
        ...


_lock = threading.RLock()
_open: list[Covering] = []
_closed: weakref.WeakSet[Covering] = weakref.WeakSet()  # a run of another thread may still be under its limits
_of_process: dict[str, Covering] = {}  # by what the setting says


class Covering:
    """What a budget over several runs has come to.

    Args:
        budget: The most that they may spend together.
        whose: What it is called, such as 'budget of the process'.
    """

    def __init__(self, budget: Budget, whose: str) -> None:
        self.budget, self.whose = budget, whose
        self._ended = dict.fromkeys(budget.limits, 0.0)
        self._runs: dict[str, tuple[weakref.ref[Run], dict[str, float]]] = {}  # and what each had taken before
        self._within: set[str] = set()
        self._final: dict[str, float] | None = None

    def begin(self, run: Run, *, before: bool = False) -> None:
        """A run has begun, or one that had begun before goes on; what is part of another is counted there."""
        if run.id in self._within:
            return
        inside = run.parent in self._within
        self._within.add(run.id)
        if not inside:
            self._runs[run.id] = weakref.ref(run), self._of(run) if before else {}

    def end(self, run: Run) -> None:
        """A run has ended."""
        _, before = self._runs.pop(run.id, (None, None))
        if before is not None:
            for name, amount in self._of(run).items():
                self._ended[name] += amount - before.get(name, 0.0)

    def close(self) -> None:
        """Tell from now on what is spent now: what its runs take later, such as `predict`, is not the block's."""
        self._final = self.amounts()

    def _of(self, run: Run) -> dict[str, float]:
        footprint = run.so_far()
        found = {} if footprint is None else spent(footprint, self.budget.limits)
        return {name: amount or 0.0 for name, amount in found.items()}

    def amounts(self, apart: Run | None = None) -> dict[str, float]:
        """What was spent up to now by name, in the units of `UNITS`; without what one of the runs has taken."""
        total = dict(self._ended)
        for run, before in [(reference(), before) for reference, before in list(self._runs.values())]:
            if run is not None and run is not apart:
                for name, amount in self._of(run).items():
                    total[name] += amount - before.get(name, 0.0)
        if apart is not None and apart.id not in self._runs and apart.id in self._within:  # it is counted in another
            for name, amount in self._of(apart).items():
                total[name] -= amount
        return total

    @property
    def spent(self) -> Mapping[str, Quantity]:
        """What was spent up to now, by name."""
        return self._told(self._now())

    @property
    def left(self) -> Mapping[str, Quantity]:
        """What is left, by name."""
        return self._told({name: max(self.budget.most(name) - amount, 0.0) for name, amount in self._now().items()})

    def _now(self) -> dict[str, float]:
        return self.amounts() if self._final is None else self._final

    def _told(self, amounts: Mapping[str, float]) -> Mapping[str, Quantity]:
        return {
            name: Quantity(amount, UNITS[name]).to(self.budget.limits[name].unit) for name, amount in amounts.items()
        }

    def limits(self, run: Run) -> list[Limit]:
        """The limits of a run within it."""
        return [Limit(name, most, self.whose, self._others(run, name)) for name, most in self.budget.limits.items()]

    def _others(self, run: Run, name: str) -> Callable[[], float]:
        return lambda: self.amounts(run)[name]

    def __repr__(self) -> str:
        left = ', '.join(written(most) for most in self.left.values())
        return f'<{self.whose}: {left} left of {self.budget}>'


def opened(budget: Budget, whose: str = 'budget of the with block') -> Covering:
    """Have a budget cover every run that begins from now on."""
    covering = Covering(budget, whose)
    with _lock:
        _open.append(covering)
    return covering


def closed(budget: Budget) -> None:
    """The last one that was opened for a budget covers nothing any more."""
    with _lock:
        for place in reversed(range(len(_open))):
            if _open[place].budget is budget:
                covering = _open.pop(place)
                covering.close()
                _closed.add(covering)
                return


def those_open() -> list[Covering]:
    """Everything that covers a run that begins now.

    Raises:
        ArgumentError: If HEFTED_BUDGET, or a project's budget, cannot be read.
    """
    name, said = settings.budget_setting()
    found = list(_open)
    if said:
        with _lock:
            if said not in _of_process:
                try:
                    budget = Budget(said)
                except ArgumentError as error:
                    raise ArgumentError(f'{name}: {error}') from error
                _of_process[said] = Covering(budget, 'budget of the process')
        found.append(_of_process[said])
    return found


def begun(run: Run, *, before: bool = False) -> None:
    """Told of each run that begins, or goes on."""
    for covering in those_open():
        covering.begin(run, before=before)


def ended(run: Run) -> None:
    """Told of each run that has ended."""
    for covering in [*_open, *_closed, *_of_process.values()]:
        covering.end(run)


def limits_over(run: Any) -> list[Limit]:
    """The limits of all that covers a run."""
    return [limit for covering in those_open() for limit in covering.limits(run)]
