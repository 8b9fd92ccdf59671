"""One number of many: sums, means, extremes and quantiles along axes, and the running ones.

`axis` is an int, several or None for all; `keepdims` leaves axes of size 1 in their place. Functions named `nan…`
leave NaN out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax, nn

from hefted.ops.calling import on_arrays, optional_dtype, result_type
from hefted.variables import Array

Reduction = Callable[..., Array]


def _named(name: str, compute: Reduction, tells: str) -> Reduction:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
        return compute(x, axis=axes(axis), keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f'{tells} along `axis`.'
    return on_arrays('x')(function)


def axes(axis: Any) -> Any:
    """An axis that can be hashed: lists become tuples."""
    return tuple(axis) if isinstance(axis, list) else axis


all = _named('all', jnp.all, 'Whether all are true')
any = _named('any', jnp.any, 'Whether any is true')
amax = _named('amax', jnp.amax, 'The largest')
amin = _named('amin', jnp.amin, 'The smallest')
ptp = _named('ptp', jnp.ptp, 'The largest less the smallest')
median = _named('median', jnp.median, 'The middle one, the mean of two if there are two')
logsumexp = _named('logsumexp', nn.logsumexp, 'The logarithm of the sum of the exponentials')
nanmax = _named('nanmax', jnp.nanmax, 'The largest that is not NaN')
nanmin = _named('nanmin', jnp.nanmin, 'The smallest that is not NaN')
nanmean = _named('nanmean', jnp.nanmean, 'The mean of those that are not NaN')
nanmedian = _named('nanmedian', jnp.nanmedian, 'The middle one of those that are not NaN')
nanprod = _named('nanprod', jnp.nanprod, 'The product of those that are not NaN')
nanstd = _named('nanstd', jnp.nanstd, 'The standard deviation of those that are not NaN')
nansum = _named('nansum', jnp.nansum, 'The sum of those that are not NaN')
nanvar = _named('nanvar', jnp.nanvar, 'The variance of those that are not NaN')


def _sum(x: Array, axis: Any, keepdims: bool) -> Array:
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def _mean(x: Array, axis: Any, keepdims: bool) -> Array:
    # Half precision would overflow: its sums are float32's.
    compute = result_type(x.dtype, 'float32')
    result = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else compute
    return lax.convert_element_type(jnp.mean(x, axis=axis, keepdims=keepdims, dtype=compute), result)


def _var(x: Array, axis: Any, keepdims: bool) -> Array:
    deviation = jnp.var(x, axis=axis, keepdims=keepdims, dtype=result_type(x.dtype, 'float32'))
    return lax.convert_element_type(deviation, result_type(x.dtype, float))


sum = _named('sum', _sum, 'The sum')
mean = _named('mean', _mean, 'The mean; of integers a float')
var = _named('var', _var, 'The variance (mean square distance from the mean)')
std = _named('std', jnp.std, 'The standard deviation')


@on_arrays('x')
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Array:
    """The largest along `axis`, and no smaller than `initial`."""
    return jnp.max(x, axis=axes(axis), keepdims=keepdims, initial=initial)


@on_arrays('x')
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Array:
    """The smallest along `axis`, and no larger than `initial`."""
    return jnp.min(x, axis=axes(axis), keepdims=keepdims, initial=initial)


@on_arrays('x')
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """The product along `axis`."""
    return jnp.prod(x, axis=axes(axis), keepdims=keepdims, dtype=optional_dtype(dtype))


@on_arrays('x', 'weights')
def average(x: Any, axis: Any = None, weights: Any = None) -> Array:
    """The mean along `axis`, weighed if there are weights (of x's shape, or one for each place of the axis)."""
    dtype = result_type(x.dtype, float) if weights is None else result_type(x.dtype, weights.dtype, float)
    x = lax.convert_element_type(x, dtype)
    return jnp.average(x, axes(axis), None if weights is None else lax.convert_element_type(weights, dtype))


@on_arrays('x')
def count_nonzero(x: Any, axis: Any = None) -> Array:
    """How many are not 0, int32."""
    return lax.convert_element_type(jnp.count_nonzero(x, axis=axes(axis)), 'int32')


@on_arrays('x')
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Array, Array]:
    """Mean and variance along `axes`; those of half precision are computed in float32.

    Raises:
        NotImplementedError: `synchronized` is true.
    """
    if synchronized:
        raise NotImplementedError('Expected synchronized to be False: moments over several devices are not supported.')
    half = x.dtype in (jnp.float16, jnp.bfloat16)
    wide = lax.convert_element_type(x, 'float32') if half else x
    places = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    both = jnp.mean(wide, places, keepdims=keepdims), jnp.var(wide, places, keepdims=keepdims)
    if not half:
        return both
    limits = jnp.finfo(jnp.float16)
    mean, variance = (lax.convert_element_type(jnp.clip(m, limits.min, limits.max), x.dtype) for m in both)
    return mean, variance


# Quantiles


def _quantiles(name: str, compute: Reduction, tells: str) -> Reduction:
    def function(x: Any, q: Any, axis: Any = None, method: str = 'linear', keepdims: bool = False) -> Array:
        return compute(x, q, axis=axes(axis), method=method, keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f'{tells} along `axis`; `method` says what lies between two values.'
    return on_arrays('x', 'q')(function)


quantile = _quantiles('quantile', jnp.quantile, 'The value below which a share q of the values lies')
percentile = _quantiles('percentile', jnp.percentile, 'The value below which q % of the values lie')
nanquantile = _quantiles('nanquantile', jnp.nanquantile, 'As `quantile`, NaN left out,')
nanpercentile = _quantiles('nanpercentile', jnp.nanpercentile, 'As `percentile`, NaN left out,')


# Running


def _running(name: str, compute: Reduction, tells: str) -> Reduction:
    def function(x: Any, axis: int | None = None, dtype: Any = None) -> Array:
        return compute(x, axis=axis, dtype=optional_dtype(dtype))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f'{tells} along `axis`; None flattens first.'
    return on_arrays('x')(function)


cumsum = _running('cumsum', jnp.cumsum, 'The sum so far')
cumprod = _running('cumprod', jnp.cumprod, 'The product so far')
nancumsum = _running('nancumsum', jnp.nancumsum, 'The sum so far, NaN as 0')
nancumprod = _running('nancumprod', jnp.nancumprod, 'The product so far, NaN as 1')


@on_arrays('a')
def diff(a: Any, n: int = 1, axis: int = -1) -> Array:
    """Each value less the one before it along `axis`, n times."""
    return jnp.diff(a, n=n, axis=axis)


@on_arrays('y', 'x', 'dx')
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """The area under y along `axis` by the trapezoidal rule, its points at x or `dx` apart."""
    return jnp.trapezoid(y, x, dx=dx, axis=axis)
