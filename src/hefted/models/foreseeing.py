"""What `fit` foresees once it is compiled, before its first step.

A program whose pace is known from an earlier fit is priced by that. One that is new takes a few steps on copies of its
state, for a few percent of what the training seems to take; where that cannot be (a state too large to be kept twice,
so few steps that one is more than that), it is priced by the machine's calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hefted.data.source import Source
from hefted.data.stream import StreamSource
from hefted.forecast.local import LocalForecast, Watts, price_of, watts_at, watts_between
from hefted.forecast.outlook import Outlook
from hefted.forecast.pace import Pace, doubt_of, roofline
from hefted.models.planning import Work, fits, plan_of, work_of
from hefted.quantities import Quantity
from hefted.train import pilot
from hefted.train.binding import Binding, copy_state
from hefted.train.checkpoint import Place
from hefted.train.convolutions import equations
from hefted.train.governor import Governor
from hefted.train.listening import Listener
from hefted.train.program import Stretcher

if TYPE_CHECKING:
    from hefted.forecast.plan import Plan

_SHARE = 0.015  # of what the training seems to take, for the pilot; its first call and the plan come beside it
_LEAST_SECONDS, _MOST_SECONDS = 0.003, 0.6
_LEAST_STEP = 3e-6  # seconds: no step is shorter
# Of an epoch's edge that the loop runs across, of one at which it is drained, and of a validation, before any was
# measured: as on two cores of a server.
_EDGE_SECONDS, _DRAINED_SECONDS, _JUDGE_SECONDS = 3e-5, 2e-4, 2e-4
_AGAIN = 0.1  # a forecast that is so near to the last one of the same plan is that one
_LIKELY_FLOPS, _BRIEF_SECONDS = 4e10, 0.02  # of a processor a second; what a pilot of few steps may take at most
_NOT_TRIED = (0.6, 2.0)
_KNOWN_DOUBT = (0.15, 0.2)
_READ_SECONDS = 0.05  # of a phase, to tell its watts by
_BEGINNING = Place(0)
_HOOK_SECONDS = 1.5e-4  # of somebody's hook at a step, and of the tick before it


@dataclass(frozen=True)
class Judge:
    """How a training is validated.

    Attributes:
        loop: The compiled loop of evaluation.
        source: Where its batches come from.
        init_metrics: Makes what the loop carries, at the start.
    """

    loop: Stretcher
    source: Source
    init_metrics: Callable[[], Any]


@dataclass(frozen=True)
class Prepared:
    """A training that is compiled and has not begun.

    Attributes:
        loop: Its compiled loop.
        source: Where its batches come from.
        binding: Its variables.
        epochs: How many it has.
        steps_per_epoch: Steps of one; None where nobody knows.
        judge_steps: Steps of one validation; 0 without any, None where nobody knows.
        validations: How many of them.
        kept: The model's own cache of what was found out about this program.
        judge: How it is validated; None without.
        since: How far an earlier attempt at it was.
    """

    loop: Stretcher
    source: Source
    binding: Binding
    epochs: int
    steps_per_epoch: int | None
    judge_steps: int | None
    validations: int
    kept: dict[Any, Any]
    judge: Judge | None = None
    since: Place = _BEGINNING


@dataclass
class Known:
    """What was found out about a program, by its pilot and by the trainings that it had.

    Attributes:
        about: What the next three are of.
        plan: The last plan.
        work: Of a step.
        room: Whether its memory is there, with a note if not.
        pace: As measured; None before the first pilot.
        watts: By sensor, while it trained.
        last: The last forecast.
    """

    about: Any = None
    plan: Plan | None = None
    work: Work | None = None
    room: tuple[bool | None, tuple[str, ...]] = (None, ())
    pace: Pace | None = None
    watts: Watts = field(default_factory=dict[str, float])
    last: LocalForecast | None = None


def foresee(prepared: Prepared, run: Any, asked: bool = False) -> LocalForecast | None:
    """What the training will take from here on; None where nothing can be said.

    Args:
        prepared: The training.
        run: Who prices it, and keeps it in its journal.
        asked: Whether somebody asked for it, and may wait for the machine's calibration; nothing is kept then.
    """
    if prepared.loop.step is None or not prepared.epochs:  # plain Python: what it does is the user's to see, once
        return None
    known = known_of(prepared)
    plan = planned(known, prepared)
    if plan.steps is None or plan.validation_steps is None:  # a stream of which nobody knows the end
        return None
    if known.pace is None or (plan.validations and not known.pace.judge_step):
        known.pace, known.watts = _tried_safely(prepared, plan, run) or _untried(prepared, plan, run)
    forecast = _again(known, plan, asked) or _foreseen(known, plan, run, asked)
    known.last = forecast
    if not asked:
        run.tell(plan=plan, forecast=forecast)  # turned into JSON by the journal's thread
    return forecast


def planned(known: Known, prepared: Prepared) -> Plan:
    """The plan; the same as before where the same is asked again."""
    loop, judge = prepared.loop, prepared.judge
    asked = prepared.epochs, prepared.steps_per_epoch, prepared.judge_steps, prepared.validations, prepared.since
    about = loop.compiled, judge and judge.loop.compiled, prepared.source.layout.rows, asked
    if known.about != about:
        known.work = work_of(loop, prepared.source.layout)
        judged = work_of(judge.loop, judge.source.layout) if judge else None
        known.plan, known.about = plan_of(prepared, known.work, judged), about
        known.room = fits(known.work)
    assert known.plan is not None
    return known.plan


def known_of(prepared: Prepared) -> Known:
    """What is known of a prepared program so far; the same object at its next fit."""
    return prepared.kept.setdefault(('known', prepared.loop.single, isinstance(prepared.source, StreamSource)), Known())


def _again(known: Known, plan: Plan, asked: bool) -> LocalForecast | None:
    """The last forecast of the same plan, where what was learned since does not change it."""
    last, pace = known.last, known.pace
    if last is None or pace is None or last.plan != plan or last.how != pace.how or (asked and not last.utilisation):
        return None
    seconds = sum(pace.seconds(plan).values())
    return last if abs(seconds - last.seconds) <= _AGAIN * last.seconds else None


def _foreseen(known: Known, plan: Plan, run: Any, asked: bool) -> LocalForecast:
    assert known.pace is not None
    room, notes = known.room
    used = None
    if asked and plan.flops and (seconds := sum(known.pace.seconds(plan).values())):
        from hefted.train.calibration import calibration

        used = Quantity(plan.flops / seconds / calibration().flops, '1') / known.pace.doubt
    return LocalForecast(plan, known.pace, price_of(run, known.watts), used, room, notes)


def _tried_safely(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts] | None:
    try:
        return _tried(prepared, plan, run)
    except Exception:  # steps that fail do so in the training too, which then says why
        return None


def _is_told(step: Any) -> bool:
    """Whether somebody hears of each step, who must not hear of steps that are none."""
    return bool(step.effects) or any('callback' in equation.primitive.name for equation in equations(step))


def _tried(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts] | None:
    """Take a few steps, of validation too: what they tell, and at what power they were taken; None where none can be.

    A large state is not kept twice; what tells somebody of each step must not do so of steps that are none.
    """
    loop, judge, steps = prepared.loop, prepared.judge, plan.steps or 0
    guess = (plan.flops_per_step or 0.0) / _LIKELY_FLOPS
    if loop.large or _is_told(loop.step) or 2 * guess > max(_SHARE * steps * guess, _BRIEF_SECONDS):
        return None
    meter = getattr(run, 'meter', None)
    before = meter and meter.read()
    held = prepared.binding.held()
    paced = pilot.try_out(
        loop,
        None,
        copy_state(held) if loop.donates else held,
        prepared.source.trial(),
        prepared.steps_per_epoch or 1,
        max(guess, _LEAST_STEP),
        _allowance(steps),
    )
    judged = None
    if judge is not None and plan.validations:
        allowed = _allowance(plan.validations * (plan.validation_steps or 0))
        chunk = plan.validation_steps or 1
        guess = max((plan.flops_per_validation_step or 0.0) / _LIKELY_FLOPS, _LEAST_STEP)
        judged = pilot.try_out(judge.loop, held, judge.init_metrics(), judge.source.trial(), chunk, guess, allowed)
    after = meter and meter.read()
    watts: Watts = {}
    if meter and before and after:
        watts = watts_between(before, after) or watts_at(meter, after, paced.cpu_share)
    return _pace(prepared, plan, paced, judged), watts


def _untried(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts]:
    """The pace by the machine's calibration, where no step could be tried."""
    from hefted import host
    from hefted.train.calibration import calibration

    speed, meter = calibration(), getattr(run, 'meter', None)
    step = roofline(plan.flops_per_step, plan.bytes_per_step, *speed[:3])
    judge_step = roofline(plan.flops_per_validation_step, None, *speed[:3])
    pace = Pace(
        'roofline', step, _EDGE_SECONDS, _EDGE_SECONDS, judge_step, _EDGE_SECONDS, prepared.loop.single, *_NOT_TRIED
    )
    return pace, watts_at(meter, meter.read(), 0.9 * host.threads_given()) if meter else {}


def _allowance(steps: int) -> Callable[[float], float]:
    return lambda step: max(_LEAST_SECONDS, min(_SHARE * steps * step, _MOST_SECONDS))


def _pace(prepared: Prepared, plan: Plan, paced: pilot.Paced, judged: pilot.Paced | None) -> Pace:
    single = prepared.loop.single
    found = Pace(
        'pilot',
        paced.step,
        _HOOK_SECONDS if single else paced.overhead,
        _DRAINED_SECONDS if judged or prepared.loop.donates else _EDGE_SECONDS,
        judged.step if judged else 0.0,
        judged.overhead + _JUDGE_SECONDS if judged else 0.0,
        single,
    )
    seconds = sum(found.seconds(plan).values())
    steps = (plan.steps or 0) * found.step + (plan.validations or 0) * (plan.validation_steps or 0) * found.judge_step
    untried = 1 - steps / seconds
    streamed = isinstance(prepared.source, StreamSource)  # how fast batches come nobody knows
    down, up = doubt_of(paced.spread, paced.seconds, untried)
    return replace(found, down=down, up=up + 1.0 * streamed)


def listening(prepared: Prepared, forecast: LocalForecast | None, run: Any) -> Governor:
    """Who listens to a training: narrows its forecast, and learns for the next one."""
    if forecast is None:
        return Governor()
    outlook = Outlook(forecast.plan, forecast.pace)
    return Listener(outlook, run.tell, lambda told: _learn(prepared, told, run), before=prepared.since.done)


def _learn(prepared: Prepared, outlook: Outlook, run: Any) -> None:
    """Keep what a training took, for the forecast of the next of the same program."""
    known, step = known_of(prepared), outlook.step
    if known.pace is None or step is None:
        return
    steps = outlook.plan.validation_steps or 0
    judged = outlook.validation
    known.pace = Pace(
        'known',
        step,
        0.0,
        outlook.at_edges / outlook.edges if outlook.edges else 0.0,
        known.pace.judge_step if judged is None or not steps else judged / steps,
        known.pace.judge_edge if judged is None or not steps else 0.0,
        prepared.loop.single,
        *_KNOWN_DOUBT,
    )
    shares = getattr(run, 'shares', None)
    lasted = shares.seconds.get('train', 0.0) if shares else 0.0
    if shares and lasted >= _READ_SECONDS:
        known.watts = {sensor: joules / lasted for sensor, joules in shares.joules['train'].items()}
