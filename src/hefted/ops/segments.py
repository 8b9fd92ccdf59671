"""Reductions over the rows that belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays
from hefted.variables import Array


def _segment(name: str, compute: Callable[..., Array], tells: str) -> Callable[..., Array]:
    def function(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Array:
        if segment_ids.ndim != 1 or segment_ids.shape[:1] != data.shape[:1]:
            raise ShapeError(
                f'Expected segment_ids to have one axis, of the size of the first of data, '
                f'received shapes {segment_ids.shape} and {data.shape}.'
            )
        if num_segments is None:
            raise ArgumentError('Expected num_segments to be an int, received None: JAX needs to know the shape.')
        return compute(data, segment_ids, num_segments, indices_are_sorted=sorted)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{tells} of the rows that have one number in `segment_ids`.

    Args:
        data: Rows (rows, …).
        segment_ids: Integers (rows,).
        num_segments: How many segments there are.
        sorted: Whether the ids rise, which is faster.

    Returns:
        (num_segments, …).

    Raises:
        ValueError: There is not one id for each row, or no number of segments.
    """
    return on_arrays('data', 'segment_ids')(function)


segment_sum = _segment('segment_sum', jax.ops.segment_sum, 'The sum')
segment_prod = _segment('segment_prod', jax.ops.segment_prod, 'The product')
segment_max = _segment('segment_max', jax.ops.segment_max, 'The largest')
segment_min = _segment('segment_min', jax.ops.segment_min, 'The smallest')
