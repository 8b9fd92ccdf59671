"""`Program`, what the engine trains: pure steps over one pytree; and the compiled loop that runs stretches of them.

The number of steps is an argument of the compiled program, not a shape: a short chunk, an epoch's end or a resume
compiles nothing. A short last batch is padded and masked where the program says that rows do not touch one another;
otherwise loop and true-sized tail are one compiled module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted import tree
from hefted.data.source import Layout
from hefted.train import compile_cache, interrupts, products
from hefted.train.convolutions import has_slow_convolution
from hefted.utils import garbage
from hefted.variables import Array

State = Any  # one pytree: weights, optimizer, metrics, keys
Logs = dict[str, Any]


class Batch(NamedTuple):
    """One step's data.

    Attributes:
        x: (batch, …), nested as the model takes it.
        y: The same for targets, or None.
        weight: (batch, …) sample weights, or None.
        rows: float32 (batch,), 1 for a real row and 0 for padding; None where all are real.
    """

    x: Any
    y: Any
    weight: Any
    rows: Array | None


@dataclass(frozen=True)
class Spec:
    """What the engine may assume of a program.

    Attributes:
        rows_independent: A padded, masked row changes nothing, so a short batch may be masked.
    """

    rows_independent: bool = False


@dataclass(frozen=True)
class Program:
    """Anything that can be fitted.

    Attributes:
        init: `init() -> state`; its arrays may be given away to the device.
        train_step: `train_step(state, batch, key) -> (state, logs)`, pure; logs are scalars by name.
        eval_step: `eval_step(state, metrics, batch) -> (metrics, logs)`, pure; None if it cannot be evaluated.
        spec: What may be assumed.
        begin_epoch: `begin_epoch(state) -> state`, pure: metrics back to zero.
        init_metrics: `init_metrics() -> metrics`: what `eval_step` starts from.
        begin_evaluation: `begin_evaluation(metrics) -> metrics`, pure: back to zero.
        results: `results(state) -> logs`, pure, where the logs follow from the state alone: they are then computed
            when they are read, and the steps' own are empty.
        evaluation_results: `evaluation_results(metrics) -> logs`, the same for `eval_step`.
    """

    init: Callable[[], State]
    train_step: Callable[[State, Batch, Array], tuple[State, Logs]]
    eval_step: Callable[[State, Any, Batch], tuple[Any, Logs]] | None = None
    spec: Spec = Spec()
    begin_epoch: Callable[[State], State] = lambda state: state
    init_metrics: Callable[[], Any] = dict
    begin_evaluation: Callable[[Any], Any] = lambda metrics: metrics
    results: Callable[[State], Logs] = lambda _: {}
    evaluation_results: Callable[[Any], Logs] = lambda _: {}


_KEPT_BYTES = 1 << 20  # a state of up to so many bytes is not given away: a second one costs nothing
_COPIED_BYTES = 64 << 20  # one of up to so many is given away, and the variables hold a copy of it


class Stretcher(NamedTuple):
    """A compiled loop: `run(constants, carry, data, order, steps, fresh, numbers, key) -> (carry, logs)`.

    Attributes:
        run: `steps` is how many (int32), `fresh` whether an epoch starts; `numbers` is int32 (first, rows, done): the
            first step in `order`, how many rows of `order` are real, and the steps taken before, which count in the
            key. What is read outside of the loop comes by itself: to cut it out XLA would compile two more kernels.
        single: Whether `run` takes one step at a time, straight.
        compiled: The executable, for its cost and memory.
        donates: Whether the carry is given away to `run`; else people may hold each one while the loop goes on.
        large: Whether it is too large for a copy to be kept beside it.
        step: One step of it, traced; None where it is plain Python.
    """

    run: Callable[..., tuple[Any, Logs]]
    single: bool
    compiled: Any
    donates: bool = False
    large: bool = False
    step: Any = None


def compile_training(
    program: Program, state: State, layout: Layout, single: bool = False, placed: Any = None
) -> Stretcher:
    """The training loop over data of a layout, compiled (or loaded from the cache).

    Args:
        program: What to train.
        state: As from `program.init()`; only its shapes are used.
        layout: Of the data that it runs over.
        single: Whether somebody stops at every step.
        placed: The shardings of the state, where the layout is of many devices.
    """

    def step(_: None, state: State, batch: Batch, key: Array) -> tuple[State, Logs]:
        return program.train_step(state, batch, key)

    nbytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    garbage.count_model(nbytes)
    around = _Around(program.begin_epoch, program.results)
    donates = nbytes > _KEPT_BYTES
    found = _compile(step, around, program.spec, None, state, layout, single, donates, (None, placed))
    return found._replace(large=found.donates and nbytes > _COPIED_BYTES)


def compile_evaluation(program: Program, state: State, layout: Layout, placed: Any = None) -> Stretcher:
    """The evaluation loop over data of a layout: the state is a constant, the metrics are what is carried."""
    eval_step = program.eval_step
    assert eval_step is not None

    def step(state: State, metrics: Any, batch: Batch, _: Array) -> tuple[Any, Logs]:
        return eval_step(state, metrics, batch)

    around = _Around(program.begin_evaluation, program.evaluation_results)
    metrics = program.init_metrics()
    placing = layout.placing
    whole = None if placing is None else jax.tree.map(lambda _: placing.whole, metrics)
    return _compile(step, around, program.spec, state, metrics, layout, placed=(placed, whole))


class _Around(NamedTuple):
    """What is done with the carry before the first step of an epoch, and after the last of a stretch."""

    begin: Callable[[Any], Any]
    results: Callable[[Any], Logs]


@garbage.uncollected()
def _compile(
    step: Any,
    around: _Around,
    spec: Spec,
    constants: Any,
    carry: Any,
    layout: Layout,
    single: bool = False,
    donates: bool = True,
    placed: tuple[Any, Any] = (None, None),
) -> Stretcher:
    data, order = layout.shapes
    size, tail = layout.batch_size, layout.rows % layout.batch_size
    masked = bool(tail) and spec.rows_independent
    room = jax.tree.leaves(data)[0].shape[0] if layout.stepped else order.shape[0] // size  # for so many batches
    once = room == 1  # each stretch is one step
    donates = donates and not single  # as asked: the loops of one training agree, whatever their convolutions
    avals = _avals(constants, placed[0]), _avals(carry, placed[1])
    key = jax.ShapeDtypeStruct((2,), np.uint32)
    # An inlined jit traces the step once, for its logs here and for the loop's body below.
    step = _kept_in_place(step, placed[1])
    inner = jax.jit(step, inline=True)
    traced = inner.trace(*avals, _batch_avals(layout, masked), key)
    logs = traced.out_info[1]
    if jax.default_backend() == 'cpu' and has_slow_convolution(traced.jaxpr):
        from hefted.train.rewriting import rewritten

        inner = jax.jit(rewritten(step), inline=True)
        traced = inner.trace(*avals, _batch_avals(layout, masked), key)
        single = single or has_slow_convolution(traced.jaxpr)

    def stretch(
        constants: Any, carry: Any, data: Any, order: Array, steps: Array, fresh: Array, numbers: Array, key: Array
    ) -> tuple[Any, Logs]:
        carry = lax.cond(fresh, around.begin, lambda c: c, carry)
        full = steps if masked or not tail else jnp.minimum(steps, numbers[1] // size - numbers[0])

        def body(i: Array, carried: tuple[Any, Logs]) -> tuple[Any, Logs]:
            first, rows, done = numbers  # within the loop, where they are no kernels of their own
            batch = _batch(layout, data, order, lax.add(first, i), size, rows if masked else None)
            return inner(constants, carried[0], batch, _key(key, lax.add(done, i)))

        def last(carried: tuple[Any, Logs]) -> tuple[Any, Logs]:
            first, _, done = numbers
            batch = _batch(layout, data, order, lax.add(first, full), tail, None)
            return inner(constants, carried[0], batch, _key(key, lax.add(done, full)))

        zeros = tree.map_structure(lambda s: jnp.zeros(s.shape, s.dtype), logs)
        start = (carry, zeros)
        whole = masked or not tail
        if single or once:
            one = partial(body, np.int32(0))
            if once:  # a loop of one step takes a seventh of the time to compile for nothing
                return one(start) if whole else last(start)
            return one(start) if whole else lax.cond(full > 0, one, last, start)
        carried = lax.fori_loop(0, full, body, start)
        return carried if whole else lax.cond(full < steps, last, lambda c: c, carried)

    def loop(*arguments: Any) -> tuple[Any, Logs]:
        carry, logs = stretch(*arguments)
        return carry, logs | around.results(carry)

    counts = (jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in (((), np.int32), ((), np.bool_), ((3,), np.int32)))
    with interrupts.deferred():
        placing = layout.placing
        ends: Any = {} if placing is None else {'out_shardings': (placed[1], placing.whole)}
        jitted = jax.jit(loop, donate_argnums=1 if donates else (), **ends)
        lowered = jitted.trace(*avals, data, order, *counts, key).lower()
        brief = once and products.are_small(traced.jaxpr)
        compiled = compile_cache.compile(lowered, brief, placing and placing.devices)
    return Stretcher(compiled, single, compiled, donates, step=traced.jaxpr)


def _avals(structure: Any, placed: Any = None) -> Any:
    """Shapes and dtypes of arrays, and their shardings, where they lie on many devices."""
    if placed is None:
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), structure)
    return jax.tree.map(lambda a, s: jax.ShapeDtypeStruct(np.shape(a), a.dtype, sharding=s), structure, placed)


def _kept_in_place(step: Callable[..., Any], placed: Any) -> Callable[..., Any]:
    """The same step, its state split over the devices after it as before."""
    if placed is None:
        return step

    def placing(*arguments: Any) -> Any:
        carry, logs = step(*arguments)
        return lax.with_sharding_constraint(carry, placed), logs

    return placing


def _batch_avals(layout: Layout, masked: bool) -> Batch:
    size, own = layout.batch_size, 2 if layout.stepped else 1
    x, y, weight = jax.tree.map(lambda s: jax.ShapeDtypeStruct((size, *s.shape[own:]), s.dtype), layout.shapes[0])
    return Batch(x, y, weight, jax.ShapeDtypeStruct((size,), np.float32) if masked else None)


# Below, lax is used where an operator of jax.numpy would do: each of those is traced as a program of its own, at a
# millisecond or two of every start.


def _batch(layout: Layout, data: Any, order: Array, step: Array, count: int, rows: Array | None) -> Batch:
    """A step's batch: the rows that its part of the order names, or its own where the data comes by steps.

    Args:
        layout: Of the data.
        data: (x, y, weight).
        order: Of its rows.
        step: Which step.
        count: Its rows.
        rows: How many of all rows are real, where the others are masked.
    """
    size = layout.batch_size
    start = lax.mul(step, np.int32(size))
    if layout.stepped:
        x, y, weight = jax.tree.map(lambda a: lax.dynamic_index_in_dim(a, step, keepdims=False)[:count], data)
    else:
        index = _split(layout, lax.dynamic_slice(order, (start,), (count,)))
        x, y, weight = jax.tree.map(lambda a: _take(a, index), data)
    real = None if rows is None else lax.lt(lax.iota(np.int32, size), lax.full((size,), lax.sub(rows, start)))
    batch = Batch(x, y, weight, None if real is None else lax.convert_element_type(real, np.float32))
    return jax.tree.map(lambda a: _split(layout, a), batch)


def _split(layout: Layout, array: Array) -> Array:
    """An array of a batch's rows, these split over the devices."""
    if layout.placing is None:
        return array
    return lax.with_sharding_constraint(array, layout.placing.rows(array.shape[0]))


def _take(array: Array, index: Array) -> Array:
    """`array[index]` over the first axis, the index known to be in bounds."""
    axes = lax.GatherDimensionNumbers(
        offset_dims=tuple(range(1, array.ndim)), collapsed_slice_dims=(0,), start_index_map=(0,)
    )
    return lax.gather(
        array, lax.expand_dims(index, (1,)), axes, (1, *array.shape[1:]), mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS
    )


def _key(key: Array, step: Array) -> Array:
    """The key of a step: its number is added to the key's second word, as Keras's seed generators count."""
    number = lax.convert_element_type(step, np.uint32)
    return lax.add(key, lax.concatenate([np.zeros(1, np.uint32), lax.expand_dims(number, (0,))], 0))
