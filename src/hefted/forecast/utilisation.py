"""What share of a machine's peak a training of transformers reaches (MFU), and what its accelerators wait for.

With P the peak, B the bandwidth of memory, N the parameters and D the tokens, a training of 6 N D operations takes

    T = 6 N D / (n P u)      u = best x software x (1 - lost) / (1 + balance + narrow / d + attention) / (1 + exposed)

    balance   = 0.5 (P / B) / 1000     what streams through memory whatever the width: optimizer, softmax, losses
    narrow    = 1.75 (P / B) / d        element-wise work is ~ d a token and a layer, products are ~ d^2
    attention = 0.7 (s - 2048) / 6 d   attention's share beyond that of usual lengths s
    exposed   = what gradients take to travel, beyond what hides behind the backward pass
    lost      = restarts, checkpoints, stragglers

P / B (operations a byte) is why a newer chip reaches less of its peak: compute has grown faster than bandwidth. d is
the width; where it is not told, it is that of published models of N parameters. u counts what is lost to pipelines,
recomputation, evaluation and restarts too, as published hours hold them, and is over 6 N D (MFU), never over what was
computed twice.

The constants were set by orders of size, and against: MFUs of Chowdhery et al. 2022 (PaLM, table 3), Narayanan et al.
2021 (Megatron-LM, table 1) and Grattafiori et al. 2024 (Llama 3, table 4); hours of BLOOM, Pythia and Llama 2;
NVIDIA's throughputs of BERT-large on 1 to 1,024 V100 and A100. Five rest on BERT: `_OLD_SOFTWARE`, `_TF32`, `_PLAIN`,
`_OLD_DOWN` and `_OLD_UP`; `benchmarks/bert_reference.py` tells what forecasts are without them. One team gets 1.5 times
of another on the same chip and model: the interval holds that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from hefted.forecast.chips import Chip
from hefted.forecast.machines import Machines
from hefted.quantities import Quantity, Source

Kind = Literal['decoder', 'encoder', 'encoder-decoder']
"""Which blocks a transformer has: 'decoder' (GPT, Llama), 'encoder' (BERT), or both (T5)."""

SOURCE = Source(
    'utilisation',
    'Model of utilisation: chip, width, network (after PaLM table 3, Megatron-LM table 1, published hours)',
    2024,
    'https://arxiv.org/abs/2204.02311',
    'fact',
)
HELD = 'Of 18 published trainings whose hours are certain 15 took what such an interval told: 83 %, not 90.'
BEST = 0.42  # of peak: what good software sustains end to end on a wide model whose memory is no limit
_BALANCE, _NARROW, _ATTENTION = 0.5e-3, 1.75, 0.7
_LEAST_ATTENTION = -0.25  # what the shortest sequences save
_USUAL_LENGTH = 2048
# Before bfloat16 and kernels made for it: loss scaling, no fused attention, slow networks. MFU of GPT-3 on V100 0.20
# to 0.21 (PaLM table 3), of BERT-large by NVIDIA's own code 0.28 to 0.34, of others' code 0.04 to 0.1.
_OLD_SOFTWARE = 0.8
_TPU = 1.1  # compiled whole, torus of links between all: Gopher 0.33, LaMDA 0.57, PaLM 0.46 (PaLM table 3)
_TF32, _PLAIN = 1.15, 1.7  # products at a half, or an eighth, of the rate: memory limits less (NVIDIA's BERT-large)
_HALF_PLAIN = 1.4  # of 16-bit products without tensor cores: at twice the rate of plain ones (assumed, between the two)
_EIGHTH = 0.65  # float8 doubles the peak, and gives 1.3 times the speed (DeepSeek-V3: 0.35 of the 16-bit peak)
_EXPERTS = 0.85  # tokens travel to their experts and back, and experts' products are smaller
_HIDDEN = 0.6  # of computing behind which gradients can travel: the backward pass is two thirds of a step
_SEEN = 0.05  # of travelling that shows even so
# Teams: 15 of the 18 published trainings whose hours are certain lie within this factor (of 28 with the others, 22).
# Nine in ten would take 1.8; a forecast says so (`HELD`).
_SPREAD = 1.48
_SPREAD_SMALL = 1.8  # below a billion parameters kernels decide: 124 M trained at 0.25 and at 0.52 of one chip's peak
# Before 2020 code made for the chip reached 1.7 times of what is expected here (NVIDIA's BERT-large), others a third
# of it (RoBERTa, a day on 1,024 V100: 0.08 of the peak).
_OLD_DOWN, _OLD_UP = 3.0, 1.8
_SMALL = 1e9
_PER_DOUBLING = 2e-3  # s a step: MLPerf Training v4.0, 1 against 8 nodes of 8 x H100 (arithmetic on four benchmarks)
# Of the time: restarts, checkpoints and stragglers take up to a tenth on 2,000 nodes (Grattafiori et al. 2024, 3.3.4).
_LOST_PER_DOUBLING = 0.005
_BYTES = 2.0  # of a gradient, a number


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How a training uses its accelerators.

    Attributes:
        share: Operations a second over the peak, '1'.
        computing: Of the time, what goes by in products of matrices.
        streaming: In what memory's bandwidth limits.
        waiting: For other devices, for the host, for data. The three are 1 together.
    """

    share: Quantity
    computing: float
    streaming: float
    waiting: float


def width_of(parameters: float) -> float:
    """Width of published transformers of so many parameters: 768 for 124 million, 12,288 for 175 billion.

    Args:
        parameters: All, or those that are active.

    Source:
        Radford et al. 2019 (GPT-2), Brown et al. 2020 (GPT-3, table 2.1): a power of 0.385 between their ends.

    Example:
        >>> round(width_of(175e9), -2)
        12500.0
    """
    return max(32.0, 768 * (parameters / 124e6) ** 0.385)


def usual_batch_tokens(parameters: float, devices: int = 1) -> float:
    """Tokens a step of published trainings: half a million for small models to four for large ones.

    Args:
        parameters: Of the model.
        devices: At least a sequence is each one's.

    Source:
        Brown et al. 2020, table 2.1 (0.5 to 3.2 million); Touvron et al. 2023 (4 million).

    Example:
        >>> usual_batch_tokens(124e6), usual_batch_tokens(175e9) > 3e6
        (500000.0, True)
    """
    usual = min(max(5e5 * (parameters / 124e6) ** 0.3, 5e5), 4e6)
    return max(usual, float(_USUAL_LENGTH * devices))


def utilisation(
    parameters: float,
    on: Machines,
    *,
    tokens_per_step: float | None = None,
    active: float | None = None,
    width: float | None = None,
    sequence_length: int | None = None,
    precision: str = 'bfloat16',
    attention: float | None = None,
    replica: int | None = None,
) -> Utilisation | None:
    """Tell what share of its peak a training reaches.

    Args:
        parameters: Of the model, all experts.
        on: The machines.
        tokens_per_step: Of all devices together; as usual for the size if None.
        active: Parameters that one token passes, where the model is a mixture of experts.
        width: Of the model; as usual for the size if None.
        sequence_length: Tokens of one sequence.
        precision: Of the products.
        attention: Operations of attention over those of the parameters; by length and width if None.
        replica: How many devices hold one copy of the model together; as few as can if None.

    Returns:
        None where the peak is not known.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> str(utilisation(65e9, machines('2048 x A100')).share)
        '0.35 (0.24 to 0.52, modelled)'
    """
    peak = on.chip.peak(precision)
    if peak is None:
        return None
    passed = active or parameters
    per_byte = (on.chip.peak() or peak) / (1e9 * (on.chip.memory_gb_per_s or 1000))
    wide = width or width_of(passed)
    best = BEST * _software(on.chip, precision) * (_EXPERTS if passed < parameters else 1.0)
    streaming = _BALANCE * per_byte + _NARROW * per_byte / wide
    alone = 1 + streaming + _longer(_attention(attention, sequence_length, wide), wide)
    tokens = tokens_per_step or usual_batch_tokens(passed, on.count)
    each = 6 * passed * tokens / on.count / (peak * best / alone)
    late = exposed(each, travelling(parameters, on, replica or replica_of(parameters, on)), on)
    value = best / alone / (1 + late) * (1 - _lost(on))
    return Utilisation(
        _between(value, _spread(parameters, passed, on.chip, precision), _most(on.chip, precision)),
        *_parts(streaming / alone, late, _software(on.chip, 'bfloat16')),
    )


def travelling(parameters: float, on: Machines, replica: int = 1) -> float:
    """Seconds in which the gradients of a step are summed over all devices, by rings: each byte goes twice.

    Within a node first, each device taking its part of the sum; so only that part leaves the node.

    Args:
        parameters: Of the model; gradients of two bytes each.
        on: The machines.
        replica: How many devices hold one copy of the model together.

    Source:
        Patarasuk and Yuan 2009: 2 (n - 1) / n of the bytes pass each device's link.

    Example:
        >>> from hefted.forecast.machines import machines
        >>> round(travelling(7e9, machines('8 x A100')), 3), travelling(7e9, machines('A100'))
        (0.082, 0.0)
    """
    return carried(_BYTES * parameters, on, replica)


def carried(held: float, on: Machines, replica: int = 1) -> float:
    """Seconds in which so many bytes, which each device has of its own, are summed over all of them.

    Args:
        held: Bytes of a device's gradients, or of what takes as long.
        on: The machines.
        replica: As of `travelling`.
    """
    near = min(on.count, on.per_node)
    within = 2 * (near - 1) / near * held / replica / (on.chip.link_gb_per_s * 1e9) if replica < near else 0.0
    if on.nodes == 1:
        return within
    return within + 2 * held / max(replica, near) / (on.chip.network_gb_per_s * 1e9)


def replica_of(parameters: float, on: Machines) -> int:
    """How many devices hold one copy of a model together, with its gradients and its optimizer (16 bytes each).

    Args:
        parameters: Of the model.
        on: The machines.

    Source:
        Rajbhandari et al. 2020 (ZeRO, section 3.1): 16 bytes a parameter with Adam; here in 0.7 of the memory.
    """
    return max(1, min(on.count, math.ceil(16 * parameters / (0.7e9 * (on.chip.memory_gb or 16)))))


def exposed(computing: float, travelling: float, on: Machines) -> float:
    """What a step waits for others, as a share of its computing.

    Args:
        computing: Seconds that a device computes in a step.
        travelling: Seconds in which gradients travel.
        on: The machines: each doubling of nodes adds two milliseconds, in which they wait for the slowest.
    """
    seen = max(_SEEN * travelling, travelling - _HIDDEN * computing)
    return (seen + _PER_DOUBLING * math.log2(max(on.nodes, 1))) / computing


def _lost(on: Machines) -> float:
    """Of the time: restarts, checkpoints, stragglers, evaluation; the more nodes, the more often one fails."""
    return _LOST_PER_DOUBLING * math.log2(max(on.nodes, 1))


def _software(chip: Chip, precision: str) -> float:
    """How good what runs on it is, for its generation and its numbers."""
    if chip.accelerator.kind == 'tpu':
        return _TPU
    precision = _computed(chip, precision)
    numbers = {'float32': _TF32 if chip.peak('float32') != _plain(chip) else _PLAIN, 'float8': _EIGHTH}
    old = (chip.accelerator.released or 2020) < 2020 and precision != 'float32'
    if old and not chip.tensor_cores:
        return _OLD_SOFTWARE * _HALF_PLAIN
    faster = precision != 'float8' or chip.peak('float8') != chip.peak()
    return (numbers.get(precision, 1.0) if faster else 1.0) * (_OLD_SOFTWARE if old else 1.0)


def _computed(chip: Chip, precision: str) -> str:
    """The numbers that it is in fact computed in, where no faster rate of those that are asked for is known."""
    half, full = chip.peak(), chip.peak('float32')
    if half != full:
        return precision
    return 'float32' if full == _plain(chip) else 'bfloat16'


def _plain(chip: Chip) -> float:
    return 1e12 * (chip.accelerator.fp32_tflops or 0.0)


def _most(chip: Chip, precision: str) -> float:
    """The most of a peak that a training of published size has reached; plain float32 is easier to keep busy."""
    precision = _computed(chip, precision)
    return 0.9 if precision == 'float32' and chip.peak(precision) == _plain(chip) else 0.7


def _longer(attention: float | None, width: float) -> float:
    """Attention's operations beyond those of usual lengths, which are in what published trainings reach."""
    usual = _USUAL_LENGTH / (6 * width)
    return 0.0 if attention is None else max(_ATTENTION * (attention - usual), _LEAST_ATTENTION)


def _attention(attention: float | None, length: int | None, width: float) -> float | None:
    return attention if attention is not None or length is None else length / (6 * width)


def _parts(streaming: float, late: float, software: float) -> tuple[float, float, float]:
    """Shares of time: computing, streaming, waiting. Older software streams what newer fuses, and waits in between."""
    waiting, slow = late / (1 + late), 1 - min(software, 1.0)
    computing = (1 - waiting) * (1 - slow) * (1 - streaming)
    waiting += (1 - waiting) * slow / 2
    return computing, 1 - waiting - computing, waiting


def _spread(parameters: float, active: float, chip: Chip, precision: str) -> tuple[float, float]:
    """Factors by which a team may reach less, and more."""
    spread = _SPREAD_SMALL if active < _SMALL else _SPREAD
    spread *= 1.1 if active < parameters or precision == 'float8' else 1.0
    old = (chip.accelerator.released or 0) < 2020 and chip.accelerator.kind == 'gpu'
    return (max(spread, _OLD_DOWN), max(spread, _OLD_UP)) if old else (spread, spread)


def _between(value: float, spread: tuple[float, float], most: float) -> Quantity:
    down, up = spread
    return Quantity.between(value, value / down, min(value * up, max(most, value)), '1', source=SOURCE)
