"""`set_random_seed`: one number from which every draw of a program follows."""

from __future__ import annotations

import random as python_random

import numpy as np

from hefted.errors import ArgumentError


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and Hefted's random numbers: same seed, same weights, order and dropout.

    Args:
        seed: From 0 to 2**32 - 1.

    Raises:
        ArgumentError: Not such a number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ArgumentError(f'Expected seed to be a whole number from 0 to 2**32 - 1, received {seed!r}.')
    from hefted.random import reset_global_generator, seed_runs

    python_random.seed(seed)
    np.random.seed(seed)
    reset_global_generator()
    seed_runs(seed)
