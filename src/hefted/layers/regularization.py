"""Layers that act in training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefted import random
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.variables import Array


class Dropout(Layer):
    """Zero a share of the inputs in training and scale the others up (Srivastava et al. 2014).

    Args:
        rate: The share, 0 to 1.
        noise_shape: Shape of the mask; an axis of 1 shares it along that axis, None takes the input's size.
        seed: For the draws; from Python's `random` if None.

    Raises:
        ArgumentError: The rate is not in 0 to 1.
    """

    rows_independent = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ArgumentError(f'Expected rate of Dropout to be between 0 and 1, received {rate!r}.')
        self.rate = rate
        self.seed = seed
        self.noise_shape = noise_shape
        self.built = True
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)
