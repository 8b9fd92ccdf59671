"""How long a plan takes, from what a step, an epoch's edge and a validation take on this machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hefted.forecast.forecast import How
from hefted.forecast.plan import Plan
from hefted.quantities import Error, Quantity, Source

PILOT = Source('pilot', 'Steps tried on this machine before the training', None, None, 'fact')
KNOWN = Source('pace', 'Earlier trainings of the same program in this process', None, None, 'fact')
ROOFLINE = Source('calibration', "Operations and bytes over this machine's calibrated speeds", None, None, 'fact')
_SOURCES = {'pilot': PILOT, 'known': KNOWN, 'roofline': ROOFLINE}
_CHUNK_SECONDS = 0.2  # as in hefted.train.pace


@dataclass(frozen=True, slots=True)
class Pace:
    """What parts of a training take, in seconds.

    Attributes:
        how: What that rests on.
        step: A training step, within a chunk.
        overhead: A dispatch, beside its steps.
        edge: An epoch's edge: hooks, logs, the order of the next.
        judge_step: A step of validation.
        judge_edge: A validation, beside its steps.
        each: Whether every step is a dispatch.
        down: How much faster all of it may be, relative (90 %).
        up: How much slower.
        checkpoint: A checkpoint of those that the plan counts.
        standing: Which part of the duration comes on top of it for checkpoints that are kept by the clock.
        note: What whoever reads a forecast by it should know.
    """

    how: How
    step: float
    overhead: float = 0.0
    edge: float = 0.0
    judge_step: float = 0.0
    judge_edge: float = 0.0
    each: bool = False
    down: float = 0.2
    up: float = 0.25
    checkpoint: float = 0.0
    standing: float = 0.0
    note: str = ''

    def seconds(self, plan: Plan) -> dict[str, float]:
        """Seconds by phase of a plan whose steps are known.

        Example:
            >>> plan = Plan(steps=320, epochs=10, validations=10, validation_steps=8)
            >>> pace = Pace('pilot', step=1e-3, edge=2e-3, judge_step=5e-4)
            >>> {phase: round(seconds, 3) for phase, seconds in pace.seconds(plan).items()}
            {'train': 0.34, 'validate': 0.04}
        """
        steps, epochs = plan.steps or 0, max(plan.epochs or 1, 1)
        chunks = steps if self.each else epochs * max(1, math.ceil(steps * self.step / epochs / _CHUNK_SECONDS))
        found = {'train': steps * self.step + chunks * self.overhead + epochs * self.edge}
        if plan.validations:
            held_out = (plan.validation_steps or 0) * self.judge_step + self.judge_edge
            found['validate'] = plan.validations * held_out
        if kept := (plan.checkpoints or 0) * self.checkpoint + self.standing * sum(found.values()):
            found['checkpoint'] = kept
        return found

    def duration(self, plan: Plan) -> Quantity:
        """All of it, in s, with its interval."""
        return Quantity(sum(self.seconds(plan).values()), 's') * self.doubt

    @property
    def doubt(self) -> Quantity:
        """A factor around 1 that carries how far the pace may be off."""
        source = _SOURCES[self.how]
        return Quantity(1.0, '1', 'modelled', (Error(source.key, -self.down, self.up),), (source,))


def doubt_of(spread: float, tried: float, untried: float) -> tuple[float, float]:
    """How far a duration may be off, (faster, slower), each relative at 90 %.

    A machine's clock and its neighbours change from a pilot of tenths of a second to a training of minutes, and only
    towards slower where the pilot had the machine to itself; what no pilot tried is a guess by half.

    Args:
        spread: Of the pilot's chunks.
        tried: For how many seconds steps were tried.
        untried: Which part of the duration is of what was not.

    Example:
        >>> doubt_of(0.02, tried=0.2, untried=0.0)
        (0.15, 0.2)
    """
    brief = 0.03 / math.sqrt(max(tried, 1e-3) / 0.1)
    down = math.hypot(0.15, min(spread, 0.5) / 2, min(brief, 0.25), 0.4 * untried)
    up = math.hypot(0.2, min(spread, 0.5) / 2, min(brief, 0.3), 0.5 * untried)
    return round(min(down, 0.6), 2), round(up, 2)


_REACHED = 0.35  # of the calibrated speed of products, in programs as they are


def roofline(flops: float | None, nbytes: float | None, peak: float, bandwidth: float, dispatch: float) -> float:
    """Seconds of a step that nobody tried: as long as its operations or its bytes take, and no less than a dispatch.

    Args:
        flops: Operations of it.
        nbytes: Bytes that it reads and writes.
        peak: Operations a second that the machine reaches in a large product.
        bandwidth: Bytes a second.
        dispatch: Seconds.

    Source:
        Williams, Waterman and Patterson (2009), "Roofline: an insightful visual performance model".

    Example:
        >>> roofline(3.5e9, 1e9, 1e11, 2e10, 1e-4)
        0.1
    """
    return max((flops or 0.0) / (_REACHED * peak), (nbytes or 0.0) / bandwidth, dispatch)
