"""What layers that go over one, two or three spatial axes have in common: checked arguments, layouts, sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp

from hefted import activations, constraints, initializers, regularizers
from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.utils.layout import standardize_data_format
from hefted.variables import Array, Variable

Shape = tuple[int | None, ...]
Sizes = tuple[int, ...]
_GET: dict[str, Callable[[Any], Any]] = {
    'initializer': initializers.get,
    'regularizer': regularizers.get,
    'constraint': constraints.get,
}


class SpatialLayer(Layer):
    """A layer over (batch, …, channels), or (batch, channels, …), with `rank` axes between.

    Args:
        data_format: 'channels_last' or 'channels_first'.
        **kwargs: As for `Layer`.
    """

    rows_independent = True
    rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def channel_axis(self) -> int:
        """Where the channels are."""
        return -1 if self.data_format == 'channels_last' else 1

    def parts(self, shape: Any) -> tuple[int | None, Shape, int | None]:
        """The batch's size, those of the spatial axes, and the channels, of a shape."""
        if len(shape) != self.rank + 2:
            raise ShapeError(
                f'Expected an input of rank {self.rank + 2} for {type(self).__name__} {self.name!r} '
                f'(data_format={self.data_format!r}), received shape {tuple(shape)}. Reshape the data.'
            )
        last = self.data_format == 'channels_last'
        return shape[0], tuple(shape[1:-1] if last else shape[2:]), shape[-1] if last else shape[1]

    def whole(self, batch: int | None, spatial: Any, channels: int | None) -> Shape:
        """The shape of these parts."""
        return (batch, *spatial, channels) if self.data_format == 'channels_last' else (batch, channels, *spatial)

    def channels_last(self, x: Array) -> Array:
        """The array with its channels moved last."""
        return x if self.data_format == 'channels_last' else jnp.moveaxis(x, 1, -1)

    def channels_back(self, x: Array) -> Array:
        """The array with its channels moved back to where they are in this layer."""
        return x if self.data_format == 'channels_last' else jnp.moveaxis(x, -1, 1)


class WeightedWindows(SpatialLayer):
    """A spatial layer whose weights are each made with an initializer, a regularizer and a constraint."""

    bias: Variable | None
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any
    activation: Any

    def keep(self, **given: Any) -> None:
        """Keep '<weight>_initializer' and its like as what they stand for."""
        for name, value in given.items():
            setattr(self, name, _GET[name.rpartition('_')[2]](value))

    def weight(self, name: str, shape: Sizes, of: str | None = None) -> Variable:
        """Make a weight as its '<of>_initializer' and the others say."""
        of = of or name
        return self.add_weight(
            shape, getattr(self, f'{of}_initializer'), name=name,
            regularizer=getattr(self, f'{of}_regularizer'), constraint=getattr(self, f'{of}_constraint'),
        )  # fmt: skip

    def finish(self, outputs: Array) -> Array:
        """Add the bias, apply the activation, move the channels back."""
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return self.channels_back(activations.apply(self.activation, outputs))


def sizes(argument: str, value: Any, rank: int, least: int = 1) -> Sizes:
    """An int, or one for each axis, as a tuple.

    Raises:
        ArgumentError: Another number of them, or one that is too small.
    """
    each = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(each) != rank or not all(isinstance(v, int) and v >= least for v in each):
        kind = 'positive int' if least == 1 else 'int of 0 or more'
        raise ArgumentError(f'Expected {argument} to be a {kind} or a tuple of {rank} of them, received {value!r}.')
    return each


def pairs(argument: str, value: Any, rank: int) -> tuple[Sizes, ...]:
    """(before, behind) for each axis: of one int, one for each axis, or a pair for each."""
    each = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(each) != rank:
        raise ArgumentError(
            f'Expected {argument} to be an int, {rank} ints or {rank} pairs of ints, received {value!r}.'
        )
    return tuple(sizes(f'entry {number} of {argument}', one, 2, least=0) for number, one in enumerate(each, 1))


def known_padding(padding: Any, causal: bool = False) -> str:
    """'valid', 'same' or, where it makes sense, 'causal', in lower case."""
    known = ('valid', 'same', 'causal') if causal else ('valid', 'same')
    if not isinstance(padding, str) or padding.lower() not in known:
        raise unknown_name('padding', padding, known)
    return padding.lower()


def window_output(size: int | None, reach: int, stride: int, padding: str) -> int | None:
    """How many windows of that reach an axis holds; None for an unknown size."""
    if size is None:
        return None
    return (size - reach) // stride + 1 if padding == 'valid' else (size - 1) // stride + 1


def check_not_empty(layer: Layer, shape: Any, spatial: Shape) -> None:
    """Refuse an input in which no window fits.

    Raises:
        ShapeError: A size of the output would be zero or less.
    """
    if any(size is not None and size <= 0 for size in spatial):
        raise ShapeError(
            f'Computed output size would be zero or negative: {type(layer).__name__} {layer.name!r} received an input '
            f"of shape {tuple(shape)}, and no window fits into it. Use a smaller kernel or pool, or padding='same'."
        )
