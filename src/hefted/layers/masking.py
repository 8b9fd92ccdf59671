"""Identity, and Masking: which steps of a sequence do not count."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from hefted import tree
from hefted.layers.layer import Layer
from hefted.layers.same_shape import SameShape
from hefted.masks import set_mask
from hefted.symbolic import KerasTensor
from hefted.utils.serialization import deserialize_keras_object
from hefted.variables import Array


class Identity(Layer):
    """The input itself."""

    rows_independent = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype), inputs)


class Masking(SameShape):
    """Mask the steps of a sequence all of whose values are `mask_value`, and set them to 0.

    Args:
        mask_value: What a step without data is filled with.

    Input (batch, steps, …, features); the mask is (batch, steps, …).

    Example:
        >>> from hefted.masks import get_mask
        >>> get_mask(Masking()(np.array([[[1.0], [0.0]]]))).tolist()
        [[True, False]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = deserialize_keras_object(mask_value) if isinstance(mask_value, dict) else mask_value

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        del previous_mask
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs: Array) -> Array:
        mask = self.compute_mask(inputs)
        outputs = jnp.where(mask[..., None], inputs, 0)
        set_mask(outputs, mask)
        return outputs
