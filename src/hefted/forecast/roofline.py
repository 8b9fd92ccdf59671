"""A compiled program's time on a machine of the catalogue: its operations, its bytes, and what each step costs beside.

    a step = max(operations / (peak x reached), bytes / (bandwidth x reached)) + overhead

Source: Williams, Waterman and Patterson 2009 (Roofline). What a program reaches of either differs by more than itself
between a chain of large products and one of small ones, and a small model's step is all overhead: the interval is
wide, and only a pilot on the machine narrows it.
"""

from __future__ import annotations

from typing import NamedTuple

from hefted.forecast.machines import Machines
from hefted.forecast.plan import Plan
from hefted.forecast.utilisation import carried
from hefted.quantities import Quantity, Source

SOURCE = Source(
    'roofline',
    'Roofline of a machine that is not at hand (Williams et al. 2009), with assumed shares of its peaks',
    2009,
    'https://doi.org/10.1145/1498765.1498785',
    'fact',
)
_REACHED = (0.30, 0.06, 0.65)  # of the peak of products: expected, least, most
_STREAMED = (0.6, 0.3, 1.5)  # of bandwidth; above 1 where what the compiler counts twice stays in caches
_OVERHEAD = (60e-6, 1e-3, 6e-6)  # s: some tens of kernels of 3 to 10 microseconds; expected, most, least
_BANDWIDTH = 500.0  # GB/s where none is known
_GRADIENT = 4.0  # bytes a number: weights of a compiled step, and so their gradients, are float32

COMPILING = Quantity.between(
    4.0,
    0.3,
    40.0,
    's',
    basis='assumed',
    source=Source(
        'compiling', 'Assumed: seconds to compile for an accelerator; 0.3 from a cache, 40 for deep models', 2026
    ),
)


class Step(NamedTuple):
    """One step.

    Attributes:
        seconds: Of it, with its interval.
        computing: Share in products.
        streaming: Share in memory's bandwidth.
        waiting: Share of overhead and of other devices.
    """

    seconds: Quantity
    computing: float
    streaming: float
    waiting: float


def step_of(plan: Plan, on: Machines, peak: float) -> Step:
    """Tell how long one step of a compiled program takes.

    Args:
        plan: With operations a step, and bytes where they are known.
        on: The machines; they share the step.
        peak: Operations a second of one of them.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> tiny = Plan(flops_per_step=2e5, bytes_per_step=5e4)
        >>> str(step_of(tiny, machines('H100'), 494e12).seconds)
        '0.060 ms (0.006 to 1.0, assumed)'
    """
    value, high, low = (_parts(plan, on, peak, *each) for each in zip(_REACHED, _STREAMED, _OVERHEAD, strict=True))
    whole = [max(computing, streaming) + beside for computing, streaming, beside in (low, value, high)]
    computing, streaming, beside = value
    busy = (computing, 0.0) if computing >= streaming else (computing, streaming - computing)
    seconds = Quantity.between(whole[1], whole[0], whole[2], 's', basis='assumed', source=SOURCE)
    return Step(seconds, busy[0] / whole[1], busy[1] / whole[1], beside / whole[1])


def _parts(
    plan: Plan, on: Machines, peak: float, reached: float, streamed: float, overhead: float
) -> tuple[float, float, float]:
    """Seconds of computing, of streaming, and of what comes beside."""
    bandwidth = 1e9 * (on.chip.memory_gb_per_s or _BANDWIDTH)
    computing = (plan.flops_per_step or 0.0) / on.count / (peak * reached)
    streaming = (plan.bytes_per_step or 0.0) / on.count / (bandwidth * streamed)
    return computing, streaming, overhead + _between_devices(plan, on)


def _between_devices(plan: Plan, on: Machines) -> float:
    if on.count == 1:
        return 0.0
    return carried(_GRADIENT * (plan.parameters or 0.0) if plan.summed_bytes is None else plan.summed_bytes, on)
