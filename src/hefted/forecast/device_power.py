"""What nodes of accelerators draw in training, by component, from what their accelerators do with their time.

    accelerator = TDP x (0.96 computing + 0.65 streaming + 0.40 waiting)        the three shares of time are 1 together
    processors  = TDP x 0.5             memory = 0.08 W/GB
    unseen      = the model of a machine's supplies, regulators, fans and board (`hefted.metering.unseen`)

Design power alone is no forecast: whoever waits for the network draws half, and a node's other parts draw much the same
whatever the accelerators do. A chip whose vendor publishes only what it draws on the mean (TPU) is taken at that.

Sources: MLPerf Training v4.0, measured node power of 8 to 512 H100 (arithmetic on it: single nodes draw what 0.96 of
the design power makes; runs on 8 nodes wait 0.24 to 0.34 of their time by their own durations, and draw what they
would with 0.3 to 0.5 of it then); Dodge et al. 2022, table 2, and Patterson et al. 2021, table 4, measured: V100
0.86 to 0.92 of its design power in large vision transformers, about 0.75 in GPT-3, 0.3 to 0.43 in small models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from hefted.forecast.chips import Chip
from hefted.forecast.machines import Machines
from hefted.forecast.utilisation import Utilisation, exposed
from hefted.metering.reading import Component
from hefted.metering.unseen import FIXED, Unseen
from hefted.quantities import Quantity, Source, total

Point = Literal['wall', 'behind supplies', 'accelerators']
"""Where power is told: before the supplies (AC), behind them (DC), or of the accelerators alone."""

_LOAD = Source(
    'accelerator load',
    'Accelerators in training as a share of design power, by what limits them (MLPerf Training v4.0 and Dodge et al.)',
    2024,
    'https://github.com/mlcommons/training_results_v4.0',
    'Apache-2.0',
)
_HOST = Source('host load', 'Assumed: processors of a GPU server in training at half of their design power', 2024)
_MEMORY = Source('host memory', 'Assumed: 0.08 W/GB of large memory modules, little used', 2024)
_NO_TDP = Source('no design power', 'Assumed: the vendor publishes no power; by peak and year of its kind', 2024)
_SPREADS = (1e8, 2.4), (1e9, 1.5), (float('inf'), 1.15)  # by parameters
_STRAGGLERS = 0.015  # of a step, for each doubling of nodes: MLPerf Training v4.0, GPT-3 on 64 nodes against one node
_TOGETHER = 0.5
_WAITING_TOGETHER = 0.3  # MLPerf Training v4.0, Llama 2 70B LoRA: 8 sequences on 8 against on 64 accelerators
_COMPUTING, _STREAMING, _WAITING = 0.96, 0.65, 0.40
_WAITING_ENDS = 0.22, 0.58
_TPU_ASSUMED = 0.75  # TPU v4: 170 W of the 229 W that its peak would make
_TPU_MEAN = 0.49  # of the design power: TPU v3, 220 W of 450 on the mean (Jouppi et al. 2023, table 4)
_STREAMING_ENDS = 0.45, 0.9
_COMPUTING_ENDS = 0.85, 1.02  # a boost for moments, and a chip that is better than its neighbours
_TFLOPS_PER_WATT = 1.2  # TPU v4 1.4 (192 W), H100 1.4, A100 0.8: where no design power is published


class Load(NamedTuple):
    """What accelerators do with their time; the three are 1 together.

    Attributes:
        computing: Share in products of matrices.
        streaming: Share in what memory's bandwidth limits.
        waiting: Share in which they wait for others.
        spread: Factor within which the accelerators' power lies by what nobody foresees; 1 for tuned, known work.
    """

    computing: float = 1.0
    streaming: float = 0.0
    waiting: float = 0.0
    spread: float = 1.0


def load_of(known: Utilisation, parameters: float = 1e10) -> Load:
    """The load that a utilisation means; teams and data differ, so it is uncertain beyond its parts.

    Args:
        known: How a training uses its accelerators.
        parameters: Of the model: some small ones wait for their host most of the time (Dodge et al. 2022: V100 and P40
            at 0.3 to 0.43 of their design power).
    """
    spread = next(spread for size, spread in _SPREADS if parameters < size)
    return Load(known.computing, known.streaming, known.waiting, spread)


def load_of_step(on: Machines, computing: float, samples: float = 1.0) -> Load:
    """The load of a tuned training whose steps are short, as strongly scaled ones are.

    Args:
        on: The machines.
        computing: Seconds that each accelerator computes in a step.
        samples: Of each accelerator in a step; below a half, several work on one, and wait for one another in it.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> few, many = (load_of_step(machines(on), 0.012) for on in ('8 x H100', '64 x H100'))
        >>> few.waiting, round(many.waiting, 2)
        (0.0, 0.35)
    """
    late = exposed(computing, 0.0, on) + _STRAGGLERS * math.log2(max(on.nodes, 1))
    if samples < _TOGETHER and on.nodes > 1:
        late += _WAITING_TOGETHER / (1 - _WAITING_TOGETHER)
    waiting = late / (1 + late)
    return Load(1 - waiting, 0.0, waiting, 1.0 if on.nodes == 1 else 1.08)


def power(on: Machines, load: Load | None = None) -> dict[Component, Quantity]:
    """Tell the mean power of all nodes, by component.

    Args:
        on: The machines; their host's cooling decides fans and supplies.
        load: What the accelerators do; as in a tuned training that computes if None.

    Returns:
        W by 'gpu' (the accelerators), 'cpu', 'dram' and 'unseen'.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> found = power(machines('8 x H100'))
        >>> str(found['gpu']), str(wall(found))
        ('5.4 kW (4.8 to 5.7, modelled)', '7.9 kW (7.1 to 8.9, assumed)')
    """
    share = _share_of_nodes(on)
    found: dict[Component, Quantity] = {
        'gpu': accelerators(on, load or Load()),
        'cpu': Quantity.between(0.5, 0.25, 0.8, '1', basis='assumed', source=_HOST) * _watts(on.cpu_watts * share),
        'dram': Quantity.between(0.08, 0.03, 0.2, '1', basis='assumed', source=_MEMORY)
        * _watts(on.host.memory_bytes / 2**30 * share),
    }
    found['unseen'] = total(list(unseen(on, found).values()))
    return found


def accelerators(on: Machines, load: Load) -> Quantity:
    """The accelerators alone, W.

    Args:
        on: The machines.
        load: What they do.
    """
    base = _design(on)
    ends = (_COMPUTING, *_COMPUTING_ENDS), (_STREAMING, *_STREAMING_ENDS), (_WAITING, *_WAITING_ENDS)
    if on.accelerator.kind == 'tpu':  # what is told is of machines in use, and far below the design power
        mean = _mean_of_tpu(on.chip)
        ends = ((mean, 0.7 * mean, min(1.4 * mean, 1.0)),) * 3
    value, low, high = (
        load.computing * computing + load.streaming * streaming + load.waiting * waiting
        for computing, streaming, waiting in zip(*ends, strict=True)
    )
    low, high = low / load.spread, min(high * load.spread, max(1.02, high))
    return Quantity.between(value, low, high, '1', source=_LOAD) * base


def _mean_of_tpu(chip: Chip) -> float:
    """Mean power over design power, or over what `_design` assumes where none is published."""
    if chip.watts is None:
        return _TPU_ASSUMED
    return chip.mean_watts / chip.watts if chip.mean_watts else _TPU_MEAN


def unseen(on: Machines, watts: Mapping[Component, Quantity]) -> dict[str, Quantity]:
    """What no sensor of a node sees, W, by the parts of `hefted.metering.unseen`.

    Args:
        on: The machines.
        watts: What their components draw.
    """
    parts = Unseen(on.host._replace(virtual=None), cpu_measured=True)
    drawn = parts.between(1.0, {name: each.value for name, each in watts.items()})
    nodes = _share_of_nodes(on)  # fixed watts are a node's own; the others follow from all that is read
    scaled = {name: each * (nodes if name == FIXED else 1.0) for name, each in drawn.items()}
    return {part.name: part.accuracy * _watts(scaled[part.name]) for part in parts.sensors}


def wall(watts: Mapping[Component, Quantity]) -> Quantity:
    """All components together, W, before the supplies."""
    return total(list(watts.values()))


def at(point: Point, on: Machines, watts: Mapping[Component, Quantity]) -> Quantity:
    """Power at a point of measurement, W.

    Args:
        point: 'wall', 'behind supplies' or 'accelerators'.
        on: The machines.
        watts: As `power` tells them.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> eight = machines('8 x H100')
        >>> at('behind supplies', eight, power(eight)).value < at('wall', eight, power(eight)).value
        True
    """
    if point == 'accelerators':
        return watts['gpu']
    whole = wall(watts)
    if point == 'wall':
        return whole
    from hefted.metering.unseen import coefficients

    return whole * coefficients(on.host)['supply']


def _design(on: Machines) -> Quantity:
    """Design power of all accelerators, W."""
    watts = on.chip.watts
    if watts:
        return _watts(watts * on.count)
    if on.chip.half_tflops is None:
        return Quantity.between(250.0, 75.0, 700.0, 'W', basis='assumed', source=_NO_TDP) * on.count
    guess = on.chip.half_tflops / _TFLOPS_PER_WATT
    return Quantity.between(guess, guess / 1.5, guess * 1.5, 'W', basis='assumed', source=_NO_TDP) * on.count


def _share_of_nodes(on: Machines) -> float:
    """How many nodes are taken, in parts: 12 accelerators of nodes of 8 are one and a half."""
    return on.count / on.per_node


def _watts(value: float) -> Quantity:
    return Quantity(value, 'W')
