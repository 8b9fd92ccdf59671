"""Whether a plan fits the memory of its accelerators, and what would."""

from __future__ import annotations

import math
from typing import NamedTuple

from hefted.forecast.machines import Machines
from hefted.forecast.plan import Plan

_USABLE = 0.9  # of the memory: the rest is the runtime's, and lost between pieces
_SHARED_OUT = 0.7  # of it where a model is shared out: buffers for what is gathered


class Fit(NamedTuple):
    """Whether it fits.

    Attributes:
        fits: None where the plan or the memory is not known.
        note: What a reader should know; '' where nothing.
        replica: How many devices hold one copy together.
    """

    fits: bool | None
    note: str = ''
    replica: int = 1


def fit(plan: Plan, on: Machines) -> Fit:
    """Tell whether a plan fits, on each device by itself or shared out over them.

    What a step needs beside the state goes by the rows of one device: of a compiled step that was counted on more or
    fewer devices it is as much less or more.

    Args:
        plan: With the bytes at once of one device (`peak_bytes`), and the state's among them.
        on: The machines.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> from hefted.forecast.planning import plan_of
        >>> fit(plan_of(175e9, 300e9), machines('8 x A100-80GB')).note
        'It does not fit: 2.8 TB of weights, gradients and optimizer on 8 x 80 GB; 56 would hold them, shared out.'
    """
    memory = on.chip.memory_gb
    if memory is None or plan.peak_bytes is None:
        return Fit(None)
    room, state = 1e9 * memory, float(plan.state_bytes or 0)
    own = max(plan.peak_bytes - state, 0.0)
    if plan.bytes_per_step is not None:  # compiled: its batch is shared; what papers tell is of one sequence
        data = min(float(plan.data_bytes or 0), own)  # on each
        own = data + (own - data) * plan.devices / on.count
    peak = state + own
    if peak <= _USABLE * room:
        return Fit(True)
    if own > _SHARED_OUT * room or not state:
        what = 'a sequence' if plan.bytes_per_step is None else "a device's part of the batch"
        return Fit(
            False,
            f'It does not fit: {_told(peak)} at once, of which {what} takes {_told(own)}, on '
            f'{memory:g} GB. Shorter sequences or smaller batches would.',
        )
    needed = math.ceil(state / (_SHARED_OUT * room - own)) if own < _SHARED_OUT * room else math.inf
    if needed <= on.count:
        return Fit(
            True, f'It fits where {needed} accelerators or more share weights, gradients and optimizer.', int(needed)
        )
    return Fit(
        False,
        f'It does not fit: {_told(state)} of weights, gradients and optimizer on {on.count:,} x {memory:g} GB; '
        f'{needed:,.0f} would hold them, shared out.',
        on.count,
    )


def _told(count: float) -> str:
    for unit, size in (('TB', 1e12), ('GB', 1e9), ('MB', 1e6)):
        if count >= size:
            return f'{count / size:.2g} {unit}' if count < 99 * size else f'{count / size:,.0f} {unit}'
    return f'{count / 1e3:.2g} kB'
