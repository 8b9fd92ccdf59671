"""The base of initializers, and those that draw nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hefted import dtypes
from hefted.errors import ShapeError, UnknownNameError, unknown_name
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array

Shape = Sequence[int]


class Initializer:
    """The base: subclass it with `__call__(shape, dtype=None) -> array` and `get_config`."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        raise NotImplementedError(f'{type(self).__name__} must define __call__(shape, dtype=None).')

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """Another of the same config."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return np.zeros(tuple(shape), dtypes.standardize(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return np.ones(tuple(shape), dtypes.standardize(dtype))


class Constant(Initializer):
    """All one value, or an array that broadcasts to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        return np.broadcast_to(np.asarray(self.value, dtypes.standardize(dtype)), tuple(shape)).copy()

    def get_config(self) -> dict[str, Any]:
        return {'value': serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(deserialize_keras_object(config['value']))


class Identity(Initializer):
    """`gain` times the identity matrix."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        if len(shape) != 2:
            raise ShapeError(f'Expected the shape of a matrix for Identity, received {tuple(shape)}.')
        dtype = dtypes.standardize(dtype)
        return (self.gain * np.eye(shape[0], shape[1])).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        # Keras leaves the gain out of its config, and so loses it; its Identity takes one.
        return {'gain': self.gain}


class STFT(Initializer):
    """Kernels of a short-time Fourier transform, `window(t) cos(-2 pi t f / n) / scale` or its sine.

    For a shape (frame length, 1, bins), where n is `2 (bins - 1)`.

    Args:
        side: 'real' for the cosine, 'imag' for the sine.
        window: A window that `scipy.signal.get_window` knows, an array of the frame's length, or None.
        scaling: 'density' divides by the window's L2 norm, 'spectrum' by its L1 norm, None by 1.
        periodic: Whether the window is periodic rather than symmetric.

    Raises:
        UnknownNameError: One of these names is not known.
    """

    def __init__(
        self, side: str = 'real', window: Any = 'hann', scaling: str | None = 'density', periodic: bool = False
    ) -> None:
        if side not in ('real', 'imag'):
            raise unknown_name('side', side, ('real', 'imag'))
        if scaling not in (None, 'density', 'spectrum'):
            raise unknown_name('scaling', scaling, ('density', 'spectrum'))
        if isinstance(window, str):
            _window(window, 1, periodic)
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        frame, _, bins = shape
        dtype = dtypes.standardize(dtype)
        kind = np.float64 if dtype == 'float64' else np.float32  # the phase in the very precision that Keras has it in
        time = np.arange(frame, dtype=kind).reshape(frame, 1, 1)
        frequency = np.arange(bins, dtype=kind).reshape(1, 1, bins) / kind(2 * (bins - 1))
        phase = kind(-2) * time * frequency * kind(math.pi)
        kernel = np.cos(phase) if self.side == 'real' else np.sin(phase)
        if self.window is not None:
            window = _window(self.window, frame, self.periodic).astype(kind)
            if window.shape != (frame,):
                raise ShapeError(f'Expected a window of {frame} values, one for each sample, received {window.shape}.')
            scales = {None: 1.0, 'density': np.sqrt(np.square(window).sum()), 'spectrum': np.abs(window).sum()}
            kernel = kernel * window.reshape(frame, 1, 1) / kind(scales[self.scaling])
        return kernel.astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return {'side': self.side, 'window': self.window, 'periodic': self.periodic, 'scaling': self.scaling}


def _window(window: Any, length: int, periodic: bool) -> np.ndarray[Any, Any]:
    if not isinstance(window, str):
        return np.asarray(window)
    from scipy import signal  # which JAX needs as well, but not at every start

    try:
        return np.asarray(signal.get_window(window, length, periodic))
    except ValueError as error:
        raise UnknownNameError(f'Unknown window: {window!r}. Give one that scipy.signal.get_window knows.') from error
