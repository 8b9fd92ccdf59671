"""Embedding: a vector for each of so many whole numbers."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp

from hefted import constraints, initializers, regularizers
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.variables import Array


class Embedding(Layer):
    """Row `i` of a matrix for each whole number `i`.

    Args:
        input_dim: How many numbers there are: inputs are in 0 to `input_dim - 1`; the others give NaN.
        output_dim: Length of a vector.
        embeddings_initializer: For the (input_dim, output_dim) matrix.
        embeddings_regularizer: Adds a loss on the matrix.
        embeddings_constraint: Applied to the matrix after each update.
        mask_zero: Whether 0 is padding, which the layers after this one are told to leave out.
        weights: The first matrix, in the place of the initializer's.
        lora_rank: Kept for Keras's archives; only None.
        lora_alpha: The same.
        quantization_config: The same.

    Input (batch, …) of integers, output (batch, …, output_dim).

    Raises:
        ArgumentError: A size that is not a positive integer.

    Example:
        >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
        (1, 3, 4)
    """

    rows_independent = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = 'uniform',
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, size in (('input_dim', input_dim), ('output_dim', output_dim)):
            if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
                raise ArgumentError(f'Expected {argument} of Embedding to be a positive integer, received {size!r}.')
        if kwargs.pop('input_length', None) is not None:
            warnings.warn('Argument input_length of Embedding is not needed any more. Remove it.', stacklevel=2)
        without_adapters(lora_rank, lora_alpha, quantization_config)
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = input_dim, output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        del input_shape
        if self.built:
            return
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim), self.embeddings_initializer, name='embeddings',
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip
        self.built = True

    def call(self, inputs: Array) -> Array:
        if inputs.dtype not in ('int32', 'int64'):
            inputs = inputs.astype('int32')
        return jnp.take(self.embeddings.value, inputs, axis=0).astype(self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the input is not 0, if 0 is padding."""
        del previous_mask
        return inputs != 0 if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        config = {'activity_regularizer': None, **super().get_config()}
        for name in ('weights', 'lora_rank', 'lora_alpha'):
            config.pop(name, None)
        return config

    def _argument(self, name: str) -> Any:
        return None if name == 'weights' else super()._argument(name)  # a matrix is no part of a config


def without_adapters(lora_rank: Any, lora_alpha: Any, quantization_config: Any) -> None:
    """Refuse what is Keras's alone.

    Raises:
        ArgumentError: One of them is not None.
    """
    given = {'lora_rank': lora_rank, 'lora_alpha': lora_alpha, 'quantization_config': quantization_config}
    for argument, value in given.items():
        if value is not None:
            raise ArgumentError(
                f'Expected {argument} to be None, received {value!r}: low-rank adapters and quantized layers are not '
                "here. Put Keras's own layer into the model."
            )
