"""Dropout for BERT: 16 random bits a place, of a cipher with as many rounds as it takes."""

from __future__ import annotations

from typing import Any

from hefted import random
from hefted.variables import Array


def dropped(inputs: Array, rate: float, generator: Any) -> Array:
    """The inputs, a share `rate` of them zeroed and the others scaled up (Srivastava et al. 2014).

    Args:
        inputs: Any shape.
        rate: From 0 to below 1.
        generator: A `SeedGenerator`.
    """
    return random.dropout(inputs, rate, None, generator)
