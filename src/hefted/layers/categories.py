"""CategoryEncoding and Discretization: whole numbers as indicators, and numbers as the bins they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArgumentError, NotBuiltError, unknown_name
from hefted.layers.layer import Layer
from hefted.layers.scaling import batches_of
from hefted.symbolic import KerasTensor
from hefted.variables import Array

Shape = tuple[int | None, ...]


class CategoryEncoding(Layer):
    """Categories 0 to `num_tokens - 1` as indicators.

    Args:
        num_tokens: How many categories there are.
        output_mode: 'one_hot' for a row of indicators for each category, 'multi_hot' for one row that marks all of
            a sample's categories, 'count' for how often each occurs.
        sparse: Kept for Keras's sake; only False.

    Example:
        >>> CategoryEncoding(4)(np.array([[0, 2, 2]])).tolist()
        [[1.0, 0.0, 1.0, 0.0]]
    """

    _takes_anything = True

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = 'multi_hot', sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_mode = 'multi_hot' if output_mode == 'binary' else output_mode
        _check_mode(self.output_mode, ('count', 'one_hot', 'multi_hot'))
        _refuse_sparse(self, sparse)
        if num_tokens is None or num_tokens < 1:
            raise ArgumentError(f'Expected num_tokens of CategoryEncoding to be at least 1, received {num_tokens!r}.')
        self.num_tokens = num_tokens
        self.sparse = False
        self._over_rows = False

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self._over_rows

    def call(self, inputs: Any, count_weights: Any = None) -> Array:
        if count_weights is not None:
            if self.output_mode != 'count':
                raise ArgumentError(f"Expected count_weights with output_mode='count' only, not {self.output_mode!r}.")
            count_weights = jnp.asarray(count_weights, self.compute_dtype)
        inputs = jnp.asarray(inputs)
        self._over_rows = inputs.ndim < 2 and self.output_mode != 'one_hot'
        return encode(inputs, self.output_mode, self.num_tokens, self.dtype, count_weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        squeezed = self.output_mode != 'one_hot' or (len(input_shape) > 1 and input_shape[-1] == 1)
        return (*(input_shape[:-1] if squeezed else input_shape), self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        del count_weights
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop('sparse', None)
        return config


class Discretization(Layer):
    """Numbers as the bins they fall into: 0 below the first boundary, and one more at each.

    Args:
        bin_boundaries: Ascending; or
        num_bins: How many bins `adapt` finds in data, each of about as many values.
        epsilon: How exact the quantiles are, as a share of the data; smaller is slower.
        output_mode: 'int' for the bin's number, or as in `CategoryEncoding`.
        sparse: Kept for Keras's sake; only False.
        dtype: Of the output, where it is not the number of a bin.
        name: Made up if None.

    Example:
        >>> Discretization([0.0, 1.0])(np.array([[-1.0, 0.5, 9.0]])).tolist()
        [[0, 1, 2]]
    """

    _takes_anything = True

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = 'int',
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        _check_mode(output_mode, ('int', 'one_hot', 'multi_hot', 'count'))
        _refuse_sparse(self, sparse)
        if num_bins is not None and num_bins < 0:
            raise ArgumentError(f'Expected num_bins to be at least 0, received {num_bins!r}.')
        if (num_bins is None) == (bin_boundaries is None):
            raise ArgumentError(
                f'Expected num_bins or bin_boundaries, one of them, received {num_bins!r} and {bin_boundaries!r}.'
            )
        self.bin_boundaries = bin_boundaries
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, False
        self.summary = _NOTHING
        self._over_rows = False

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self._over_rows

    @property
    def input_dtype(self) -> str:
        return dtypes.floatx()

    @property
    def output_dtype(self) -> str:
        """Of what it returns."""
        return 'int32' if self.output_mode == 'int' else self.compute_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find the boundaries of `num_bins` bins in data; what was found before is forgotten.

        Args:
            data: An array, or batches of it.
            steps: How many batches to read; all if None.
        """
        if self.num_bins is None:
            raise ArgumentError(
                'Cannot adapt a Discretization that was given bin_boundaries. Give it num_bins instead.'
            )
        self.reset_state()
        batches = [data] if isinstance(data, (np.ndarray, jax.Array)) else batches_of(data)
        for number, batch in enumerate(batches):
            if steps is not None and number >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take one batch into account."""
        new = _summary(np.asarray(data, 'float32').ravel(), self.epsilon)
        both = np.concatenate((new, self.summary), axis=1)
        self.summary = _compressed(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Set the boundaries from what was seen."""
        if self.num_bins is not None:
            self.bin_boundaries = _compressed(self.summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forget what was seen."""
        self.summary = _NOTHING

    def call(self, inputs: Any) -> Array:
        if self.bin_boundaries is None:
            raise NotBuiltError('Discretization has no boundaries yet: give it bin_boundaries, or call adapt(data).')
        inputs = jnp.asarray(inputs)
        self._over_rows = inputs.ndim < 2 and self.output_mode in ('multi_hot', 'count')
        bins = jnp.digitize(inputs, jnp.asarray(self.bin_boundaries, 'float32'))
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape)
        if self.output_mode == 'int':
            return shape
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        if self.output_mode == 'one_hot':
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        names = ('bin_boundaries', 'num_bins', 'epsilon', 'output_mode', 'sparse', 'name', 'dtype')
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        boundaries = config.get('bin_boundaries')
        if boundaries is None or config.get('num_bins') is None:
            return cls(**config)
        adapted = cls(**config | {'bin_boundaries': None})
        adapted.bin_boundaries = boundaries
        return adapted


def encode(bins: Array, output_mode: str, depth: int, dtype: str, count_weights: Any = None) -> Array:
    """Categories as numbers, or as indicators, in Keras's shapes (several axes are reduced along the second).

    Args:
        bins: Whole numbers from 0.
        output_mode: 'int', 'one_hot', 'multi_hot' or 'count'.
        depth: How many categories there are; others are all 0.
        dtype: Of the result.
        count_weights: What each counts, of the shape of `bins`.
    """
    if output_mode == 'int':
        return bins.astype(dtype)
    bins = bins.reshape(1) if bins.ndim == 0 else bins
    if output_mode == 'one_hot':
        if bins.ndim > 1 and bins.shape[-1] == 1:
            bins = bins[..., 0]
        return jax.nn.one_hot(bins, depth, dtype=dtype)
    over = 1 if bins.ndim > 1 else 0
    marks = jax.nn.one_hot(bins, depth, dtype=dtype if count_weights is None else count_weights.dtype)
    if output_mode == 'multi_hot':
        return marks.max(over)
    return (marks if count_weights is None else marks * count_weights[..., None]).sum(over)


# Quantiles of a stream: values with the number of values that each stands for, (2, n)

_NOTHING = np.zeros((2, 0), 'float32')


def _summary(values: np.ndarray[Any, Any], epsilon: float) -> np.ndarray[Any, Any]:
    """At most 1 / epsilon of the values, evenly through their order."""
    step = max(values.size * epsilon, 1)
    kept = np.sort(values)[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def _compressed(summary: np.ndarray[Any, Any], epsilon: float) -> np.ndarray[Any, Any]:
    """A shorter summary, interpolated at every `epsilon` of the whole weight."""
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    share = total / total[-1]
    values, reached = np.interp(wanted, share, summary[0]), np.interp(wanted, share, total)
    return np.stack((values, np.diff(reached, prepend=0))).astype('float32')


def _check_mode(given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise unknown_name('output_mode', given, known)


def _refuse_sparse(layer: Layer, sparse: bool) -> None:
    if sparse:
        raise ArgumentError(f'Expected sparse=False for {type(layer).__name__}: sparse outputs are not supported.')
