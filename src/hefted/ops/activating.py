"""Activations as operations: those of `hefted.activations`, on symbolic tensors too, with `ops`'s own defaults."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from hefted import activations
from hefted.ops.calling import on_arrays
from hefted.variables import Array

Axis = int | Sequence[int]


def _plain(activation: Callable[[Any], Array]) -> Callable[[Any], Array]:
    """An activation without arguments of its own."""

    def function(x: Any) -> Array:
        return activation(x)

    function.__name__ = function.__qualname__ = activation.__name__
    function.__doc__ = activation.__doc__
    return on_arrays('x')(function)


relu6 = _plain(activations.relu6)
sigmoid = _plain(activations.sigmoid)
sparse_sigmoid = _plain(activations.sparse_sigmoid)
hard_sigmoid = _plain(activations.hard_sigmoid)
log_sigmoid = _plain(activations.log_sigmoid)
silu = _plain(activations.silu)
hard_silu = _plain(activations.hard_silu)
hard_tanh = _plain(activations.hard_tanh)
tanh_shrink = _plain(activations.tanh_shrink)
softplus = _plain(activations.softplus)
softsign = _plain(activations.softsign)
sparse_plus = _plain(activations.sparse_plus)
selu = _plain(activations.selu)


@functools.wraps(silu)
def swish(x: Any) -> Array:
    return silu(x)


@functools.wraps(hard_silu)
def hard_swish(x: Any) -> Array:
    return hard_silu(x)


@on_arrays('x')
def relu(x: Any) -> Array:
    """`max(x, 0)`."""
    return activations.relu(x)


@on_arrays('x')
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """X where positive, `negative_slope * x` elsewhere."""
    return activations.leaky_relu(x, negative_slope)


@on_arrays('x')
def elu(x: Any, alpha: float = 1.0) -> Array:
    """X where positive, `alpha * (exp(x) - 1)` elsewhere."""
    return activations.elu(x, alpha)


@on_arrays('x')
def celu(x: Any, alpha: float = 1.0) -> Array:
    """X where positive, `alpha * (exp(x / alpha) - 1)` elsewhere."""
    return activations.celu(x, alpha)


@on_arrays('x')
def gelu(x: Any, approximate: bool = True) -> Array:
    """`x * P(X <= x)` of a standard normal X; `approximate` takes a tanh for it (Hendrycks & Gimpel 2016)."""
    return activations.gelu(x, approximate)


@on_arrays('x')
def glu(x: Any, axis: int = -1) -> Array:
    """One half of x along `axis`, times the sigmoid of the other."""
    return activations.glu(x, axis)


@on_arrays('x')
def squareplus(x: Any, b: float = 4) -> Array:
    """`(x + sqrt(x^2 + b)) / 2`."""
    return activations.squareplus(x, b)


@on_arrays('x')
def soft_shrink(x: Any, threshold: float = 0.5) -> Array:
    """X moved towards 0 by `threshold`, and 0 within it."""
    return activations.soft_shrink(x, threshold)


@on_arrays('x')
def hard_shrink(x: Any, threshold: float = 0.5) -> Array:
    """x, and 0 where |x| is at most `threshold`."""
    return activations.hard_shrink(x, threshold)


@on_arrays('x')
def threshold(x: Any, threshold: float, default_value: float) -> Array:
    """X where above `threshold`, `default_value` elsewhere."""
    return activations.threshold(x, threshold, default_value)


@on_arrays('x')
def softmax(x: Any, axis: Axis = -1) -> Array:
    """`exp(x) / sum(exp(x))` along `axis`."""
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        warnings.warn(
            f'Softmax over axis {axis} of shape {x.shape} is 1 everywhere: the axis has size 1. Did you mean sigmoid?',
            stacklevel=3,
        )
    return activations.softmax(x, axis)


@on_arrays('x')
def log_softmax(x: Any, axis: Axis = -1) -> Array:
    """The logarithm of `softmax`."""
    return activations.log_softmax(x, axis)


@on_arrays('x')
def sparsemax(x: Any, axis: int = -1) -> Array:
    """Softmax's sparse relative, as Keras 3.15 computes it."""
    return activations.sparsemax(x, axis)
