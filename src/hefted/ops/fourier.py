"""Fourier's transforms, complex numbers as pairs of real ones, and signals cut into sequences."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import array, on_arrays
from hefted.variables import Array

Pair = tuple[Array, Array]


def _complex(x: Any) -> Array:
    """The complex array of a pair (real, imaginary)."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f'Expected x to be a tuple of two tensors, real and imaginary, received {x!r}.')
    real, imaginary = (array(part) for part in x)
    if real.shape != imaginary.shape:
        raise ShapeError(f'Expected both parts of x to have one shape, received {real.shape} and {imaginary.shape}.')
    if not all(jnp.issubdtype(part.dtype, jnp.floating) for part in (real, imaginary)):
        raise ArgumentError(f'Expected both parts of x to be floats, received {real.dtype} and {imaginary.dtype}.')
    return lax.complex(real, imaginary)


def _parts(x: Array) -> Pair:
    return jnp.real(x), jnp.imag(x)


@on_arrays()
def fft(x: Any) -> Pair:
    """The discrete Fourier transform along the last axis, of and as pairs (real, imaginary)."""
    return _parts(jnp.fft.fft(_complex(x)))


@on_arrays()
def fft2(x: Any) -> Pair:
    """The discrete Fourier transform along the last two axes, of and as pairs (real, imaginary)."""
    return _parts(jnp.fft.fft2(_complex(x)))


@on_arrays()
def ifft2(x: Any) -> Pair:
    """The inverse of `fft2`."""
    return _parts(jnp.fft.ifft2(_complex(x)))


@on_arrays('x')
def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """The half of `fft` that real numbers need, cut or padded to `fft_length` first: `fft_length // 2 + 1` bins."""
    return _parts(jnp.fft.rfft(x, fft_length))


@on_arrays()
def irfft(x: Any, fft_length: int | None = None) -> Array:
    """The inverse of `rfft`: `fft_length` real numbers, `2 * (bins - 1)` if None."""
    return jnp.fft.irfft(_complex(x), fft_length)


@on_arrays('x')
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Array:
    """Sequences of the last axis, one every `sequence_stride` places.

    Args:
        x: Signals (…, time).
        sequence_length: Places of each.
        sequence_stride: Places from one's start to the next's.

    Returns:
        (…, sequences, sequence_length).
    """
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return x[..., starts[:, None] + np.arange(sequence_length)]


@on_arrays('x')
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = 'hann', center: bool = True
) -> Pair:
    """The short-time Fourier transform: `rfft` of windowed sequences.

    Args:
        x: Real signals (…, time), float32.
        sequence_length: Places of each sequence.
        sequence_stride: Places from one's start to the next's.
        fft_length: Places of each transform, `sequence_length` or more.
        window: 'hann', 'hamming', numbers of shape (sequence_length,), or None.
        center: Whether the signal is reflected at both ends, so that sequence i is centred at `i * sequence_stride`.

    Returns:
        Real and imaginary parts, each (…, sequences, fft_length // 2 + 1).

    Raises:
        TypeError: x is not float32.
        ValueError: `fft_length` is less than `sequence_length`, or the window is of another length.
    """
    _check_stride(sequence_stride)
    if x.dtype not in ('float32', 'float64'):
        raise TypeError(f'Expected x of stft to be float32 or float64, received {x.dtype}. Use ops.cast.')
    if fft_length < sequence_length:
        raise ArgumentError(
            f'Expected fft_length to be sequence_length={sequence_length} or more, received {fft_length}.'
        )
    weights = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode='reflect')
    return _parts(jnp.fft.rfft(extract_sequences(x, fft_length, sequence_stride) * weights))


@on_arrays()
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = 'hann',
    center: bool = True,
) -> Array:
    """The inverse of `stft`: windowed sequences added where they overlap, and divided by what the windows add up to.

    Args:
        x: Real and imaginary parts, each (…, sequences, fft_length // 2 + 1).
        sequence_length: As in `stft`.
        sequence_stride: As in `stft`.
        fft_length: As in `stft`.
        length: Of the result; what the sequences cover if None.
        window: As in `stft`.
        center: As in `stft`.

    Returns:
        (…, time).

    Source: Griffin & Lim 1984, "Signal estimation from modified short-time Fourier transform".
    """
    _check_stride(sequence_stride)
    spectrum = _complex(x)
    if spectrum.ndim < 2:
        raise ShapeError(f'Expected x (…, sequences, bins), received shape {spectrum.shape}.')
    sequences = jnp.fft.irfft(spectrum, fft_length)
    weights = _window(window, sequence_length, fft_length, sequences.dtype)
    signal = _overlap_add(sequences * weights, sequence_stride)
    count = spectrum.shape[-2]
    covered = _overlap_add(jnp.broadcast_to(weights * weights, (count, fft_length)), sequence_stride)
    signal = signal / jnp.where(covered > 1e-10, covered, 1)
    if window is None:
        signal = signal * (fft_length / sequence_stride)
    start = fft_length // 2 if center else 0
    if length is not None:
        return signal[..., start : start + length]
    return signal[..., start : signal.shape[-1] - start]


def _check_stride(sequence_stride: Any) -> None:
    if not isinstance(sequence_stride, int) or sequence_stride <= 0:
        raise ArgumentError(f'Expected sequence_stride to be a positive int, received {sequence_stride!r}.')


def _window(window: Any, length: int, padded: int, dtype: Any) -> Array:
    """The window's numbers, with zeros on both sides up to the transform's length."""
    if window is None:
        return jnp.ones(padded, dtype)
    if isinstance(window, str):
        if window not in ('hann', 'hamming'):
            raise ArgumentError(f"Expected window to be 'hann', 'hamming', an array or None, received {window!r}.")
        mean = 0.5 if window == 'hann' else 0.54
        window = mean - (1 - mean) * np.cos(2 * np.pi * np.arange(length) / length)
    weights = array(window, dtype)
    if weights.shape != (length,):
        raise ShapeError(f'Expected window to have shape ({length},), received {weights.shape}.')
    before = (padded - length) // 2
    return jnp.pad(weights, (before, padded - length - before))


def _overlap_add(sequences: Array, stride: int) -> Array:
    """(…, sequences, length) added up at their places in (…, time)."""
    *batch, count, length = sequences.shape
    places = np.arange(count)[:, None] * stride + np.arange(length)
    flat = jnp.zeros((math.prod(batch), (count - 1) * stride + length), sequences.dtype)
    return flat.at[:, places].add(sequences.reshape(-1, count, length)).reshape(*batch, flat.shape[-1])


# Complex numbers


@on_arrays('x')
def view_as_complex(x: Any) -> Array:
    """complex64 of real numbers whose last axis is (real, imaginary)."""
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ShapeError(f'Expected the last axis of x to have size 2 (real, imaginary), received shape {x.shape}.')
    return lax.convert_element_type(x[..., 0], 'complex64') + 1j * lax.convert_element_type(x[..., 1], 'complex64')


@on_arrays('x')
def view_as_real(x: Any) -> Array:
    """Real numbers with a new last axis (real, imaginary)."""
    return jnp.stack(_parts(x), -1)


@on_arrays('abs_', 'angle')
def polar(abs_: Any, angle: Any) -> Array:
    """The complex number of a size and an angle in radians."""
    return _complex((abs_ * jnp.cos(angle), abs_ * jnp.sin(angle)))
