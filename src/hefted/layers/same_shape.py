"""`SameShape`: the layers whose output has the shape of their input, so that nothing need be traced to know it."""

from __future__ import annotations

from typing import Any

from hefted import dtypes
from hefted.layers.layer import Layer
from hefted.shape_tracing import trace_shapes
from hefted.symbolic import KerasTensor


class SameShape(Layer):
    """A layer over one array that keeps its shape, passes its mask on, and has nothing to build unless it says so.

    Args:
        **kwargs: For `Layer`.
    """

    rows_independent = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = type(self).build is Layer.build

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, KerasTensor) and dtypes.is_float(inputs.dtype):
            return KerasTensor(inputs.shape, self.compute_dtype)
        return trace_shapes(self.call, (inputs,), kwargs)  # what becomes of integers, only the formula knows
