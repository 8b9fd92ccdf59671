"""How a function of `ops` is called: on whatever may be an array, or on symbolic tensors.

@on_arrays('x')
def cube(x, scale=1.0):             # x comes as a JAX array: of a Variable, a list, a number, …
    return scale * x**3

cube(Input((3,)))                   # a KerasTensor; the call is a node of the graph
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from hefted import dtypes, tree
from hefted.operation import FunctionCall
from hefted.symbolic import any_symbolic
from hefted.variables import Array, Variable

F = TypeVar('F', bound=Callable[..., Any])


def on_arrays(*names: str, spec: Callable[..., Any] | None = None) -> Callable[[F], F]:
    """Decorator of functions over arrays: they take whatever may be an array, and symbolic tensors too.

    Args:
        *names: Of the arguments that are made arrays; None stays None.
        spec: Gives the symbolic outputs, where the shape does not follow from a trace.
    """

    def decorate(function: F) -> F:
        parameters = list(inspect.signature(function).parameters)
        places = [(parameters.index(name), name) for name in names]

        @functools.wraps(function)
        def either(*args: Any, **kwargs: Any) -> Any:
            if any_symbolic(args, kwargs):
                return FunctionCall(either).symbolic_call(*args, **kwargs)
            given = list(args)
            for place, name in places:
                if place < len(given):
                    given[place] = array(given[place])
                elif name in kwargs:
                    kwargs[name] = array(kwargs[name])
            return function(*given, **kwargs)

        vars(either)['spec'] = spec
        return cast(F, either)

    return decorate


def array(x: Any, dtype: Any = None) -> Array:
    """A JAX array of what may be an array, a Variable, a number or a nested list of these; None stays None."""
    if x is None:
        return None
    if isinstance(x, Variable):
        x = x.value
    if isinstance(x, jax.Array):
        return x if dtype is None or x.dtype == dtype else jax.lax.convert_element_type(x, dtype)
    if isinstance(x, (list, tuple)):
        x = without_variables(x)
    return jnp.asarray(x, dtype)


def without_variables(structure: Any) -> Any:
    """The structure with the values of variables in their place."""
    return tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, structure)


def floating(x: Array) -> Array:
    """The array, integers and booleans made floats."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else jax.lax.convert_element_type(x, dtypes.floatx())


def result_type(*kinds: Any) -> str:
    """The dtype that arrays of these dtypes have together; Python's `int` and `float` are weak."""
    kinds = tuple(dtypes.floatx() if kind is None else kind for kind in kinds)
    return dtypes.standardize(jnp.result_type(*(kind if kind in (int, float) else jnp.dtype(kind) for kind in kinds)))


def optional_dtype(dtype: Any) -> str | None:
    """The standard name of a dtype; None stays None."""
    return None if dtype is None else dtypes.standardize(dtype)
