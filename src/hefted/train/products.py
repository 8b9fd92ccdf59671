"""Finds programs whose products of matrices are all small."""

from __future__ import annotations

import math
from typing import Any

from hefted.train.convolutions import equations

_SMALL = 1 << 17  # multiplications


def are_small(jaxpr: Any) -> bool:
    """Whether each of a traced program's products, and convolutions, takes few multiplications, at any depth.

    Args:
        jaxpr: A ClosedJaxpr, or a Jaxpr.
    """
    return all(_multiplications(equation) <= _SMALL for equation in equations(jaxpr))


def _multiplications(equation: Any) -> float:
    name = equation.primitive.name
    if name == 'dot_general':
        (contracted, _), _ = equation.params['dimension_numbers']
        left = equation.invars[0].aval.shape
        return math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)
    return math.inf if name == 'conv_general_dilated' else 0
