"""Functions of one array, element by element: a table of them, then those with arguments of their own.

What has no integer result makes integers and booleans `floatx` first, as Keras does. Where an array's dtype needs no
care, `lax` is called rather than `jax.numpy`: it gives the same bits and traces ten times faster.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted import dtypes
from hefted.ops.calling import floating, on_arrays
from hefted.variables import Array

Unary = Callable[[Any], Array]


def _named(name: str, compute: Unary, tells: str) -> Unary:
    def function(x: Any) -> Array:
        return compute(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f'{tells}, element by element.'
    return on_arrays('x')(function)


def _of_floats(name: str, compute: Unary, tells: str) -> Unary:
    """A function of floats; integers are made floats."""
    return _named(name, lambda x: compute(floating(x)), tells)


def _quick(fast: Unary, slow: Unary) -> Unary:
    """`fast` for floats, `slow` for the rest."""
    return lambda x: fast(x) if jnp.issubdtype(x.dtype, jnp.floating) else slow(x)


# Exponentials and logarithms
exp = _of_floats('exp', lax.exp, 'e to the power x')
exp2 = _of_floats('exp2', jnp.exp2, '2 to the power x')
expm1 = _of_floats('expm1', lax.expm1, '`exp(x) - 1`, exact near 0')
log = _of_floats('log', lax.log, 'The natural logarithm')
log10 = _of_floats('log10', jnp.log10, 'The logarithm to base 10')
log1p = _of_floats('log1p', lax.log1p, '`log(1 + x)`, exact near 0')
log2 = _of_floats('log2', jnp.log2, 'The logarithm to base 2')

# Powers
sqrt = _of_floats('sqrt', lax.sqrt, 'The square root')
rsqrt = _named('rsqrt', lax.rsqrt, '1 over the square root')
cbrt = _of_floats('cbrt', lax.cbrt, 'The cube root')
square = _named('square', _quick(lax.square, jnp.square), 'x times x')
reciprocal = _named('reciprocal', jnp.reciprocal, '1 over x')

# Trigonometry, in radians
sin = _of_floats('sin', lax.sin, 'The sine')
cos = _of_floats('cos', lax.cos, 'The cosine')
tan = _of_floats('tan', lax.tan, 'The tangent')
arcsin = _of_floats('arcsin', jnp.arcsin, 'The inverse of the sine')
arccos = _of_floats('arccos', jnp.arccos, 'The inverse of the cosine')
arctan = _of_floats('arctan', jnp.arctan, 'The inverse of the tangent')
sinh = _of_floats('sinh', jnp.sinh, 'The hyperbolic sine')
cosh = _of_floats('cosh', jnp.cosh, 'The hyperbolic cosine')
tanh = _of_floats('tanh', lax.tanh, 'The hyperbolic tangent')
arcsinh = _of_floats('arcsinh', jnp.arcsinh, 'The inverse of the hyperbolic sine')
arccosh = _of_floats('arccosh', jnp.arccosh, 'The inverse of the hyperbolic cosine')
arctanh = _of_floats('arctanh', jnp.arctanh, 'The inverse of the hyperbolic tangent')
sinc = _of_floats('sinc', jnp.sinc, '`sin(pi x) / (pi x)`, 1 at 0')
deg2rad = _named('deg2rad', jnp.deg2rad, 'Radians of degrees')
rad2deg = _named('rad2deg', jnp.rad2deg, 'Degrees of radians')

# Special functions
erf = _named('erf', lax.erf, 'The error function')
erfc = _of_floats('erfc', lax.erfc, '`1 - erf(x)`, exact where it is small')
erfinv = _of_floats('erfinv', lax.erf_inv, 'The inverse of the error function')
i0 = _of_floats('i0', jnp.i0, "Bessel's modified function of the first kind, order 0")

# Rounding and signs
ceil = _of_floats('ceil', lax.ceil, 'The smallest whole number not below x')
floor = _of_floats('floor', lax.floor, 'The largest whole number not above x')
trunc = _named('trunc', _quick(jnp.trunc, lambda x: x), 'x without its fraction')
absolute = _named('absolute', _quick(lax.abs, jnp.absolute), 'x without its sign')
negative = _named('negative', lax.neg, 'x with its sign turned')
sign = _named('sign', jnp.sign, '-1, 0 or 1')
signbit = _named('signbit', jnp.signbit, 'Whether the bit of the sign is set')

# Complex numbers
angle = _of_floats('angle', jnp.angle, "A complex number's angle, in radians")
conjugate = _named('conjugate', jnp.conjugate, 'The complex conjugate')
imag = _named('imag', jnp.imag, 'The imaginary part')
real = _named('real', jnp.real, 'The real part')
isreal = _named('isreal', jnp.isreal, 'Whether the imaginary part is 0')

# Questions
isfinite = _named('isfinite', _quick(lax.is_finite, jnp.isfinite), 'Whether it is neither infinite nor NaN')
isinf = _named('isinf', jnp.isinf, 'Whether it is infinite')
isnan = _named('isnan', jnp.isnan, 'Whether it is NaN')
isneginf = _named('isneginf', jnp.isneginf, 'Whether it is negative infinity')
isposinf = _named('isposinf', jnp.isposinf, 'Whether it is positive infinity')
logical_not = _named('logical_not', jnp.logical_not, 'Whether it is false')

# Bits
bitwise_invert = _named('bitwise_invert', jnp.invert, 'Every bit turned')
bitwise_not = _named('bitwise_not', jnp.invert, 'Every bit turned')

copy = _named('copy', jnp.copy, 'The same numbers in an array of their own')

# Windows of signal processing, of a given length


def _window(name: str, compute: Unary, tells: str) -> Unary:
    def function(x: Any) -> Array:
        return lax.convert_element_type(compute(x), dtypes.floatx())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{tells}'s window of x points, of shape (x,)."
    return on_arrays('x')(function)


bartlett = _window('bartlett', jnp.bartlett, 'Bartlett')
blackman = _window('blackman', jnp.blackman, 'Blackman')
hamming = _window('hamming', jnp.hamming, 'Hamming')
hanning = _window('hanning', jnp.hanning, 'Hann')


@on_arrays('x')
def kaiser(x: Any, beta: Any) -> Array:
    """Kaiser's window of x points; `beta` shapes it."""
    return lax.convert_element_type(jnp.kaiser(x, beta), dtypes.floatx())


# With arguments of their own


@functools.wraps(absolute)
def abs(x: Any) -> Array:
    return absolute(x)


@functools.wraps(conjugate)
def conj(x: Any) -> Array:
    return conjugate(x)


@on_arrays('x')
def fabs(x: Any) -> Array:
    """X without its sign, as a float.

    Raises:
        TypeError: x is complex.
    """
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise TypeError(f'Expected x of fabs to be real, received dtype {x.dtype}. Use ops.absolute.')
    return lax.abs(floating(x))


@on_arrays('x')
def clip(x: Any, x_min: Any, x_max: Any) -> Array:
    """x, no smaller than `x_min` and no larger than `x_max`; booleans become int32."""
    if x.dtype == bool:
        x = lax.convert_element_type(x, 'int32')
    return jnp.clip(x, x_min, x_max)


@on_arrays('x')
def round(x: Any, decimals: int = 0) -> Array:
    """X to so many decimals, halves to the even neighbour."""
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):
        factor = 10.0**decimals
        return lax.convert_element_type(jnp.round(floating(x) * factor) / factor, x.dtype)
    return jnp.round(x, decimals)


@on_arrays('x')
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """X with numbers for NaN and the infinities; None is the dtype's largest and smallest."""
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
