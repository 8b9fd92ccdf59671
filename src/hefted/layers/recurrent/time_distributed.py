"""TimeDistributed: one layer for every step in time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted.errors import ShapeError
from hefted.layers.wrapper import Wrapper
from hefted.operation import signature_of
from hefted.variables import Array


class TimeDistributed(Wrapper):
    """Apply a layer to each step of (batch, time, …).

    Where rows do not touch, and in training nothing is drawn or kept, all steps are rows of one call; else they are
    taken one by one.

    Args:
        layer: The layer.

    Raises:
        ArgumentError: It is no layer.

    Example:
        >>> from hefted.layers import Dense
        >>> TimeDistributed(Dense(4))(np.ones((2, 5, 3))).shape
        (2, 5, 4)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _of_step(self, shape: Any) -> tuple[Any, ...]:
        if len(shape) < 3:
            raise ShapeError(f'Expected inputs of TimeDistributed of at least 3 axes, received {tuple(shape)}.')
        return (shape[0], *shape[2:])

    def build(self, input_shape: Any = None) -> None:
        super().build(self._of_step(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *rest = self.layer.compute_output_shape(self._of_step(input_shape))
        return (rows, input_shape[1], *rest)

    def call(self, inputs: Array, training: bool | None = None, mask: Any = None) -> Array:
        if mask is not None and (mask.ndim < 2 or mask.shape[:2] != inputs.shape[:2]):
            raise ShapeError(
                f'Expected the mask of TimeDistributed to begin with the sizes {inputs.shape[:2]} of its input '
                f'(batch, time), received shape {mask.shape}.'
            )
        if self._steps_are_rows(training):
            outputs = self._once(_merged(inputs), training, None if mask is None else _merged(mask))
            return outputs.reshape(*inputs.shape[:2], *outputs.shape[1:])
        steps = range(inputs.shape[1])
        return jnp.stack([self._once(inputs[:, i], training, None if mask is None else mask[:, i]) for i in steps], 1)

    def _once(self, inputs: Array, training: bool | None, mask: Any) -> Array:
        taken = signature_of(type(self.layer).call).parameters
        told: dict[str, Any] = {}
        if 'training' in taken:
            told['training'] = training
        if 'mask' in taken and mask is not None:
            told['mask'] = mask
        return self.layer.call(inputs, **told)

    def _steps_are_rows(self, training: bool | None) -> bool:
        """Whether the outputs are the same if all steps are rows of one call."""
        if training and self.layer.non_trainable_variables:
            return False  # statistics and draws go from step to step
        return all(layer.rows_independent for layer in self.layer.flatten_layers())


def _merged(x: Array) -> Array:
    """Batch and time as one axis."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
