"""What a training's steps, epochs and validations take, found out by trying some before it, on copies of its state.

Where an epoch is short, whole epochs are rehearsed; where it is long, chunks of it. What cannot be tried (a state too
large to be kept twice, steps of which somebody is told, so few that one is more than may be spent on it) is priced by
the machine's calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hefted import host
from hefted.data.stream import StreamSource
from hefted.errors import HostLostError
from hefted.forecast.local import Watts, watts_at, watts_between
from hefted.forecast.pace import Pace, doubt_of, roofline
from hefted.models.kinds import Kind
from hefted.models.planning import work_of
from hefted.models.preparing import Prepared
from hefted.train import pilot
from hefted.train.binding import Binding, copy_state
from hefted.train.convolutions import equations
from hefted.train.evaluation import evaluate
from hefted.train.rehearsal import LEAST_EPOCHS, Hooks, Rehearsed, rehearse

if TYPE_CHECKING:
    from hefted.forecast.plan import Plan
    from hefted.train.program import Logs

# Seconds for the trial, of those that the training seems to take: a share; but some tens of milliseconds in any that
# lasts a second, as fewer tell little.
_SHARE, _SHARE_OF_SHORT, _SHORT_SECONDS = 0.02, 0.05, 0.06
_LEAST_SECONDS, _MOST_SECONDS = 0.003, 0.6
_LEAST_STEP = 3e-6  # seconds: no step is shorter
# Of an epoch's edge that the loop runs across, of one at which it is drained, and of a validation, where none was
# rehearsed: as on two cores of a server.
_EDGE_SECONDS, _DRAINED_SECONDS, _JUDGE_SECONDS = 3e-5, 2e-4, 2e-4
_LIKELY_FLOPS, _BRIEF_SECONDS = 4e10, 0.02  # of a processor a second; what a trial of few steps may take at most
_TURNS = 4  # of each kind of batches in a part of an epoch that is rehearsed, or it has no mean of them
_BY_OPERATIONS = 'Batches are of several shapes; steps of one were tried, and others told from it by their operations.'
_NOT_TRIED = (0.6, 2.0)
_UNEVEN = 0.5  # how much slower a stream's later batches may come than its second one, relative
_HOOK_SECONDS = 1.5e-4  # of somebody's hook at a step, and of the tick before it


class _Trial(NamedTuple):
    """What was tried.

    Attributes:
        steps: Of training.
        judged: Of validation; None without any.
        epochs: Rehearsed ones; None where they are too long.
        per_epoch: Steps of a rehearsed one: fewer than of a real one, where batches of a stream had to be tried.
        guessed: Which part of a step's time was told by operations, of kinds of batches that were not tried.
    """

    steps: pilot.Paced
    judged: pilot.Paced | None
    epochs: Rehearsed | None
    per_epoch: int
    guessed: float = 0.0

    @property
    def parts(self) -> list[pilot.Paced | Rehearsed]:
        return [part for part in (self.steps, self.judged, self.epochs) if part is not None]

    @property
    def seconds(self) -> float:
        """What all of it took."""
        return sum(part.seconds for part in self.parts)

    @property
    def cpu_share(self) -> float:
        """CPU seconds of the process over seconds that passed."""
        return sum(part.seconds * part.cpu_share for part in self.parts) / self.seconds


def tried(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts]:
    """The pace of a prepared training, and the watts by sensor at which it was tried."""
    return _tried_safely(prepared, plan, run) or _untried(prepared, plan, run)


def _tried_safely(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts] | None:
    try:
        return _tried(prepared, plan, run)
    except HostLostError:
        raise
    except Exception:  # steps that fail do so in the training too, which then says why
        return None


def _is_told(step: Any) -> bool:
    """Whether somebody hears of each step, who must not hear of steps that are none."""
    return bool(step.effects) or any('callback' in equation.primitive.name for equation in equations(step))


def _tried(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts] | None:
    loop, steps = prepared.loop, plan.steps or 0
    guess = (plan.flops_per_step or 0.0) / _LIKELY_FLOPS
    if loop.large or _is_told(loop.step) or 2 * guess > max(_SHARE * steps * guess, _BRIEF_SECONDS):
        return None
    meter = getattr(run, 'meter', None)
    before = meter and meter.read()
    trial = _try(prepared, plan, max(guess, _LEAST_STEP))
    after = meter and meter.read()
    watts: Watts = {}
    if meter and before and after:
        watts = watts_between(before, after) or watts_at(meter, after, trial.cpu_share)
    return _pace(prepared, plan, trial), watts


def _try(prepared: Prepared, plan: Plan, guess: float) -> _Trial:
    loop, held, epochs = prepared.loop, prepared.binding.held(), plan.epochs or 1
    per_epoch = prepared.steps_per_epoch or 1
    paced, guessed = _of_kinds(
        prepared.kinds,
        lambda kind, allowance: pilot.try_out(
            kind.loop,
            None,
            copy_state(held) if loop.donates else held,
            kind.trial(),
            per_epoch,
            guess,
            allowance,
            enough=1,  # of whole epochs: those are rehearsed
        ),
        plan.steps or 0,
    )
    step = paced.step + (_HOOK_SECONDS if loop.single else 0.0)
    epoch = per_epoch * step
    short = _allowance(epochs)(epoch) - paced.seconds >= LEAST_EPOCHS * epoch
    judged = _judged(prepared, plan, 1 if short else pilot.ENOUGH)
    epoch += (plan.validation_steps or 0) * judged.step + judged.overhead if judged else 0.0
    allowance = _allowance(epochs)
    left = allowance(epoch) - paced.seconds
    runs_out = prepared.source.steps is not None and per_epoch > prepared.source.steps  # which each epoch warns of
    if left >= LEAST_EPOCHS * epoch and not runs_out:
        return _Trial(paced, judged, _rehearsed(prepared, per_epoch, True, left, allowance), per_epoch, guessed)
    part, kinds = int(left / (2 * LEAST_EPOCHS) / step), len(prepared.kinds)
    if part >= (_TURNS * kinds if kinds > 1 else 1) and isinstance(prepared.source, StreamSource):
        return _Trial(paced, judged, _rehearsed(prepared, part, False, left, allowance), part, guessed)
    return _Trial(paced, judged, None, per_epoch, guessed)


def _judged(prepared: Prepared, plan: Plan, enough: int) -> pilot.Paced | None:
    judge = prepared.judge
    if judge is None or not plan.validations:
        return None
    guess = max((plan.flops_per_validation_step or 0.0) / _LIKELY_FLOPS, _LEAST_STEP)
    held, chunk = prepared.binding.held(), plan.validation_steps or 1
    return _of_kinds(
        judge.kinds,
        lambda kind, allowance: pilot.try_out(
            kind.loop, held, judge.init_metrics(), kind.trial(), chunk, guess, allowance, enough=enough
        ),
        plan.validations * (plan.validation_steps or 0),
    )[0]


def _of_kinds(
    kinds: list[Kind], try_out: Callable[[Kind, Callable[[float], float]], pilot.Paced], steps: int
) -> tuple[pilot.Paced, float]:
    """What a step takes on average over all kinds of batches, and which part of that was told by operations alone.

    Args:
        kinds: The first of which is tried; the others as well, if a few steps of them are little beside the training.
        try_out: Tries a kind, in the seconds that it is allowed.
        steps: Of the training.
    """
    allowance = _allowance(steps)
    if len(kinds) == 1:
        return try_out(kinds[0], allowance), 0.0

    def each(step: float) -> float:
        return allowance(step) / len(kinds)

    first = try_out(kinds[0], each)
    flops = [work_of(kind.loop, kind.layout).flops or 1.0 for kind in kinds]
    likely = [first.step * operations / flops[0] for operations in flops]
    lasts = steps * sum(kind.part * step for kind, step in zip(kinds, likely, strict=True))
    if 2 * sum(likely[1:]) <= max(_SHARE_OF_SHORT * lasts, _BRIEF_SECONDS):
        paced = [first, *(try_out(kind, each) for kind in kinds[1:])]
        return _mean(kinds, paced), 0.0
    paced = [first, *(first._replace(step=step, seconds=0.0, steps=0) for step in likely[1:])]
    told = _mean(kinds, paced)
    return told, 1 - kinds[0].part * first.step / told.step


def _mean(kinds: list[Kind], paced: list[pilot.Paced]) -> pilot.Paced:
    """A step of any kind, on average."""
    parts, seconds = [kind.part for kind in kinds], sum(each.seconds for each in paced)

    def mean(values: list[float]) -> float:
        return sum(part * value for part, value in zip(parts, values, strict=True))

    return pilot.Paced(
        mean([each.step for each in paced]),
        mean([each.overhead for each in paced]),
        max(each.spread for each in paced),
        sum(each.cpu_share * each.seconds for each in paced) / seconds,
        sum(each.steps for each in paced),
        seconds,
    )


def _rehearsed(
    prepared: Prepared, steps: int, whole: bool, seconds: float, allowance: Callable[[float], float]
) -> Rehearsed | None:
    judge = prepared.judge if prepared.validations and whole else None
    hooks = Hooks(prepared.by_batch, prepared.by_epoch)
    with ExitStack() as opened:
        given = prepared.source
        made = given.rehearsal(whole) if isinstance(given, StreamSource) else given.rehearsal()
        source = opened.enter_context(closing(made))
        held = judge and opened.enter_context(closing(judge.source.rehearsal()))

        def validate(aside: Binding) -> Logs:
            assert judge is not None
            assert held is not None
            metrics, loop = aside.start_evaluation(), judge.loop
            others = judge.others if len(judge.kinds) > 1 else lambda _: loop
            logs, after = evaluate(loop, aside.held(), metrics, held, prepared.judge_steps, others=others)
            aside.end_evaluation(after)
            return logs

        return rehearse(
            prepared.loop,
            source,
            prepared.binding,
            steps,
            judge and validate,
            hooks,
            seconds,
            allowance,
            others=prepared.others if len(prepared.kinds) > 1 else None,
        )


def _untried(prepared: Prepared, plan: Plan, run: Any) -> tuple[Pace, Watts]:
    """The pace by the machine's calibration, where no step could be tried."""
    from hefted.train.calibration import of_devices

    speed, meter = of_devices(plan.devices), getattr(run, 'meter', None)
    step = roofline(plan.flops_per_step, plan.bytes_per_step, *speed[:3])
    judge_step = roofline(plan.flops_per_validation_step, None, *speed[:3])
    pace = Pace(
        'roofline', step, _EDGE_SECONDS, _EDGE_SECONDS, judge_step, _EDGE_SECONDS, prepared.loop.single, *_NOT_TRIED
    )
    return pace, watts_at(meter, meter.read(), 0.9 * host.threads_given()) if meter else {}


def _allowance(steps: int) -> Callable[[float], float]:
    def allowance(step: float) -> float:
        lasts = steps * step
        return min(max(_LEAST_SECONDS, min(_SHARE_OF_SHORT * lasts, _SHORT_SECONDS), _SHARE * lasts), _MOST_SECONDS)

    return allowance


def _pace(prepared: Prepared, plan: Plan, trial: _Trial) -> Pace:
    whole = trial.epochs is not None and trial.per_epoch == prepared.steps_per_epoch
    found = _of_epochs(prepared, trial.epochs) if trial.epochs and whole else _of_steps(prepared, trial)
    if trial.epochs and not whole:
        found = replace(found, step=max(found.step, trial.epochs.epoch / trial.per_epoch))
    steps = (plan.steps or 0) * found.step + (plan.validations or 0) * (plan.validation_steps or 0) * found.judge_step
    total = sum(found.seconds(plan).values())
    guessed = 0.0 if trial.epochs else trial.guessed
    untried = 1 - steps / total + guessed * (plan.steps or 0) * found.step / total
    down, up = doubt_of(trial.epochs.spread if trial.epochs else trial.steps.spread, trial.seconds, untried)
    found = replace(found, down=down, up=up, note=_BY_OPERATIONS if guessed else '')
    # Who stops at every step may make each batch of what the step before has come to: none is drawn early then.
    source = prepared.source
    if prepared.by_batch or not isinstance(source, StreamSource) or (prepared.steps_per_epoch or 0) < 2:
        return found
    return _drawn(source, found)


def _drawn(source: StreamSource, found: Pace) -> Pace:
    """The pace where batches may come more slowly than steps go by: what one or two took to come is all that is known.

    They are drawn beside the steps, so the slower of both counts; the first of them may have set up what the others
    need not, so the steps alone stay within the interval.
    """
    draw = source.seconds_to_draw()
    if draw <= found.step:
        return replace(found, up=found.up + draw / found.step)
    return replace(found, step=draw, down=1 - (1 - found.down) * found.step / draw, up=found.up + _UNEVEN)


def _of_epochs(prepared: Prepared, epochs: Rehearsed) -> Pace:
    steps, judge_steps = prepared.steps_per_epoch or 1, prepared.judge_steps or 1
    return Pace('pilot', epochs.epoch / steps, 0.0, 0.0, epochs.validation / judge_steps, 0.0, prepared.loop.single)


def _of_steps(prepared: Prepared, trial: _Trial) -> Pace:
    single, paced, judged = prepared.loop.single, trial.steps, trial.judged
    return Pace(
        'pilot',
        paced.step,
        _HOOK_SECONDS if single else paced.overhead,
        _DRAINED_SECONDS if judged or prepared.loop.donates or prepared.by_epoch else _EDGE_SECONDS,
        judged.step if judged else 0.0,
        judged.overhead + _JUDGE_SECONDS if judged else 0.0,
        single,
    )
