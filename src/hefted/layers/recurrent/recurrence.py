"""Loops over time. Time is the first axis throughout: (time, rows, …).

`loop` runs any step. `recurrence` runs steps of the form

    u = states[0] @ kernel + bias;    states = pointwise(x + u, states)

with a gradient of its own. Left to itself, the gradient of a loop adds up the kernel's in every step; here the loop
backwards finds the slopes of `u` alone, and the kernel's gradient is one product over all steps and rows at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from hefted import tree
from hefted.variables import Array

States = tuple[Array, ...]


class Pointwise(NamedTuple):
    """What a cell does elementwise once its product is there.

    Attributes:
        function: `(x + u, states) -> states` where `added`, else `(x, u, states) -> states`.
        added: Whether the input and the product are only ever added: their slopes are then one array.
    """

    function: Callable[..., States]
    added: bool = True


class _Shape(NamedTuple):
    """What is fixed while a recurrence is traced."""

    pointwise: Pointwise
    sequences: bool  # whether the outputs of all steps are wanted
    unroll: bool


def recurrence(
    pointwise: Pointwise,
    x: Array,
    states: States,
    kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    sequences: bool = True,
    unroll: bool = False,
) -> tuple[Array | None, States]:
    """Run the steps; a masked step leaves the states as they were.

    Args:
        pointwise: The cell's formula.
        x: What the inputs come to before the states join them, (time, rows, …).
        states: (rows, units) each; the first is what the kernel takes.
        kernel: (units, …).
        bias: Of the product.
        mask: Booleans (time, rows, 1): False skips a step.
        sequences: Whether all outputs are wanted.
        unroll: Whether to write the steps out one by one.

    Returns:
        The first state after each step, (time, rows, units), or None; and the last states.
    """
    return _recurrence(_Shape(pointwise, sequences, unroll), x, states, (kernel, bias), mask)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _recurrence(
    shape: _Shape, x: Array, states: States, weights: tuple[Array, Array | None], mask: Array | None
) -> tuple[Array | None, States]:
    def step(states: States, now: Any) -> tuple[States, Array | None]:
        x, mask = now
        new = shape.pointwise.function(*_terms(shape, x, states, weights), states)
        new = _kept(mask, new, states)
        return new, new[0] if shape.sequences else None

    last, outputs = lax.scan(step, states, (x, mask), unroll=shape.unroll)
    return outputs, last


def _terms(shape: _Shape, x: Array, states: States, weights: tuple[Array, Array | None]) -> tuple[Array, ...]:
    kernel, bias = weights
    u = states[0] @ kernel if bias is None else states[0] @ kernel + bias
    return (x + u,) if shape.pointwise.added else (x, u)


def _kept(mask: Array | None, new: States, old: States) -> States:
    """The new states where the mask says so, the old ones elsewhere."""
    return new if mask is None else tuple(jnp.where(mask, n, o) for n, o in zip(new, old, strict=True))


def _forward(
    shape: _Shape, x: Array, states: States, weights: tuple[Array, Array | None], mask: Array | None
) -> tuple[tuple[Array | None, States], Any]:
    def step(states: States, now: Any) -> tuple[States, Any]:
        x, mask = now
        new, back = jax.vjp(shape.pointwise.function, *_terms(shape, x, states, weights), states)
        new = _kept(mask, new, states)
        return new, (states[0], back, new[0] if shape.sequences else None)

    kept: list[Any] = []
    for part in _parts(x.shape[0]):
        states, found = lax.scan(step, states, (_cut(x, part), _cut(mask, part)), unroll=shape.unroll)
        kept.append(found)
    before, backs, outputs = zip(*kept, strict=True)
    return (_joined(outputs) if shape.sequences else None, states), (before, backs, weights, mask)


def _backward(shape: _Shape, saved: Any, slopes: tuple[Array | None, States]) -> Any:
    before, backs, (kernel, bias), mask = saved
    of_outputs, of_last = slopes
    turned = lax.optimization_barrier(kernel.T)  # once, not in every step

    def step(of_states: States, now: Any) -> tuple[States, tuple[Array, ...]]:
        back, mask, of_output = now
        if of_output is not None:
            of_states = (of_states[0] + of_output, *of_states[1:])
        zeros = tree.map_structure(jnp.zeros_like, of_states)
        *of_terms, of_old = back(_kept(mask, of_states, zeros))
        first = of_old[0] + of_terms[-1] @ turned
        of_old = (first, *of_old[1:])
        if mask is not None:
            of_old = tuple(a + b for a, b in zip(of_old, _kept(mask, zeros, of_states), strict=True))
        return of_old, tuple(of_terms)

    terms: list[Array] = []
    products: list[Array] = []
    biases: list[Array] = []
    of_states = of_last
    for part, old, back in reversed(list(zip(_parts(sum(map(len, before))), before, backs, strict=True))):
        given = (back, _cut(mask, part), _cut(of_outputs, part))
        of_states, of_terms = lax.scan(step, of_states, given, reverse=True, unroll=shape.unroll)
        terms.insert(0, of_terms[0])
        products.append(_flat(old).T @ _flat(of_terms[-1]))
        if bias is not None:
            biases.append(of_terms[-1].sum((0, 1)))
    of_bias = reduce(lax.add, biases) if biases else None
    return _joined(terms), of_states, (reduce(lax.add, products), of_bias), None


# A product of all steps at once takes every core, the loop over them takes one: so on a CPU there are two loops, and
# the products of what the first one found are taken while the second one runs.
_WORTH_PARTS = 32


def _parts(steps: int) -> list[tuple[int, int]]:
    """Where the loops begin and end."""
    if jax.default_backend() != 'cpu' or steps < _WORTH_PARTS:
        return [(0, steps)]
    return [(0, steps // 2), (steps // 2, steps)]


def _cut(x: Array | None, part: tuple[int, int]) -> Array | None:
    return None if x is None else lax.slice_in_dim(x, *part)


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def _flat(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


_recurrence.defvjp(_forward, _backward)


def loop(
    step: Callable[[Any, Any, Any], tuple[Array, Any, Any]],
    x: Any,
    states: Any,
    mask: Array | None = None,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    kept: Any = None,
) -> tuple[Array, Any, Any]:
    """Run any step over time; a masked step leaves the states as they were.

    Args:
        step: `(x, states, kept) -> (output, states, kept)`.
        x: (time, rows, …), nested.
        states: Nested.
        mask: Booleans (time, rows, 1).
        zero_output_for_mask: Whether a masked step puts out zeros, rather than the last cell's first state.
        unroll: Whether to write the steps out one by one.
        kept: What else goes from step to step, masked or not.

    Returns:
        The outputs (time, rows, …), the last states, and what was kept.
    """

    def body(carried: tuple[Any, Any], now: Any) -> tuple[Any, Array]:
        states, kept = carried
        x, mask = now
        output, new, kept = step(x, states, kept)
        new = tree.pack_sequence_as(states, tree.flatten(new))
        new = tree.map_structure(lambda n, o: n.astype(o.dtype), new, states)
        if mask is None:
            return (new, kept), output
        old = states[-1][0] if tree.is_nested(states[0]) else states[0]
        skipped = jnp.zeros_like(output) if zero_output_for_mask else old
        new = tree.map_structure(partial(_where, mask), new, states)
        return (new, kept), _where(mask, output, skipped)

    (last, kept), outputs = lax.scan(body, (states, kept), (x, mask), unroll=unroll)
    return outputs, last, kept


def _where(mask: Array, new: Array, old: Array) -> Array:
    return jnp.where(mask.reshape(mask.shape[:1] + (1,) * (new.ndim - 1)), new, old)
