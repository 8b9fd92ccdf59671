"""Activations: functions of an array, with Keras's names, arguments and values."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hefted.operation import operation
from hefted.symbolic import any_symbolic
from hefted.utils.arrays import as_array, as_float
from hefted.utils.rooms import Room
from hefted.utils.serialization import serialize_keras_object
from hefted.variables import Array

Axis = int | Sequence[int]


def linear(x: Any) -> Any:
    """The input itself."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """`max(x, 0)`, or with arguments: `max_value` above it, x between, `negative_slope * (x - threshold)` below.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-2.0, 0.5, 9.0]), max_value=6).tolist()
        [0.0, 0.5, 6.0]
    """
    x = as_array(x)
    zero = lax.full_like(x, 0)
    # Not `max`: its gradient at 0 would be 1/2, where Keras's is 0. NaN stays NaN.
    kept = lax.select(lax.le(x, lax.full_like(x, threshold)), zero, x)
    if max_value == 6 and threshold == 0:
        kept = relu6(x)  # whose gradient at exactly 6 is 0
    elif max_value is not None:
        kept = lax.min(kept, lax.full_like(x, max_value))
    if negative_slope == 0.0:
        return kept
    below = threshold - x
    return kept - negative_slope * lax.select(lax.le(below, zero), zero, below)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """X where positive, `negative_slope * x` elsewhere."""
    return jax.nn.leaky_relu(as_array(x), negative_slope)


def relu6(x: Any) -> Array:
    """`min(max(x, 0), 6)`."""
    return jax.nn.relu6(as_array(x))


def softmax(x: Any, axis: Axis = -1) -> Array:
    """`exp(x) / sum(exp(x))` along `axis`."""
    return jax.nn.softmax(as_array(x), axis=axis if isinstance(axis, int) else tuple(axis))


def log_softmax(x: Any, axis: Axis = -1) -> Array:
    """The logarithm of `softmax`."""
    return jax.nn.log_softmax(as_array(x), axis=axis if isinstance(axis, int) else tuple(axis))


def sparsemax(x: Any, axis: int = -1) -> Array:
    """Softmax's sparse relative, as Keras 3.15 computes it.

    Keras sums the cumulative sums of the support where the paper (Martins & Astudillo 2016) takes the last one;
    the values here are Keras's.
    """
    x = as_array(x)
    ordered = -jnp.sort(-x, axis=axis)
    summed = jnp.cumsum(ordered, axis=axis)
    rank = jnp.arange(1, x.shape[axis] + 1).reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    support = ordered - (summed - 1) / rank > 0
    total = jnp.sum(jnp.where(support, summed, 0.0), axis=axis, keepdims=True)
    return jnp.maximum(x - (total - 1) / support.sum(axis=axis, keepdims=True), 0.0)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """X where positive, `alpha * (exp(x) - 1)` elsewhere."""
    return jax.nn.elu(as_float(x), alpha)


def selu(x: Any) -> Array:
    """`scale * elu(x, alpha)` with the constants of Klambauer et al. 2017."""
    return jax.nn.selu(as_float(x))


def celu(x: Any, alpha: float = 1.0) -> Array:
    """X where positive, `alpha * (exp(x / alpha) - 1)` elsewhere."""
    return jax.nn.celu(as_float(x), alpha)


def softplus(x: Any) -> Array:
    """`log(exp(x) + 1)`."""
    return jax.nn.softplus(as_float(x))


def softsign(x: Any) -> Array:
    """`x / (|x| + 1)`."""
    return jax.nn.soft_sign(as_float(x))


def squareplus(x: Any, b: float = 4) -> Array:
    """`(x + sqrt(x^2 + b)) / 2`."""
    return jax.nn.squareplus(as_float(x), b)


def soft_shrink(x: Any, threshold: float = 0.5) -> Array:
    """X moved towards 0 by `threshold`, and 0 within it."""
    x = as_float(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0.0))


def hard_shrink(x: Any, threshold: float = 0.5) -> Array:
    """x, and 0 where |x| is at most `threshold`."""
    x = as_array(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


def tanh_shrink(x: Any) -> Array:
    """`x - tanh(x)`."""
    x = as_float(x)
    return x - lax.tanh(x)


def sparse_plus(x: Any) -> Array:
    """0 up to -1, `(x + 1)^2 / 4` up to 1, x beyond."""
    return jax.nn.sparse_plus(as_float(x))


def sparse_sigmoid(x: Any) -> Array:
    """0 up to -1, `(x + 1) / 2` up to 1, 1 beyond."""
    return jax.nn.sparse_sigmoid(as_float(x))


def silu(x: Any) -> Array:
    """`x * sigmoid(x)`, also called swish."""
    x = as_float(x)
    return x * lax.logistic(x)


def gelu(x: Any, approximate: bool = False) -> Array:
    """`x * P(X <= x)` of a standard normal X; `approximate` takes a tanh for it (Hendrycks & Gimpel 2016)."""
    return jax.nn.gelu(as_float(x), True) if approximate else _gelu(as_float(x))


@jax.custom_jvp
def _gelu(x: Array) -> Array:
    return jax.nn.gelu(x, False)


@_gelu.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """The slope is P(X <= x) + x p(x), from x alone: JAX's own keeps two arrays more for the way back."""
    ((x,), (slope,)) = primals, tangents
    below = 0.5 + 0.5 * lax.erf(x * math.sqrt(0.5))
    density = lax.exp(-0.5 * lax.square(x)) * (1 / math.sqrt(2 * math.pi))
    return _gelu(x), slope * (below + x * density)


def glu(x: Any, axis: int = -1) -> Array:
    """One half of x along `axis`, times the sigmoid of the other."""
    return jax.nn.glu(as_float(x), axis)


def tanh(x: Any) -> Array:
    """The hyperbolic tangent."""
    return lax.tanh(as_float(x))


def sigmoid(x: Any) -> Array:
    """`1 / (1 + exp(-x))`."""
    return lax.logistic(as_float(x))


def log_sigmoid(x: Any) -> Array:
    """The logarithm of `sigmoid`."""
    return jax.nn.log_sigmoid(as_float(x))


def hard_sigmoid(x: Any) -> Array:
    """`clip(x / 6 + 1/2, 0, 1)`."""
    return jax.nn.hard_sigmoid(as_float(x))


def hard_silu(x: Any) -> Array:
    """`x * hard_sigmoid(x)`, also called hard swish."""
    return jax.nn.hard_silu(as_float(x))


def hard_tanh(x: Any) -> Array:
    """`clip(x, -1, 1)`."""
    return jax.nn.hard_tanh(as_array(x))


def exponential(x: Any) -> Array:
    """`exp(x)`."""
    return lax.exp(as_float(x))


def threshold(x: Any, threshold: float, default_value: float) -> Array:
    """X where above `threshold`, `default_value` elsewhere."""
    x = as_array(x)
    return jnp.where(x > threshold, x, default_value)


def mish(x: Any) -> Array:
    """`x * tanh(softplus(x))` (Misra 2019)."""
    x = as_float(x)
    return x * lax.tanh(jax.nn.softplus(x))


_room = Room(
    'hefted.activations',
    'activation',
    {
        '': 'relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu '
        'gelu glu tanh tanh_shrink threshold sigmoid sparse_sigmoid exponential hard_sigmoid hard_silu hard_tanh '
        'hard_shrink linear mish log_softmax log_sigmoid sparsemax'
    },
    aliases={'swish': 'silu', 'hard_swish': 'hard_silu'},
    instantiate=False,
)


def _on_symbols(activation: Callable[..., Any]) -> Callable[..., Any]:
    """The activation, which on symbolic tensors is the function of `ops` with its name, as in Keras."""
    name = {'exponential': 'exp'}.get(activation.__name__, activation.__name__)

    @functools.wraps(activation)
    def either(*args: Any, **kwargs: Any) -> Any:
        if not any_symbolic(args, kwargs):
            return activation(*args, **kwargs)
        from hefted import ops

        plain = len(args) == 1 and not kwargs  # relu takes more here than there
        known = name in dir(ops) and (plain or name != 'relu')
        if name == 'gelu' and len(args) < 2:
            kwargs.setdefault('approximate', False)  # there it is True unless said
        return getattr(ops, name)(*args, **kwargs) if known else operation(activation)(*args, **kwargs)

    return either


for _name in set(_room.names()) - {'linear', *_room.aliases}:
    globals()[_name] = _on_symbols(globals()[_name])
swish, hard_swish = silu, hard_silu


def is_builtin(activation: Callable[..., Any]) -> bool:
    """Whether an activation is one of this module's, unchanged."""
    return inspect.isfunction(activation) and activation.__module__ == __name__


def apply(activation: Callable[..., Any] | None, x: Any) -> Any:
    """The activation of an array; programs that look into a model set a layer's to None, which is none."""
    return x if activation is None else activation(x)


def serialize(activation: Callable[..., Any]) -> str | dict[str, Any]:
    """The name of one of ours, or the config of a user's own."""
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation of a name or a config."""
    return _room.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The activation that a name, a config, a function or None (`linear`) stands for.

    Raises:
        UnknownNameError: The name is not one of ours; the message has the nearest ones.
    """
    return linear if identifier is None else _room.get(identifier)
