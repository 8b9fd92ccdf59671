"""Whether a budget pays for a training, and how far: asked before its first step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from hefted import units
from hefted.budget.limits import REMEDIES, Limit, spent, unknown
from hefted.budget.written import UNITS, significant
from hefted.distribution import lead
from hefted.errors import BudgetError
from hefted.footprint.account import START_UP
from hefted.models import reporting
from hefted.quantities import Quantity
from hefted.run_ticks import NullRun
from hefted.train.costs import Costs
from hefted.train.jitter import Jitter
from hefted.train.pace import Pace
from hefted.train.purse import Purse
from hefted.train.spending import Spending

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast
    from hefted.models.preparing import Prepared
    from hefted.train.shared import Shared

Read = Callable[[], Mapping[str, float | None]]

_GROUP_END = 0.2  # seconds in which rank 0 hears of all others what they took, the first time
_trainings = itertools.count()


def reader_of(run: Any, limits: Sequence[Limit]) -> Read:
    """What tells how much a run has taken of what is limited; of one that is not metered, its duration alone."""
    names = dict.fromkeys([*(limit.name for limit in limits), 'duration'])
    if isinstance(run, NullRun):
        begun = monotonic()
        return lambda: {name: monotonic() - begun if name == 'duration' else None for name in names}
    return lambda: spent(run.so_far(), names)


def require_known(limits: Sequence[Limit], run: Any) -> Mapping[str, float | None]:
    """What was spent up to now.

    Raises:
        BudgetError: If a quantity that is limited is not known.
    """
    figures = reader_of(run, limits)()
    for limit in unknown(limits, figures):
        why = REMEDIES[limit.name]
        if isinstance(run, NullRun):
            why = 'the meter is off; leave out meter=None, unset HEFTED_METER, or limit the duration'
        raise BudgetError(f'{limit}: expected {limit.name} to be known, so that it can be kept: {why}.')
    return figures


def require_of_all(limits: Sequence[Limit], run: Any) -> None:
    """See that something of each limit is left, of several processes to all of them together.

    Raises:
        BudgetError: A quantity is not known, or one is spent; of several processes all raise it.
        HostsDifferError: They are under different limits.
    """
    figures = require_known(limits, run)
    if lead.watch() is None:
        require_left(limits, figures, run)
        return
    told = _of_all(limits, figures)
    decided(lambda: require_left(limits, told, run), 'whether anything of the budget is left')


def _of_all(limits: Sequence[Limit], figures: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """What all processes have spent, which are under the same limits."""
    from hefted.distribution import hosts

    hosts.agree('the budgets that they are under', {'limits': [str(limit) for limit in limits]})
    if not limits:
        return figures
    several: list[dict[str, float]] = hosts.gather(dict(figures), 'what is spent')
    return {
        name: figure if name == 'duration' else sum(each[name] for each in several) for name, figure in figures.items()
    }


def require_left(limits: Sequence[Limit], figures: Mapping[str, float | None], run: Any) -> None:
    """Go on only where something of each limit is left to a run.

    Raises:
        BudgetError: If one is spent.
    """
    for limit in limits:
        before, elsewhere = figures[limit.name] or 0.0, limit.elsewhere()
        if before + elsewhere >= limit.most:
            raise BudgetError(
                f'{limit}: expected more than what is spent already, received less: '
                f'{_whom(limit, before, elsewhere, run)}. Nothing more was run; allow more than that.'
            )


def _whom(limit: Limit, before: float, elsewhere: float, run: Any) -> str:
    """Who has spent a limit before anything was trained: others, this run's beginning, or both."""
    shares = getattr(run, 'shares', None)
    began = 'the process’s start-up' if shares and START_UP in shares.seconds else 'the run’s beginning'
    if not elsewhere:
        return f'{began} alone took {limit.told(before)}'
    if elsewhere >= limit.most:
        return f'what ran before took {limit.told(elsewhere)}'
    return f'what ran before and {began} took {limit.told(before + elsewhere)}, the latter {limit.amount(before)}'


def spending_of(
    run: Any,
    limits: Sequence[Limit],
    forecast: Forecast | None,
    prepared: Prepared | None,
    *,
    pace: Pace | None = None,
    keeps: bool = False,
    quiet: bool = True,
) -> Spending:
    """The governor of a training's budgets, once it is sure that they pay for a step.

    Raises:
        BudgetError: If they do not.
    """
    kept: dict[Any, Any] = {} if prepared is None else prepared.kept
    all_of = together(run, limits)
    costs: Costs = kept.setdefault('costs', _costs(prepared, all_of is not None))
    purse = Purse(limits, reader_of(run, limits) if all_of is None else all_of.read, perf_counter, kept.get('rates'))
    kept['rates'] = purse.rates  # as they are at the training's end
    governor = Spending(purse, costs, keeps=keeps, jitter=kept.setdefault('jitter', Jitter()), shared=all_of)
    governor.tell()
    purse.look()
    governor.jitter.look()
    if prepared is not None:
        _foresee(costs, forecast, pace)

        def judge() -> None:
            for limit in limits:
                whole = _whole(limit, forecast, prepared, governor) or Whole(0.0, 0.0)
                _judge(limit, whole, governor, prepared, forecast, quiet)

        decided(judge, 'whether the budget pays for a step')
    return governor


def together(run: Any, limits: Sequence[Limit]) -> Shared | None:
    """What all processes of a training have spent of its limits; None for one alone."""
    if (watch := lead.watch()) is None:
        return None
    from hefted.train.shared import shared

    return shared(watch, reader_of(run, limits), next(_trainings))


def decided(judge: Callable[[], None], what: str) -> None:
    """Have rank 0 judge a budget for all; alone, this process.

    Raises:
        BudgetError: In all processes, where it finds against it.
    """
    if lead.watch() is None:
        judge()
        return
    found: BudgetError | None = None
    try:
        if lead.first():
            judge()
    except BudgetError as error:
        found = error
    if told := lead.decide('' if found is None else str(found), what):
        raise found or BudgetError(told)


def _costs(prepared: Prepared | None, several: bool) -> Costs:
    held, judged = (0, 0) if prepared is None else (_bytes(prepared), prepared.judge_steps or 0)
    return Costs(held, judged, _GROUP_END) if several else Costs(held, judged)


class Whole(NamedTuple):
    """What is to come of a limited quantity.

    Attributes:
        all: From here to the end.
        step: Of one step.
    """

    all: float
    step: float


def _bytes(prepared: Prepared) -> int:
    groups = prepared.binding.groups.values()
    return sum(_size(variable) for variables in groups for variable in variables)


def _size(variable: Any) -> int:
    count = 1
    for length in variable.shape:
        count *= length
    return count * 4


def _foresee(costs: Costs, forecast: Forecast | None, pace: Pace | None) -> None:
    """Let the costs know what an earlier training, or the forecast, says of a step and of a validation."""
    if pace is not None and pace.step_seconds is not None:
        costs.foresee('step', pace.step_seconds)
    if forecast is not None:
        phases, plan = forecast.footprint.phases, forecast.plan
        if plan.steps and 'train' in phases:
            costs.foresee('step', phases['train'].seconds / plan.steps)
        if plan.validations and 'validate' in phases:
            costs.foresee('validate', 1.2 * phases['validate'].seconds / plan.validations + 0.01)


def _whole(limit: Limit, forecast: Forecast | None, prepared: Prepared, governor: Spending) -> Whole | None:
    """What the training takes of a quantity, as the forecast says, or an earlier training of the program."""
    steps = prepared.steps
    if forecast is not None and steps:
        whole = spent(forecast.footprint, [limit.name])[limit.name]
        seconds = forecast.duration.to('s').value
        if whole is not None and seconds > 0:
            train = forecast.footprint.phases.get('train')
            return Whole(whole, whole * ((train.seconds if train else seconds) / seconds) / steps)
    costs, rate = governor.costs, governor.purse.rates.get(limit.name)
    if not steps or costs.average is None or rate is None:
        return None
    seconds = steps * costs.average + prepared.validations * costs.of('validate')
    return Whole(seconds * rate, costs.average * rate)


def _judge(
    limit: Limit, whole: Whole, governor: Spending, prepared: Prepared, forecast: Forecast | None, quiet: bool
) -> None:
    """Say how far a limit goes where that is not to the end; raise where it is not even to the first step's end."""
    before = governor.purse.spent(limit)
    rate = governor.purse.rates.get(limit.name, 0.0)
    left = limit.most - before - rate * governor.reserve()
    if left <= whole.step:
        raise BudgetError(_too_little(limit, whole, before, limit.most - left - before, prepared), forecast)
    if left < whole.all and not quiet:
        reporting.say(f'{str(limit)[0].upper()}{str(limit)[1:]}: {_as_far_as(left / whole.all, prepared)}')


def _as_far_as(share: float, prepared: Prepared) -> str:
    """Such as 'about 7 of 10 epochs', 'about 40 % of the first of 10 epochs'."""
    epochs = share * prepared.epochs
    if prepared.epochs == 1 or epochs < 1:
        first = 'the epoch' if prepared.epochs == 1 else f'the first of {prepared.epochs:,} epochs'
        return f'about {max(1, int(100 * epochs))} % of {first}'
    return f'about {int(epochs):,} of {prepared.epochs:,} epochs'


def _too_little(limit: Limit, whole: Whole, before: float, end: float, prepared: Prepared) -> str:
    """What would fit, said where not one step does."""
    rest = limit.most - before - end
    rows = prepared.source.layout.batch_size
    fewer = int(rows * rest / whole.step) if rest > 0 else 0
    smaller = f'a batch of {fewer} rows, or 16-bit precision; or ' if fewer >= 1 else ''
    epoch = whole.all / max(prepared.epochs, 1)
    needs = [('one step', whole.step), ('one epoch', epoch), (f'all {prepared.epochs:,} epochs', whole.all)]
    what = ', '.join(
        f'{_least(limit, before + end + cost)} for {name}' for name, cost in needs[: 2 + (epoch < whole.all)]
    )
    return (
        f'{limit}: expected enough for one step, received less: {limit.told(before)} are spent before it. '
        f'Nothing was trained. What would fit: {smaller}a budget of at least {what}.'
    )


def _least(limit: Limit, amount: float) -> str:
    """An amount of a limit's quantity, and a little more, in the unit that reads best."""
    most = Quantity(1.02 * amount, UNITS[limit.name])
    shown = most.to(units.readable(most.value, most.unit))
    return f'{significant(shown.value)} {shown.unit}'
