"""`HostLayer`: what looks words up does so in NumPy, before the compiled program: no device holds text."""

from __future__ import annotations

from typing import Any, ClassVar

from jax.core import Tracer

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.symbolic import any_symbolic


class HostLayer(Layer):
    """A layer without weights that is run by NumPy.

    A functional model runs it, and what leads to it, before its program; elsewhere it is called on the data beforehand.
    """

    rows_independent = True
    on_host: ClassVar[bool] = True
    _takes_anything = True

    def __call__(self, inputs: Any) -> Any:
        if any_symbolic((inputs,), {}):
            return super().__call__(inputs)
        if any(isinstance(leaf, Tracer) for leaf in tree.flatten(inputs)):
            raise ArgumentError(
                f'{type(self).__name__} {self.name!r} runs on the host: it cannot be a part of a compiled step. Call '
                'it on the data beforehand, or make the model of symbolic inputs: Model(inputs, outputs).'
            )
        self.built = True
        return self.call(inputs)

    def call(self, inputs: Any) -> Any:
        raise NotImplementedError(f'{type(self).__name__} must define call().')

    def compute_output_shape(self, input_shape: Any) -> Any:
        raise NotImplementedError(f'{type(self).__name__} must define compute_output_shape().')


def hot_shape(shape: Any, output_mode: str, depth: int | None) -> tuple[int | None, ...]:
    """The shape of categories of a shape, encoded."""
    shape = tuple(shape)
    if output_mode == 'int':
        return shape
    if output_mode == 'one_hot':
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)
