"""The base of losses, and the one place where their values are weighted, masked and reduced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax

from hefted import dtypes
from hefted.errors import ShapeError, unknown_name
from hefted.masks import get_mask
from hefted.utils.arrays import as_array, divide_no_nan, select, squeeze_or_expand
from hefted.utils.naming import auto_name
from hefted.utils.quick import number, total
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array

_MEANS = ('sum_over_batch_size', 'mean', 'mean_with_sample_weight')
_REDUCTIONS = (*_MEANS, 'sum', 'none', None)


class Loss:
    """The base: subclass it with `call(y_true, y_pred) -> values`, one a row (or one an element).

    Args:
        name: Made up from the class if None.
        reduction: 'sum_over_batch_size' or 'mean' (the sum over the number of values), 'sum',
            'mean_with_sample_weight' (the sum over the sum of weights), or 'none'.
        dtype: What targets and predictions are cast to; `floatx()` if None.

    Example:
        >>> import numpy as np
        >>> class MaxError(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return abs(y_true - y_pred).max(axis=-1)
        >>> float(MaxError()(np.zeros((2, 2)), np.array([[1.0, 3.0], [2.0, 5.0]])))
        4.0
    """

    #: Whether a row's value depends on that row alone; a short batch may then be padded and masked.
    rows_independent: bool = False

    def __init__(
        self, name: str | None = None, reduction: str | None = 'sum_over_batch_size', dtype: Any = None
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise unknown_name('reduction', reduction, [r for r in _REDUCTIONS if r])
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self.dtype: str = dtypes.standardize(getattr(dtype, 'compute_dtype', dtype))

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None, rows: Any = None
    ) -> Array:
        """The reduced loss.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight a row, or of any shape that the values broadcast with.
            mask: Which values count; if None, the mask that travels with the predictions, if there is one.
            rows: (batch,) booleans: a row that is False is exactly as if it were not there.
        """
        mask = get_mask(y_pred) if mask is None else mask
        y_true, y_pred = self._arrays(y_true), self._arrays(y_pred)
        values = self.call(y_true, y_pred)
        own = self.mask(y_true, y_pred, values)
        if own is not None:
            mask = own if mask is None else as_array(mask, 'bool') & own
        return reduce_weighted(values, sample_weight, mask, self.reduction, self.dtype, rows)

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The values, one a row or one an element."""
        raise NotImplementedError(f'{type(self).__name__} must define call(y_true, y_pred).')

    def mask(self, y_true: Any, y_pred: Any, values: Array) -> Array | None:  # noqa: ARG002 (subclasses look)
        """Which values the loss itself leaves out of its mean, or None."""
        return None

    def _arrays(self, values: Any) -> Any:
        return jax.tree.map(lambda x: as_array(x, self.dtype), values)

    def get_config(self) -> dict[str, Any]:
        return {'name': self.name, 'reduction': self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss of a function `fn(y_true, y_pred, **kwargs)`."""

    #: What `get_config` holds besides name and reduction. None: the function itself and all its arguments.
    arguments: tuple[str, ...] | None = None

    def __init__(
        self,
        fn: Callable[..., Array],
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn, self._fn_kwargs = fn, kwargs
        self.rows_independent = bool(getattr(fn, 'rows_independent', False))

    def call(self, y_true: Any, y_pred: Any) -> Array:
        if isinstance(y_true, jax.Array) and isinstance(y_pred, jax.Array):
            y_true, y_pred = squeeze_or_expand(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def __getattr__(self, name: str) -> Any:
        # The function's arguments, by name: loss.from_logits, loss.delta.
        if name in self.__dict__.get('_fn_kwargs', ()):
            return self._fn_kwargs[name]
        raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.arguments is not None:
            return config | {name: self._fn_kwargs[name] for name in self.arguments}
        return config | {'fn': serialize_keras_object(self.fn)} | serialize_keras_object(self._fn_kwargs)

    def __repr__(self) -> str:
        return f'<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>'

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**(deserialize_keras_object(config) if 'fn' in config else config))


def row_wise(function: Callable[..., Array]) -> Callable[..., Array]:
    """Decorator of our own functions whose value for a row depends on that row alone."""
    function.rows_independent = True  # pyright: ignore[reportFunctionMemberAccess]
    return function


def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = 'sum_over_batch_size',
    dtype: Any = None,
    rows: Any = None,
) -> Array:
    """Weight a loss's values and reduce them as Keras does.

    With a mask, a mean is over the values that count. With `rows`, every sum and every count leaves out the rows
    that are False, so that a padded batch gives the unpadded one's loss.
    """
    values = as_array(values, dtype)
    weight = None if sample_weight is None else as_array(sample_weight, values.dtype)
    real = None if rows is None else as_array(rows, values.dtype)
    if rows is not None:
        rows = as_array(rows, 'bool')
        values = select(_along(rows, values), values, 0.0)
    if mask is not None:
        weight = _masked(as_array(mask, 'bool'), weight, reduction, values.dtype, rows)
    if weight is not None:
        values, weight = squeeze_or_expand(values, weight)
        if weight.shape not in ((), values.shape):
            _check_broadcasts(weight, values.shape, 'the loss has values')
        values = lax.mul(values, weight) if weight.shape in ((), values.shape) else values * weight
    if reduction in (None, 'none') or values.shape in ((), (0,)):
        return values
    summed = total(values)
    if reduction == 'sum':
        return summed
    if reduction == 'mean_with_sample_weight' and weight is not None:
        if rows is not None and weight.ndim:
            weight = select(_along(rows, weight), weight, 0.0)
        return divide_no_nan(summed, total(weight))
    if real is None or not values.ndim:
        return lax.div(summed, number(max(values.size, 1), summed.dtype))
    # The weights may have broadcast one value a row to many; each row has as many as the others.
    counted = total(real)
    return divide_no_nan(summed, lax.mul(counted, number(math.prod(values.shape[1:]), counted.dtype)))


def _masked(mask: Array, weight: Array | None, reduction: str | None, dtype: Any, rows: Array | None) -> Array:
    """The weight with a mask in it; for a mean, scaled so that the mean is over the values that count."""
    counted = mask if rows is None else mask & _along(rows, mask)
    factor = lax.convert_element_type(counted, dtype)
    if reduction in ('mean', 'sum_over_batch_size'):
        valid = total(factor)
        there = mask.size if rows is None else total(lax.convert_element_type(_along(rows, mask), dtype))
        factor = factor * divide_no_nan(lax.full_like(valid, 1) * there, valid)
    if weight is None:
        return factor
    factor, weight = squeeze_or_expand(factor, weight)
    _check_broadcasts(weight, factor.shape, 'the outputs have a mask')
    return weight * factor


def _check_broadcasts(weight: Array, shape: tuple[int, ...], what: str) -> None:
    """Say what to pass where weights, or a mask, do not fit what they weight."""
    if all(a == b or 1 in (a, b) for a, b in zip(weight.shape[::-1], shape[::-1], strict=False)):
        return
    remedy = ''
    if weight.ndim == 1 < len(shape):
        remedy = f' To weight whole rows, pass sample_weight[{", ".join([":"] + ["None"] * (len(shape) - 1))}].'
    raise ShapeError(
        f'Expected sample_weight, or the mask of the outputs, to broadcast to shape {shape} of which {what}, '
        f'received shape {weight.shape}.{remedy}'
    )


def _along(rows: Array, values: Array) -> Array:
    """Row flags in the shape of the values."""
    return lax.broadcast_in_dim(rows, values.shape, (0,))
