"""What `fit` foresees once it is compiled, before its first step.

A program whose pace is known from an earlier fit is priced by that; one that is new is tried (models/trying.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hefted.data.stream import StreamSource
from hefted.forecast.local import LocalForecast, Watts, price_of
from hefted.forecast.outlook import Outlook
from hefted.forecast.pace import Pace
from hefted.models.kinds import work_of_all
from hefted.models.of_all import drawn_by_all, priced_for_all
from hefted.models.planning import Work, fits, plan_of
from hefted.models.preparing import Prepared
from hefted.models.trying import tried
from hefted.quantities import Quantity
from hefted.train.governor import Governor
from hefted.train.listening import Listener

if TYPE_CHECKING:
    from hefted.forecast.plan import Plan

_AGAIN = 0.1  # a forecast that is so near to the last one of the same plan is that one
_ALIKE = 0.1  # steps whose operations are so near to one another are told by one pace
_KNOWN_DOUBT = (0.15, 0.2)
_READ_SECONDS = 0.05  # of a phase, to tell its watts by


@dataclass
class Known:
    """What was found out about a program, by its pilot and by the trainings that it had.

    Attributes:
        about: What the next three are of.
        plan: The last plan.
        work: Of a step.
        room: Whether its memory is there, with a note if not.
        pace: As measured; None before the first pilot.
        paced: Operations of a step of which that is the pace.
        watts: By sensor, while it trained.
        last: The last forecast.
    """

    about: Any = None
    plan: Plan | None = None
    work: Work | None = None
    room: tuple[bool | None, tuple[str, ...]] = (None, ())
    pace: Pace | None = None
    paced: float = 0.0
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
    operations = plan.flops_per_step or 0.0
    other = abs(operations - known.paced) > _ALIKE * operations  # rows of another length, or another mix of lengths
    if known.pace is None or other or (plan.validations and not known.pace.judge_step):
        known.pace, known.watts = tried(prepared, plan, run)
        known.paced = operations
    pace = _with_checkpoints(known.pace, prepared)
    drawn = drawn_by_all(known.watts)
    forecast = _again(known, pace, plan, asked) or _foreseen(known, pace, plan, run, asked, drawn)
    known.last = forecast
    if not asked:
        run.tell(plan=plan, forecast=forecast)  # turned into JSON by the journal's thread
    return forecast


def planned(known: Known, prepared: Prepared) -> Plan:
    """The plan; the same as before where the same is asked again."""
    judge, source = prepared.judge, prepared.source
    asked = prepared.epochs, prepared.steps, prepared.judge_steps, prepared.validations, prepared.checkpoints
    loops = [(kind.loop.compiled, kind.part) for kind in (*prepared.kinds, *(judge.kinds if judge else ()))]
    about = loops, source.layout.rows, source.tokens, asked
    if known.about != about:
        known.work = work_of_all(prepared.kinds)
        judged = work_of_all(judge.kinds) if judge else None
        known.plan, known.about = plan_of(prepared, known.work, judged), about
        known.room = fits(known.work)
    assert known.plan is not None
    return known.plan


def known_of(prepared: Prepared) -> Known:
    """What is known of a prepared program so far; the same object at its next fit."""
    return prepared.kept.setdefault(('known', prepared.loop.single, isinstance(prepared.source, StreamSource)), Known())


def tried_step(prepared: Prepared) -> float | None:
    """Seconds of a step as it was tried for a forecast; None where none was."""
    pace = known_of(prepared).pace
    return pace.step if pace is not None and pace.how == 'pilot' else None


def _with_checkpoints(pace: Pace, prepared: Prepared) -> Pace:
    """The pace with what is kept of the training, which is not the program's to know."""
    if not prepared.keepers:
        return pace
    counted = prepared.steps or 0, prepared.epochs
    prices = [k.price(prepared.binding.held()) for k in prepared.keepers if k.count(*counted) != 0]
    return replace(pace, checkpoint=sum(price.seconds for price in prices), standing=sum(p.share for p in prices))


def _again(known: Known, pace: Pace, plan: Plan, asked: bool) -> LocalForecast | None:
    """The last forecast of the same plan, where what was learned since does not change it."""
    last = known.last
    if last is None or last.plan != plan or last.how != pace.how or (asked and not last.utilisation):
        return None
    seconds = sum(pace.seconds(plan).values())
    return last if abs(seconds - last.seconds) <= _AGAIN * last.seconds else None


def _foreseen(
    known: Known, pace: Pace, plan: Plan, run: Any, asked: bool, drawn: Sequence[float] | None
) -> LocalForecast:
    room, notes = known.room
    price, of_all = priced_for_all(price_of(run, known.watts), drawn)
    used = None
    if asked and plan.flops and (seconds := sum(pace.seconds(plan).values())):
        from hefted.train.calibration import of_devices

        used = Quantity(plan.flops / seconds / of_devices(plan.devices).flops, '1') / pace.doubt
    return LocalForecast(plan, pace, price, used, room, (*notes, *of_all, *([pace.note] if pace.note else [])))


def listening(prepared: Prepared, forecast: LocalForecast | None, run: Any) -> Governor:
    """Who listens to a training: narrows its forecast, and learns for the next one."""
    if forecast is None:
        return Governor()
    outlook = Outlook(forecast.plan, forecast.pace)
    return Listener(outlook, run.tell, lambda told: _learn(prepared, told, run), before=prepared.first.done)


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
