"""A step built elsewhere, with its convolutions and max-pools in the forms that XLA runs fast in a loop on CPU.

JAX's own gradient of a convolution is one with permuted dimensions, and that of a max-pool a scatter: both leave XLA's
fast path in a loop's body. The traced step is run again, equation by equation, with those exchanged for the same sums
in the plain layout; nothing else changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend.core import Literal

from hefted.ops import convolution, pooling
from hefted.variables import Array

_CALLS = ('jit', 'pjit', 'closed_call', 'core_call', 'remat', 'checkpoint')
_MOST_PLACES = 32  # of a window: above that XLA's own form is no worse


def rewritten(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of arrays, with plain convolutions and max-pools.

    Example:
        >>> rewritten(lambda x: x + 1)(1.0)
        Array(2., dtype=float32, weak_type=True)
    """

    def again(*args: Any) -> Any:
        closed, shapes = jax.make_jaxpr(step, return_shape=True)(*args)
        outputs = _run(closed.jaxpr, closed.consts, jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)

    return again


def _run(jaxpr: Any, consts: list[Any], inputs: list[Any]) -> list[Any]:
    values: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *inputs), strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        found = _equation(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _equation(equation: Any, inputs: list[Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    inner = params.get('jaxpr') if name in _CALLS else None
    if inner is not None:
        return _run(inner.jaxpr, inner.consts, inputs) if hasattr(inner, 'consts') else _run(inner, [], inputs)
    if name == 'conv_general_dilated' and params['feature_group_count'] == params['batch_group_count'] == 1:
        x, kernel = inputs
        if equation.outvars[0].aval.dtype == x.dtype:  # else it adds up in another dtype than it is given
            return [_convolution(x, kernel, params)]
    if name in ('reduce_window_max', 'select_and_scatter_add') and _small_window(equation):
        return [_max_pool(inputs[0], params) if len(inputs) == 1 else _max_pool_gradient(inputs[0], inputs[1], params)]
    found = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(params))
    return found if equation.primitive.multiple_results else [found]


def _convolution(x: Array, kernel: Array, params: dict[str, Any]) -> Array:
    """The convolution with its operands transposed to channels last, and its result back."""
    numbers = params['dimension_numbers']
    last = lambda spec: (spec[0], *spec[2:], spec[1])  # noqa: E731
    # As in `hefted.ops.convolution`, the transposing is kept apart.
    x, kernel = lax.optimization_barrier(
        (
            x.transpose(last(numbers.lhs_spec)),
            kernel.transpose((*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0])),
        )
    )
    window = convolution.Window(
        params['window_strides'], params['padding'], params['lhs_dilation'], params['rhs_dilation']
    )
    return convolution.quickest(x, kernel, window).transpose(tuple(np.argsort(last(numbers.out_spec))))


def _small_window(equation: Any) -> bool:
    """A window over the middle axes alone, of few places, without spread."""
    params = equation.params
    window = params['window_dimensions']
    spread = (*params.get('base_dilation', ()), *params.get('window_dilation', ()))
    selects_largest = getattr(params.get('select_prim'), 'name', 'ge') == 'ge'
    return (
        len(window) > 2
        and window[0] == window[-1] == 1
        and math.prod(window) <= _MOST_PLACES
        and all(distance == 1 for distance in spread)
        and selects_largest
        and all(pair == (0, 0) for pair in (params['padding'][0], params['padding'][-1]))
        and np.issubdtype(equation.outvars[0].aval.dtype, np.floating)
    )


def _max_pool(x: Array, params: dict[str, Any]) -> Array:
    window, strides = (tuple(params[name][1:-1]) for name in ('window_dimensions', 'window_strides'))
    edges = tuple((low, high, 0) for low, high in params['padding'])
    padded = x if not any(map(any, edges)) else lax.pad(x, np.asarray(-np.inf, x.dtype)[()], edges)
    return pooling.max_pool(padded, window, strides, 'valid')


def _max_pool_gradient(grad: Array, x: Array, params: dict[str, Any]) -> Array:
    _, back = jax.vjp(lambda values: _max_pool(values, params), x)
    return back(grad)[0]
