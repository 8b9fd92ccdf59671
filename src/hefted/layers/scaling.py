"""Normalization and Rescaling: numbers as the model likes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted.errors import ArgumentError, NotBuiltError, ShapeError
from hefted.layers.same_shape import SameShape
from hefted.utils.arrays import epsilon
from hefted.utils.layout import image_data_format
from hefted.variables import Array

Shape = tuple[int | None, ...]


class Rescaling(SameShape):
    """`inputs * scale + offset`.

    Args:
        scale: A number, or an array that broadcasts.
        offset: The same.

    Example:
        >>> Rescaling(1 / 255)(np.array([[0, 255]], 'uint8')).tolist()
        [[0.0, 1.0]]
    """

    _takes_anything = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = False
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Array:
        dtype = self.compute_dtype
        scale, offset = (jnp.asarray(value, dtype) for value in (self.scale, self.offset))
        if scale.ndim and image_data_format() == 'channels_first':
            scale = scale.reshape(*scale.shape, *[1] * (3 - scale.ndim))
        return jnp.asarray(inputs, dtype) * scale + offset


class Normalization(SameShape):
    """`(inputs - mean) / sqrt(variance)`, with mean and variance found in data by `adapt`, or given.

    Args:
        axis: The axis, or axes, along which each index has a mean and a variance of its own; None for one of all.
        mean: A number, or one for each index of the axes.
        variance: The same.
        invert: Whether to do the reverse: `inputs * sqrt(variance) + mean`.

    Raises:
        ArgumentError: Mean without variance, or shapes that differ.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0], [3.0]]))
        >>> layer(np.array([[5.0]])).tolist()
        [[3.0]]
    """

    _takes_anything = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        if (mean is None) != (variance is None):
            raise ArgumentError(f'Expected mean and variance, both or neither, received {mean!r} and {variance!r}.')
        if np.shape(mean) != np.shape(variance):
            raise ShapeError(
                f'Expected mean and variance of one shape, received {np.shape(mean)} and {np.shape(variance)}.'
            )
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise ShapeError(
                f'Expected mean of rank {len(self.axis)} at most (axis={axis}), received {np.shape(mean)}.'
            )

    def build(self, input_shape: Any) -> None:
        if input_shape is None:
            return
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ShapeError(f'Expected axis within inputs of rank {rank}, received axis={self.axis}.')
        self._kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ShapeError(
                f'Expected a known size at each axis of {self.axis}, received inputs of shape {tuple(input_shape)}.'
            )
        self._spread: list[int] = [size if i in self._kept else 1 for i, size in enumerate(input_shape)]
        if self.input_mean is None:
            shape = tuple(input_shape[axis] for axis in self._kept)
            self.adapt_mean = self.add_weight(shape, 'zeros', trainable=False, name='mean')
            self.adapt_variance = self.add_weight(shape, 'ones', trainable=False, name='variance')
            self.count = self.add_weight((), 'zeros', dtype='int32', trainable=False, name='count')
        else:
            self._given = self._laid_out(self.input_mean), self._laid_out(self.input_variance)

    def call(self, inputs: Any) -> Array:
        mean, variance = self.mean, self.variance
        if mean is None:
            raise NotBuiltError(f'Normalization {self.name!r} has no shape yet: call build(input_shape), or adapt it.')
        spread = jnp.maximum(jnp.sqrt(variance), epsilon())
        inputs = jnp.asarray(inputs, self.compute_dtype)
        return mean + inputs * spread if self.invert else (inputs - mean) / spread

    @property
    def mean(self) -> Any:
        """The mean, of a shape that broadcasts over the inputs; None before it is built."""
        return self._moment('adapt_mean', 0)

    @property
    def variance(self) -> Any:
        """The variance, of a shape that broadcasts over the inputs; None before it is built."""
        return self._moment('adapt_variance', 1)

    def adapt(self, data: Any) -> None:
        """Find mean and variance in data; what was found before is forgotten.

        Args:
            data: An array, or batches: a list, a generator, a dataset, each (inputs) or (inputs, targets).

        Raises:
            ArgumentError: No data, or the layer was given its mean.
            ShapeError: Data of another shape than the layer was built for.
            TypeError: Something that is no array and holds none.
        """
        if self.input_mean is not None:
            raise ArgumentError(
                f'Normalization {self.name!r} was given its mean and variance: there is nothing to adapt.'
            )
        batches = [data] if _is_array(data) else batches_of(data)
        mean, variance, count = 0.0, 0.0, 0
        for batch in batches:
            self._meet(batch.shape)
            over = tuple(axis for axis in range(batch.ndim) if axis not in self._kept)
            rows = math.prod(batch.shape[axis] for axis in over)
            found, spread = np.mean(batch, over), np.var(batch, over)
            count += rows
            new, old = rows / count, 1 - rows / count  # Chan et al. 1979: the parallel mean and variance
            both = mean * old + found * new
            variance = (variance + (mean - both) ** 2) * old + (spread + (found - both) ** 2) * new
            mean = both
        if count == 0:
            raise ArgumentError('adapt() received no batches. Pass an array, or at least one batch.')
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def finalize_state(self) -> None:
        """Nothing: mean and variance are always those of the weights. Kept for Keras's sake."""

    def get_config(self) -> dict[str, Any]:
        given = {'mean': self.input_mean, 'variance': self.input_variance}
        return super().get_config() | {name: np.array(value).tolist() for name, value in given.items()}

    def _moment(self, weight: str, index: int) -> Any:
        if not self.built:
            return None
        if self.input_mean is not None:
            return jnp.asarray(self._given[index], self.compute_dtype)
        return getattr(self, weight).value.reshape(self._spread).astype(self.compute_dtype)

    def _laid_out(self, given: Any) -> np.ndarray[Any, Any]:
        """What was given, broadcast over the kept axes."""
        value = np.asarray(given, 'float32')
        shape = [1] * len(self._spread)
        for size, axis in zip(reversed(value.shape), reversed(self._kept), strict=False):
            shape[axis] = size
        return np.broadcast_to(value.reshape(shape), self._spread)

    def _meet(self, shape: Shape) -> None:
        """Build for a batch of this shape, or see that it fits."""
        if not self.built:
            self.build(tuple(shape))
        if len(shape) != len(self._spread) or any(shape[axis] != self._spread[axis] for axis in self._kept):
            raise ShapeError(
                f'Normalization {self.name!r} was built for inputs of shape {self._build_shape}; adapt() received data '
                f'of shape {tuple(shape)}.'
            )


def batches_of(data: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The inputs of each batch of an iterable, a `tf.data.Dataset` or a `PyDataset`.

    Raises:
        TypeError: It is none of these, or its batches are no arrays.
    """
    if len(getattr(getattr(data, 'element_spec', None), 'shape', (0, 0))) == 1:
        data = data.batch(128)  # a tf.data.Dataset of single rows
    if hasattr(data, '__getitem__') and hasattr(data, '__len__') and not isinstance(data, (list, tuple)):
        data = (data[i] for i in range(len(data)))
    if not isinstance(data, Iterable):
        raise TypeError(f'Expected data of adapt() to be an array or batches, received {type(data).__name__}.')
    for batch in data:
        inputs = batch[0] if isinstance(batch, tuple) else batch
        if not hasattr(inputs, 'shape'):
            raise TypeError(
                f'Expected the batches of adapt() to be arrays, received {type(inputs).__name__}. For one array, pass '
                'np.array(data).'
            )
        yield np.asarray(inputs)


def _is_array(data: Any) -> bool:
    return isinstance(data, (np.ndarray, jax.Array))
