"""Activations by name: Keras's, and GELU as the first BERT computed it, which some files still ask for."""

from __future__ import annotations

from typing import Any

from hefted import activations
from hefted.saving import register_keras_serializable
from hefted.variables import Array


@register_keras_serializable('hefted')
def gelu_tanh(x: Any) -> Array:
    """`x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))` (Hendrycks & Gimpel 2016), 'gelu_new' in transformers.

    Example:
        >>> import numpy as np
        >>> f'{gelu_tanh(np.float32(1.0)):.4f}'
        '0.8412'
    """
    return activations.gelu(x, approximate=True)


def activation_of(identifier: Any) -> Any:
    """What `activations.get` gives, and `gelu_tanh` by its name."""
    return gelu_tanh if identifier == 'gelu_tanh' else activations.get(identifier)
