"""One plan on several machines, at several places, in several precisions and batch sizes, priced side by side.

What two forecasts have in common is no difference between them: a forecast carries its errors by source, so their
quotient has those of one source cancelled. Two machines whose durations rest on one model of utilisation may each be
known to a factor of two, and yet be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, NamedTuple, Protocol, get_args

from hefted.errors import ArgumentError, LedgerError, unknown_name
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.ledger.lines import Line
from hefted.quantities import Quantity

Figure = Literal['duration', 'energy', 'carbon', 'cost', 'water', 'minerals']
FIGURES: tuple[Figure, ...] = get_args(Figure)
_NOTHING = 1e-9
_LEAST: dict[Figure, str] = {'duration': 'Shortest', 'cost': 'Cheapest'}


class Price(Protocol):
    """What forecasts a plan on a machine at a place, such as `hefted.forecast.analytic.forecast_for`."""

    def __call__(self, plan: Plan, on: str, place: Place | str | None) -> Forecast: ...


PlanOf = Callable[[str | None, int | None], Plan]
"""Makes the plan of a precision and a batch size; None for what the plan has anyway."""


class Choice(NamedTuple):
    """What one row of a comparison is of; None where the plan, or this machine's place, decides.

    Attributes:
        on: The machine.
        place: Where it runs.
        precision: Of the products.
        batch: Rows a step.
    """

    on: str
    place: str | None = None
    precision: str | None = None
    batch: int | None = None


class Ratio(NamedTuple):
    """How many times more one row takes than another.

    Attributes:
        times: With what both have in common cancelled.
    """

    times: Quantity

    @property
    def clear(self) -> bool:
        """Whether it is more beyond doubt: the whole interval is above 1."""
        return self.times.low > 1

    def __str__(self) -> str:
        """Such as '3.1 times (2.2 to 4.5)'.

        Example:
            >>> from hefted.quantities import Source
            >>> print(Ratio(Quantity.between(3.1, 2.2, 4.5, '1', source=Source('grid', 'Grids'))))
            3.1 times (2.2 to 4.5)
        """
        number, _, interval = str(self.times).partition(' (')
        ends = interval.rpartition(',')[0]
        return f'{number} times ({ends})' if ends else f'{number} times'


@dataclass(frozen=True, slots=True)
class Row:
    """One combination.

    Attributes:
        choice: What was asked for.
        forecast: What it takes.
    """

    choice: Choice
    forecast: Forecast

    def figure(self, name: Figure) -> Quantity | None:
        """One of its figures; None where it is not known."""
        return getattr(self.forecast.footprint, name)

    @property
    def fits(self) -> bool:
        """Whether it can be done at all, as far as anybody knows."""
        return self.forecast.fits is not False

    def told(self, differs: Iterable[str], place: str | None = None) -> str:
        """Name it by what differs between the rows.

        Args:
            differs: Of 'on', 'place', 'precision' and 'batch'.
            place: A shorter name of its place.
        """
        names = {
            'on': self.forecast.on,
            'place': place or str(self.forecast.footprint.place),
            'precision': self.forecast.plan.precision,
            'batch': f'batch {self.forecast.plan.batch_size}',
        }
        return ' · '.join(names[what] for what in differs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Forecasts of one piece of work side by side.

    Attributes:
        rows: One for each combination; what does not fit its machine comes last.
        by: What they are in the order of.
    """

    rows: tuple[Row, ...]
    by: Figure = 'duration'

    @property
    def differs(self) -> tuple[str, ...]:
        """What differs between the rows: of 'on', 'place', 'precision' and 'batch'; 'on' where nothing does."""
        found = [
            name for name in Choice._fields if len({row.choice[Choice._fields.index(name)] for row in self.rows}) > 1
        ]
        return tuple(found or ['on'])

    @property
    def names(self) -> list[str]:
        """The rows' names."""
        return [self.named(row) for row in self.rows]

    def named(self, row: Row) -> str:
        """A row's name; without a place's country where the place is told by less."""
        places = {other.forecast.footprint.place for other in self.rows}
        name = row.forecast.footprint.place.name
        short = name.partition(',')[0]
        alone = sum(place.name.partition(',')[0] == short for place in places) == 1
        return row.told(self.differs, short if alone else None)

    def sorted(self, by: Figure) -> Comparison:
        """The same in the order of one figure, the least first; what is not known and what does not fit come last.

        Raises:
            UnknownNameError: If it is no figure of a forecast.
        """
        if by not in FIGURES:
            raise unknown_name('by', by, FIGURES)

        def place(row: Row) -> tuple[bool, bool, float]:
            figure = row.figure(by)
            return not row.fits, figure is None, figure.to(_unit(figure)).value if figure else 0.0

        return Comparison(tuple(sorted(self.rows, key=place)), by)

    def best(self, by: Figure) -> Row | None:
        """The row with the least of a figure among those that fit; None where nothing is known."""
        first = self.sorted(by).rows[0]
        return first if first.fits and first.figure(by) is not None else None

    def ratio(self, row: Row, to: Row, by: Figure | None = None) -> Ratio | None:
        """How many times more one row takes than another; None where that is not known."""
        mine, theirs = row.figure(by or self.by), to.figure(by or self.by)
        if mine is None or theirs is None or theirs.low <= 0:
            return None
        try:
            times = mine / theirs
        except ArgumentError:  # one source alone may make nothing of the divisor
            return None
        # What cancels leaves the last digits of arithmetic.
        errors = tuple(e for e in times.errors if max(abs(e.down), abs(e.up)) > _NOTHING * times.value)
        return Ratio(replace(times, errors=errors))

    def verdict(self, by: Figure | None = None) -> str | None:
        """One sentence on which takes the least, and whether that is beyond doubt; None where there is no choice.

        Such as 'Least carbon: 8 x H100 · France, about 3.1 times less (2.2 to 4.5) than the next, …'.
        """
        by = by or self.by
        ordered = self.sorted(by)
        known = [row for row in ordered.rows if row.fits and row.figure(by) is not None]
        if len(known) < 2:
            return None
        best, *others = known
        alike = [row for row in others if (ratio := self.ratio(row, best, by)) is None or not ratio.clear]
        least = f'{_LEAST.get(by, f"Least {by}")}: {self.named(best)}'
        if alike:
            named = ', '.join(self.named(row) for row in alike[:3])
            more = f' and {len(alike) - 3} more' if len(alike) > 3 else ''
            return f'{least}, but not beyond doubt: {named}{more} may take as little.'
        following = self.ratio(others[0], best, by)
        assert following is not None
        return f'{least}. The next, {self.named(others[0])}, takes about {following}.'


def compare(
    plan: Plan | PlanOf,
    on: Sequence[str],
    places: Sequence[str | None] = (),
    precisions: Sequence[str | None] = (),
    batches: Sequence[int | None] = (),
    *,
    price: Price | None = None,
    by: Figure = 'duration',
) -> Comparison:
    """Price a plan in every combination.

    Args:
        plan: What is going to be done; or what makes the plan of a precision and a batch size.
        on: Machines, such as '64 x V100' and '8 x H100'.
        places: Places, such as 'FR'; none for where this machine is.
        precisions: Of the products, such as 'bfloat16'; none for the plan's own.
        batches: Rows a step; none for the plan's own.
        price: What forecasts one of them; None for the analytic forecast of machines that are not at hand.
        by: What to sort by.

    Raises:
        ArgumentError: If nothing is given to run on, or a machine, a place or a precision is not known.
    """
    if not on:
        raise ArgumentError("on: expected at least one machine, received none. Say where, such as on=['8 x H100'].")
    made: PlanOf = plan if callable(plan) else lambda precision, batch: changed(plan, precision, batch)
    pricing = price or _analytic()
    choices = [Choice(*each) for each in product(*map(_once, (on, places, precisions, batches)))]
    rows = [Row(each, pricing(made(each.precision, each.batch), each.on, each.place)) for each in choices]
    return Comparison(tuple(rows)).sorted(by)


def changed(plan: Plan, precision: str | None = None, batch: int | None = None) -> Plan:
    """The same work in another precision or batch size.

    As many rows in all: with twice the batch, half the steps, each of twice the operations. Of bytes, those of the
    state stay, and what is left grows with the rows.

    Raises:
        ArgumentError: If the batch size is not positive, or the plan has none.

    Example:
        >>> plan = changed(Plan(steps=100, batch_size=32, flops_per_step=1e6), batch=64)
        >>> plan.steps, plan.flops_per_step
        (50, 2000000.0)
    """
    plan = plan if precision is None else replace(plan, precision=precision)
    if batch is None or batch == plan.batch_size:
        return plan
    if batch < 1:
        raise ArgumentError(f'batches: expected positive numbers of rows, received {batch}.')
    if not plan.batch_size:
        raise ArgumentError('batches: expected a plan that tells its batch size, received one without. Leave them out.')
    times = batch / plan.batch_size
    return replace(
        plan,
        batch_size=batch,
        steps=_steps(plan.steps, times),
        validation_steps=_steps(plan.validation_steps, times),
        flops_per_step=_times(plan.flops_per_step, times),
        flops_per_validation_step=_times(plan.flops_per_validation_step, times),
        bytes_per_step=_grown(plan.bytes_per_step, plan.state_bytes, times),
        peak_bytes=_whole(_grown(plan.peak_bytes, (plan.state_bytes or 0) + (plan.data_bytes or 0), times)),
    )


def plan_in(lines: Iterable[Line]) -> Plan:
    """The plan that a run's journal holds.

    Raises:
        LedgerError: If it holds none.
    """
    told: Any = next((line['plan'] for line in lines if isinstance(line.get('plan'), dict)), None)
    if told is None:
        raise LedgerError(
            'run: expected one whose journal holds its plan, received one without: it is of an older version, or no '
            'fit. Fit it again, or describe the training by its parameters and tokens.'
        )
    return Plan.from_json(told)


def _analytic() -> Price:
    from hefted.forecast.analytic import forecast_for  # late: its tables

    return forecast_for


def _once(given: Sequence[Any]) -> list[Any]:
    """Each choice once, however often it was given."""
    return list(dict.fromkeys(given)) or [None]


def _steps(steps: int | None, times: float) -> int | None:
    return None if steps is None else max(round(steps / times), 1) if steps else 0


def _times(number: float | None, times: float) -> float | None:
    return None if number is None else number * times


def _grown(number: float | None, fixed: float | None, times: float) -> float | None:
    """A number of which a part stays and the rest grows."""
    if number is None:
        return None
    stays = min(fixed or 0.0, number)
    return stays + (number - stays) * times


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _unit(figure: Quantity) -> str:
    """One unit for all rows of a figure."""
    from hefted import units

    _, powers = units.parse(figure.unit)
    return next(unit for unit in ('s', 'J', 'g CO2e', 'USD', 'L', 'kg Sb eq') if units.parse(unit)[1] == powers)
