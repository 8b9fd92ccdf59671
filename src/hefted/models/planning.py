"""The plan of a compiled training: operations, bytes, memory, data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from hefted import host
from hefted.forecast.plan import Plan
from hefted.models.cost import counts, multiplies_again

if TYPE_CHECKING:
    from hefted.data.source import Layout
    from hefted.models.preparing import Prepared
    from hefted.train.program import Stretcher

_LOOPS = ('scan', 'while')
_PRECISIONS = ('float8', 'bfloat16', 'float16')


class Work(NamedTuple):
    """What one step of a compiled loop does, and what the loop needs.

    Attributes:
        flops: Operations of a step; None where it is plain Python.
        nbytes: Bytes that a step reads and writes, by XLA's count; None where nobody counts.
        peak_bytes: The most memory at once.
        more_bytes: Of it, what is not there before it runs.
        precision: Of most of its products.
        products: Operations of its products of matrices.
        recomputes: Whether it computes products again to save memory.
        looks_up: Whether it looks anything up by whole numbers, as embeddings do.
        devices: How many share it.
        between: Bytes that each of them sends to others in a step; None where one is alone, or nobody counts.
    """

    flops: float | None
    nbytes: float | None
    peak_bytes: int | None
    more_bytes: int | None
    precision: str
    products: float | None = None
    recomputes: bool = False
    looks_up: bool = False
    devices: int = 1
    between: float | None = None


def work_of(loop: Stretcher, layout: Layout) -> Work:
    """Count a compiled loop's work (some milliseconds).

    Operations are those of the traced step: XLA's own count takes the body of an inner loop, such as an LSTM's, once.
    Bytes are XLA's, which knows what it fused; of a step with inner loops by as much more as its operations are. Both
    are of all devices together, and memory is of one. Where a short last batch is compiled beside the loop, XLA's
    figures hold both, and a step has its part by rows.

    Args:
        loop: The loop.
        layout: Of the data that it runs over.
    """
    if loop.step is None:
        return Work(None, None, None, None, 'float32')
    jaxpr = _needed(loop.step.jaxpr)
    counted_by = counts(jaxpr)
    flops = float(sum(counted_by.values()))
    by_numbers = {kind: float(operations) for kind, operations in counted_by.items() if kind}
    devices = 1 if layout.placing is None else len(layout.placing.devices)
    cost, memory = _cost(loop.compiled), loop.compiled.memory_analysis()
    nbytes = cost.get('bytes accessed')
    if nbytes is not None:
        tail = layout.rows % layout.batch_size if _has_tail(loop, layout) else 0
        nbytes *= devices * layout.batch_size / (layout.batch_size + tail)  # XLA counts what one device does
        counted = devices * (cost.get('flops') or flops)
        if _has(jaxpr, _LOOPS) and counted < flops:
            nbytes *= flops / counted
    told = (
        sum(by_numbers.values()),
        multiplies_again(jaxpr),
        _has(jaxpr, ('gather',)),
        devices,
        _sent(loop, layout, devices),
    )
    if memory is None:
        return Work(flops, nbytes, None, None, _precision(by_numbers), *told)
    more = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Work(flops, nbytes, memory.argument_size_in_bytes + more, more, _precision(by_numbers), *told)


def plan_of(prepared: Prepared, work: Work, judged: Work | None) -> Plan:
    """What a prepared training is going to do.

    Args:
        prepared: The training.
        work: Of a step of its loop.
        judged: Of a step of validation, if there is one.
    """
    source = prepared.source
    groups = prepared.binding.groups
    return Plan(
        steps=prepared.steps,
        epochs=prepared.epochs,
        batch_size=source.layout.batch_size,
        parameters=sum(math.prod(v.shape) for v in groups.get('trainable', ())),
        flops_per_step=work.flops,
        bytes_per_step=work.nbytes,
        validation_steps=prepared.judge_steps,
        validations=prepared.validations,
        flops_per_validation_step=judged and judged.flops,
        checkpoints=prepared.checkpoints,
        state_bytes=sum(_bytes_of(v) for group in groups.values() for v in group),
        peak_bytes=work.peak_bytes,
        data_bytes=sum(map(_bytes_of, jax.tree.leaves(source.layout.shapes[0]))),
        precision=work.precision,
        products_per_step=work.products,
        peak_flops=peak_of(work.precision),
        tokens_per_row=_tokens_per_row(prepared) if work.looks_up else None,
        recomputes=work.recomputes,
        devices=work.devices,
        bytes_between_devices=work.between,
    )


def peak_of(precision: str, device: Any = None) -> float | None:
    """Operations a second of a device at its peak, as the catalogue has it; None of a processor, or of what it lacks.

    A device may be half of the chip that the catalogue has: a core of a TPU v3, a die of an MI250X.

    Args:
        precision: Of the products.
        device: Of JAX; the first here if None.
    """
    device = device or jax.local_devices()[0]
    if device.platform == 'cpu':
        return None
    from hefted.errors import ArgumentError
    from hefted.forecast.called import called  # late: its tables
    from hefted.forecast.chips import chip

    try:
        of = chip(called(device.device_kind).accelerator)
    except ArgumentError:
        return None
    peak = of.published_peak(precision)
    return peak and peak / of.devices


def _sent(loop: Stretcher, layout: Layout, devices: int) -> float | None:
    """Bytes that each device sends in a step, counted from the program that XLA split over them."""
    if devices == 1:
        return None
    from hefted.train import collectives  # late: one device needs none of it

    sent = collectives.sent_by_each(collectives.bytes_by_kind(loop.compiled), devices)
    return sent / 2 if _has_tail(loop, layout) else sent  # the short batch's step sends as much, and is beside it


def _tokens_per_row(prepared: Prepared) -> float | None:
    """Tokens of a row of a step: the data's own count where it has one, which leaves padding out; else all places."""
    source, kinds = prepared.source, prepared.kinds
    lengths = [_tokens(kind.layout.shapes[0], stepped=kind.layout.stepped) for kind in kinds]
    if None in lengths:
        return None
    size = source.layout.batch_size
    places = sum(
        kind.part * kind.layout.batch_size / size * (length or 0) for kind, length in zip(kinds, lengths, strict=True)
    )
    if not source.tokens or not source.steps:
        return places
    return min(source.tokens / (source.steps * size), places)


def _tokens(data: Any, stepped: bool = False) -> int | None:
    """Places of a row: the longest rows of whole numbers; ids are as long as masks, and longer than places in them.

    Args:
        data: (x, y, weight), as shapes and dtypes.
        stepped: Whether they are (steps, batch, …).
    """
    given = data[0] if isinstance(data, (tuple, list)) and data else data
    axes = 3 if stepped else 2
    lengths = [
        leaf.shape[-1]
        for leaf in jax.tree.leaves(given)
        if len(leaf.shape) == axes and np.issubdtype(leaf.dtype, np.integer) and leaf.shape[-1] > 1
    ]
    return max(lengths, default=None)


def fits(work: Work) -> tuple[bool | None, tuple[str, ...]]:
    """Whether a loop's memory is there, and a note if it is not; None where nobody knows."""
    device = jax.local_devices()[0]
    if work.peak_bytes is None or work.more_bytes is None:
        return None, ()
    stats = None if device.platform == 'cpu' else device.memory_stats()
    if stats and 'bytes_limit' in stats:
        needed, room, where = work.peak_bytes, int(stats['bytes_limit']), "the device's memory"
    elif device.platform == 'cpu' and (free := host.available_memory_bytes()) is not None:
        here = min(work.devices, len(jax.local_devices()))  # virtual ones: they share one memory
        needed, room, where = here * work.more_bytes, free, 'the memory that is free now'
    else:
        return None, ()
    if needed <= room:
        return True, ()
    told = f'It needs {needed / 1e9:.1f} GB of {where}, which is {room / 1e9:.1f} GB. Use a smaller batch_size.'
    return False, (told,)


def _needed(jaxpr: Any) -> Any:
    """A traced program without what nothing follows from, as XLA will leave it out: gradients to the data."""
    from jax.interpreters import partial_eval

    return partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), instantiate=True)[0]


def _bytes_of(array: Any) -> int:
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize


def _cost(compiled: Any) -> dict[str, float]:
    told = compiled.cost_analysis()
    return (told[0] if isinstance(told, list) else told) or {}


def _has_tail(loop: Stretcher, layout: Layout) -> bool:
    """Whether a step of a short last batch is compiled beside the loop, instead of masking what it lacks."""
    size = layout.batch_size
    masked = any(leaf.shape == (size,) and leaf.dtype == np.float32 for leaf in loop.step.in_avals[-2:-1])
    return bool(layout.rows % size) and not masked


def _has(jaxpr: Any, names: tuple[str, ...]) -> bool:
    return any(equation.primitive.name in names for equation in _equations(jaxpr))


def _precision(products: Mapping[str, float]) -> str:
    """That in which most operations of products are: whose peak they are compared with, as others compare theirs.

    Example:
        >>> _precision({'bfloat16': 9e9, 'float32': 1e9}), _precision({'float8_e4m3fn': 1.0}), _precision({})
        ('bfloat16', 'float8', 'float32')
    """
    most = max(products, key=lambda kind: products[kind], default='float32')
    return next((name for name in _PRECISIONS if most.startswith(name)), 'float32')


def _equations(jaxpr: Any) -> Any:
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for held in value if isinstance(value, (list, tuple)) else (value,):
                inner = getattr(held, 'jaxpr', held)
                if hasattr(inner, 'eqns'):
                    yield from _equations(inner)
