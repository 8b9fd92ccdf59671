"""Hashing and HashedCrossing: words and numbers, or combinations of them, in so many buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.layers.categories import encode
from hefted.layers.on_host import HostLayer, hot_shape
from hefted.symbolic import KerasTensor
from hefted.utils.columns import column
from hefted.utils.fingerprints import buckets, crossed
from hefted.variables import Array


class Hashing(HostLayer):
    """The bucket that a word or a whole number falls into: Keras's, on every machine.

    Args:
        num_bins: How many buckets there are.
        mask_value: What goes to bucket 0, where nothing else then goes.
        salt: One whole number, or two: the key of SipHash; None is FarmHash without one.
        output_mode: 'int' for the bucket's number, or as in `CategoryEncoding`.
        sparse: Kept for Keras's sake; only False.

    Example:
        >>> Hashing(3)(np.array([['A'], ['B']])).tolist()
        [[1], [0]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = 'int',
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get('dtype') is None:
            kwargs['dtype'] = 'int64' if output_mode == 'int' else dtypes.floatx()
        super().__init__(**kwargs)
        _check(self, num_bins, output_mode, ('int', 'one_hot', 'multi_hot', 'count'), sparse)
        self.num_bins, self.mask_value, self.output_mode, self.sparse = num_bins, mask_value, output_mode, False
        self.salt = salt_of(salt)
        if output_mode == 'int' and self.dtype not in ('int32', 'int64'):
            raise ArgumentError(
                f"Expected dtype to be 'int32' or 'int64' with output_mode='int', received {self.dtype!r}."
            )

    def call(self, inputs: Any) -> Array:
        values = column('the inputs of Hashing', inputs)
        values = values.astype('int64') if values.dtype.kind in 'bf' else values
        masks = self.mask_value is not None and self.num_bins > 1
        bins = buckets(values, self.num_bins - masks, self.salt)
        if masks:
            bins = np.where(values == self.mask_value, 0, bins + 1)
        return encode(jnp.asarray(bins, 'int32'), self.output_mode, self.num_bins, dtypes.on_device(self.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return hot_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtypes.on_device(self.dtype))


class HashedCrossing(HostLayer):
    """The bucket that a combination of words and whole numbers falls into: Keras's, on every machine.

    Args:
        num_bins: How many buckets there are.
        output_mode: 'int' for the bucket's number, 'one_hot' for indicators.
        sparse: Kept for Keras's sake; only False.

    It is called on a list of arrays of one shape: (), (batch,) or (batch, 1).

    Example:
        >>> HashedCrossing(5)((np.array(['A', 'B']), np.array([101, 101]))).tolist()
        [1, 4]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = 'int',
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype='int64' if output_mode == 'int' and dtype is None else dtype, **kwargs)
        _check(self, num_bins, output_mode, ('int', 'one_hot'), sparse)
        self.num_bins, self.output_mode, self.sparse = num_bins, output_mode, False

    def call(self, inputs: Any) -> Array:
        _check_several(inputs)
        columns = [column('the inputs of HashedCrossing', one) for one in inputs]
        shapes = [one.shape for one in columns]
        if len(set(shapes)) > 1 or len(shapes[0]) > 2 or shapes[0][1:] not in ((), (1,)):
            raise ShapeError(
                f'Expected the inputs of HashedCrossing to have one shape, (), (batch,) or (batch, 1), received '
                f'{shapes}.'
            )
        if any(one.dtype.kind == 'f' for one in columns):
            raise ArgumentError(
                'Expected the inputs of HashedCrossing to be whole numbers or strings, received floats.'
            )
        bins = jnp.asarray(crossed(columns, self.num_bins), 'int32')
        return encode(bins, self.output_mode, self.num_bins, dtypes.on_device(self.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return hot_shape(input_shape[0], self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        _check_several(inputs)
        shape = self.compute_output_shape([one.shape for one in inputs])
        return KerasTensor(shape, dtypes.on_device(self.dtype))

    def get_config(self) -> dict[str, Any]:
        names = ('num_bins', 'output_mode', 'sparse', 'name', 'dtype')
        return {name: getattr(self, name) for name in names}


def salt_of(salt: Any) -> list[int] | None:
    """The key of SipHash, as two numbers; None for none.

    Raises:
        ArgumentError: It is no number, and not two.
    """
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:  # pyright: ignore[reportUnknownArgumentType]
        return list(salt)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise ArgumentError(f'Expected salt to be a whole number, two of them, or None, received {salt!r}.')


def _check(layer: HostLayer, num_bins: Any, output_mode: str, known: tuple[str, ...], sparse: bool) -> None:
    name = type(layer).__name__
    if not isinstance(num_bins, int) or num_bins < 1:
        raise ArgumentError(f'Expected num_bins of {name} to be at least 1, received {num_bins!r}.')
    if output_mode not in known:
        raise unknown_name('output_mode', output_mode, known)
    if sparse:
        raise ArgumentError(f'Expected sparse=False for {name}: sparse outputs are not supported.')


def _check_several(inputs: Any) -> None:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:  # pyright: ignore[reportUnknownArgumentType]
        raise ArgumentError(
            f'Expected HashedCrossing to be called on a list of at least two inputs, received {inputs!r}.'
        )
