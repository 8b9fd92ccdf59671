"""Finds convolutions that XLA runs slowly inside a loop on CPU: those whose dimensions are permuted.

Hefted's own layers write their gradients in the plain layout (`hefted.ops.convolution`). A program built elsewhere has
JAX's own gradients; the engine then exchanges them (`train.rewriting`), and takes one step at a time where it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def has_slow_convolution(jaxpr: Any) -> bool:
    """Whether a traced program holds a convolution that is not plain NHWC/HWIO, at any depth.

    Args:
        jaxpr: A ClosedJaxpr, or a Jaxpr.
    """
    return any(is_slow(equation) for equation in equations(jaxpr))


def equations(jaxpr: Any) -> Iterator[Any]:
    """The equations of a ClosedJaxpr, or a Jaxpr, at any depth."""
    for equation in getattr(jaxpr, 'jaxpr', jaxpr).eqns:
        yield equation
        for value in equation.params.values():
            for held in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(held, 'jaxpr', held)
                if hasattr(inner, 'eqns'):
                    yield from equations(inner)


def is_slow(equation: Any) -> bool:
    """Whether an equation is a convolution that is not plain NHWC/HWIO."""
    if equation.primitive.name != 'conv_general_dilated':
        return False
    numbers = equation.params['dimension_numbers']
    rank = len(numbers.lhs_spec)
    batch_first_channels_last = (0, rank - 1, *range(1, rank - 1))
    kernel_last = (rank - 1, rank - 2, *range(rank - 2))
    plain = numbers.lhs_spec == numbers.out_spec == batch_first_channels_last and numbers.rhs_spec == kernel_last
    return not plain or equation.params['feature_group_count'] != 1 or equation.params['batch_group_count'] != 1
