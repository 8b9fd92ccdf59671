"""Metrics that are one sum, or one mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ShapeError
from hefted.masks import get_mask
from hefted.metrics.metric import Metric
from hefted.utils import quick
from hefted.utils.arrays import as_array, divide_no_nan, squeeze_or_expand
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array, Variable


def row_values(values: Any, sample_weight: Any, mean: bool, dtype: str) -> tuple[Array, Array | None]:
    """Weighted values with one number a row, and the weights in the same form.

    Args:
        values: Of shape (batch, …).
        sample_weight: Of the shape of the values, or of their first axes.
        mean: Whether further axes are averaged; else they are summed.
        dtype: Of the result.
    """
    values = as_array(values, dtype)
    weight = None if sample_weight is None else as_array(sample_weight, dtype)
    if weight is not None:
        values, weight = squeeze_or_expand(values, weight)
        values = _reduced(values, weight.ndim, mean)
        weight = weight if weight.shape == values.shape else _broadcast(weight, values.shape)
        values = lax.mul(values, weight)
        if weight.ndim > 1:
            weight = _reduced(weight, 1, mean)
    return _reduced(values, 1, mean), weight


def _reduced(values: Array, first: int, mean: bool) -> Array:
    axes = tuple(range(first, values.ndim))
    if not axes:
        return values
    return quick.mean(values, axes) if mean else quick.total(values, axes)


def _broadcast(weight: Array, shape: tuple[int, ...]) -> Array:
    try:
        return jnp.broadcast_to(weight, shape)
    except ValueError as error:
        raise ShapeError(
            f'Expected sample_weight that broadcasts to the values, of shape {shape}, received shape {weight.shape}.'
        ) from error


def _masked(mask: Any, weight: Any, dtype: str) -> Array:
    """Sample weights that leave out what a mask does; one weight a row counts for all its steps."""
    factor = as_array(mask, dtype)
    if weight is None:
        return factor
    weight = as_array(weight, dtype)
    if weight.ndim < factor.ndim:
        weight = weight.reshape(weight.shape + (1,) * (factor.ndim - weight.ndim))
    factor, weight = squeeze_or_expand(factor, weight)
    return weight * factor


def _add(variable: Variable, value: Any) -> None:
    variable.assign(lax.add(variable.raw, value))


class Sum(Metric):
    """The weighted sum of values."""

    weights_rows = True

    def __init__(self, name: str | None = 'sum', dtype: Any = None) -> None:
        super().__init__(dtype, name)
        (self.total,) = self._counters((), 'total', dtype=self.dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = row_values(values, sample_weight, False, self.dtype)
        _add(self.total, quick.total(values))

    def result(self) -> Array:
        return self.total.value


class Mean(Metric):
    """The weighted mean of values, one a row.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 3.0], sample_weight=[3, 1])
        >>> float(mean.result())
        1.5
    """

    weights_rows = True

    def __init__(self, name: str | None = 'mean', dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total, self.count = self._counters((), 'total', 'count', dtype=self.dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weight = row_values(values, sample_weight, True, self.dtype)
        _add(self.total, quick.total(values))
        rows = values.shape[0] if values.ndim else 1
        _add(self.count, quick.total(weight) if weight is not None else float(rows))

    def result(self) -> Array:
        return divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` over rows."""

    #: What `get_config` holds besides name and dtype. None: the function itself and all its arguments.
    arguments: tuple[str, ...] | None = None

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name, dtype)
        self._fn, self._fn_kwargs = fn, kwargs
        self.weights_rows = bool(getattr(fn, 'rows_independent', False))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        mask = get_mask(y_pred)
        weight = sample_weight if mask is None else _masked(mask, sample_weight, self.dtype)
        super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), weight)

    def __getattr__(self, name: str) -> Any:
        # The function's arguments, by name: metric.threshold, metric.k.
        if name in self.__dict__.get('_fn_kwargs', ()):
            return self._fn_kwargs[name]
        raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.arguments is not None:
            return config | {name: self._fn_kwargs[name] for name in self.arguments}
        return config | {'fn': serialize_keras_object(self._fn)} | serialize_keras_object(self._fn_kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**(deserialize_keras_object(config) if 'fn' in config else config))
