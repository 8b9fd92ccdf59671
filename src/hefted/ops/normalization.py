"""Numbers brought to mean 0, deviation 1 or norm 1."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError
from hefted.ops.calling import on_arrays, result_type
from hefted.utils.arrays import epsilon as default_epsilon
from hefted.variables import Array

Axes = int | Sequence[int]


@on_arrays('x', 'mean', 'variance', 'offset', 'scale')
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Array:
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset`, those of shape (channels,) along `axis`.

    Source: Ioffe & Szegedy 2015, "Batch normalization".
    """
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    factor = lax.rsqrt(variance.reshape(shape) + epsilon)
    if scale is not None:
        factor = factor * scale.reshape(shape)
    shift = -mean.reshape(shape) * factor
    if offset is not None:
        shift = shift + offset.reshape(shape)
    return x * factor + shift


@on_arrays('x', 'gamma', 'beta')
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Axes = -1, epsilon: float | None = None, **kwargs: Any
) -> Array:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` over `axis`, computed in float32.

    Args:
        x: Of any shape.
        gamma: A factor, of the shape of the axes.
        beta: A summand, of the shape of the axes.
        axis: One or several.
        epsilon: `config.epsilon()` if None.
        **kwargs: `rms_scaling`, which Keras takes and warns of: x is divided by its deviation alone.

    Source: Ba, Kiros & Hinton 2016, "Layer normalization".
    """
    rms_scaling = kwargs.pop('rms_scaling', False)
    if rms_scaling:
        warnings.warn('rms_scaling divides by the deviation, not by the root mean square. Use ops.rms_normalization.',
                      stacklevel=3)  # fmt: skip
    if kwargs:
        raise TypeError(f'layer_normalization() got unexpected keyword arguments {sorted(kwargs)}.')
    axes = sorted((axis,) if isinstance(axis, int) else axis)
    result, x = x.dtype, _wide(x)
    gamma, beta = (_along(part, x, axes) for part in (gamma, beta))
    factor = lax.rsqrt(jnp.var(x, axes, keepdims=True) + _epsilon(epsilon))
    if gamma is not None:
        factor = factor * gamma
    if rms_scaling:
        return lax.convert_element_type(x * factor, result)
    shift = -jnp.mean(x, axes, keepdims=True) * factor
    if beta is not None:
        shift = shift + beta
    return lax.convert_element_type(x * factor + shift, result)


def _along(part: Array | None, x: Array, axes: list[int]) -> Array | None:
    """A factor or summand with the axes that x has."""
    if part is None:
        return None
    part = lax.convert_element_type(part, x.dtype)
    if part.ndim == x.ndim or axes == [x.ndim - 1]:
        return part
    places = [axis % x.ndim for axis in axes]
    return part.reshape([size if i in places else 1 for i, size in enumerate(x.shape)])


@on_arrays('x', 'scale')
def rms_normalization(x: Any, scale: Any = None, axis: Axes = -1, epsilon: float | None = None) -> Array:
    """`scale * x / sqrt(mean(x^2) + epsilon)` over `axis`, computed in float32.

    Source: Zhang & Sennrich 2019, "Root mean square layer normalization".
    """
    result, x = x.dtype, _wide(x)
    x = x if x.ndim else x[None]
    axes = axis if isinstance(axis, int) else tuple(axis)
    normal = x * lax.rsqrt(jnp.mean(lax.square(x), axes, keepdims=True) + _epsilon(epsilon))
    if scale is not None:
        normal = normal * lax.convert_element_type(scale, x.dtype)
    return lax.convert_element_type(normal, result)


@on_arrays('x')
def normalize(x: Any, axis: Axes = -1, order: int = 2, epsilon: float | None = None) -> Array:
    """X with norm 1 along `axis`; a norm under epsilon counts as that.

    Raises:
        ValueError: `order` is not an int of 1 or more.
    """
    if not isinstance(order, int) or order < 1:
        raise ArgumentError(f'Expected order to be an int of 1 or more, received {order!r}.')
    x = x if x.ndim else x[None]
    axes = axis if isinstance(axis, int) else tuple(axis)
    if order == 2:
        return x * jnp.minimum(lax.rsqrt(jnp.sum(jnp.square(x), axes, keepdims=True)), 1 / _epsilon(epsilon))
    return x / jnp.maximum(jnp.linalg.norm(x, order, axes, keepdims=True), _epsilon(epsilon))


def _wide(x: Array) -> Array:
    return lax.convert_element_type(x, result_type(x.dtype, 'float32'))


def _epsilon(epsilon: float | None) -> float:
    return default_epsilon() if epsilon is None else epsilon
