"""Branches, loops and scans that a compiled program can hold, functions mapped over arrays, and their derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError
from hefted.ops.calling import array, on_arrays, without_variables
from hefted.variables import Array

Function = Callable[..., Any]


@on_arrays('pred')
def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """What `true_fn()` returns if `pred` holds, else what `false_fn()` does; both must be alike."""
    return lax.cond(pred, true_fn, false_fn)


@on_arrays('index')
def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """What `branches[index](*operands)` returns; an index beyond the ends is the nearest one."""
    return lax.switch(index, branches, *without_variables(operands))


@on_arrays()
def while_loop(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Repeat `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds.

    Args:
        cond: Takes the loop's variables, returns a boolean.
        body: Takes the loop's variables, returns as many of the same shapes and dtypes.
        loop_vars: A tuple or list of them, or one array.
        maximum_iterations: The loop ends after so many at the latest.
    """
    several = isinstance(loop_vars, (tuple, list))
    start = tuple(loop_vars) if several else (loop_vars,)

    def goes_on(state: Any) -> Any:
        count, values = state
        more = cond(*values)
        return more if maximum_iterations is None else more & (count < maximum_iterations)

    def step(state: Any) -> Any:
        count, values = state
        outputs = body(*values)
        return count + 1, tuple(outputs) if several else (outputs,)

    _, values = lax.while_loop(goes_on, step, (0, without_variables(start)))
    return values if several else values[0]


@on_arrays('lower', 'upper')
def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """Repeat `value = body_fun(i, value)` for i from `lower` to below `upper`."""
    return lax.fori_loop(lower, upper, body_fun, without_variables(init_val))


@on_arrays()
def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """Repeat `carry, y = f(carry, x)` over the first axis of `xs`.

    Args:
        f: Takes carry and x, returns the next carry, of the same shapes and dtypes, and y.
        init: The first carry.
        xs: Arrays, nested; or None with a `length`.
        length: The number of steps, where it does not follow from `xs`.
        reverse: Whether to begin at the end.
        unroll: How many steps are written out in one turn of the loop; True is all.

    Returns:
        The last carry, and the ys stacked.

    Raises:
        ValueError: `unroll` is neither a positive int nor a bool.
    """
    if not isinstance(unroll, int) or (unroll < 1 and not isinstance(unroll, bool)):
        raise ArgumentError(f'Expected unroll to be a positive int or a bool, received {unroll!r}.')
    init, xs = without_variables((init, xs))
    return lax.scan(f, init, xs, length, reverse, unroll)


@on_arrays()
def associative_scan(f: Function, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative `f` along an axis, in logarithmically many steps."""
    return lax.associative_scan(f, without_variables(elems), reverse, axis)


@on_arrays()
def map(f: Function, xs: Any) -> Any:
    """`f` of each element along the first axis, one after another, stacked."""
    return lax.map(f, without_variables(xs))


@on_arrays()
def vectorized_map(function: Function, elements: Any) -> Any:
    """`function` of each element along the first axis, all at once, stacked."""
    return jax.vmap(function)(without_variables(elements))


def vectorize(pyfunc: Function, *, excluded: Any = None, signature: str | None = None) -> Function:
    """A function of arrays from one of their elements.

    Args:
        pyfunc: Over elements, or over the core axes that `signature` names.
        excluded: Places and names of arguments that are passed as they are.
        signature: As '(n),(n)->()'.
    """
    return jnp.vectorize(pyfunc, excluded=set() if excluded is None else excluded, signature=signature)


def custom_gradient(f: Function) -> Function:
    """A function with a gradient of its own.

    Args:
        f: Returns its value, and a function from the gradient of that to the gradients of the arguments.

    Example:
        >>> double = custom_gradient(lambda x: (2.0 * x, lambda upstream: upstream * 3.0))
        >>> float(jax.grad(double)(1.0))
        3.0
    """
    inner = jax.custom_gradient(f)

    @functools.wraps(f)
    def outer(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = without_variables((args, kwargs))
        return inner(*args, **kwargs)

    return outer


@on_arrays()
def jvp(fun: Function, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """The value of a function at `primals`, and its derivative in the direction `tangents`.

    Args:
        fun: Over arrays; with `has_aux` it returns a pair, of which the second is passed on.
        primals: A tuple of arguments.
        tangents: As many, of the same shapes.
        has_aux: Whether the function returns more than its value.
    """
    return jax.jvp(fun, _arrays(primals), _arrays(tangents), has_aux=has_aux)


def _arrays(values: Any) -> tuple[Array, ...]:
    return tuple(array(value) for value in values)
