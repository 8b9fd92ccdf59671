"""Axes taken apart, reordered and joined, as a pattern says."""

from __future__ import annotations

import math
import re
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.calling import on_arrays
from hefted.variables import Array


@on_arrays('tensor')
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Array:
    """The axes in another order, in groups taken apart or joined.

    Args:
        tensor: Rearranged.
        pattern: 'b (h p) c -> b h (p c)': names of axes, parentheses round those that are one axis.
        **axes_lengths: Sizes of names in a group, all but one.

    Raises:
        ValueError: The pattern does not fit the tensor, or its sides have not the same names.

    Example:
        >>> rearrange(np.zeros((2, 6, 4)), 'b (h p) c -> b p (h c)', p=3).shape
        (2, 3, 8)
    """
    sides = [[group.split() for group in _groups(side)] for side in pattern.split('->')]
    names = [[name for group in side for name in group] for side in sides]
    if len(sides) != 2 or sorted(names[0]) != sorted(names[1]):
        raise ArgumentError(f"Expected pattern to have the same names on both sides of '->', received {pattern!r}.")
    (given, wanted), (order, target) = sides, names
    if len(given) != tensor.ndim:
        raise ShapeError(f'Expected a tensor with {len(given)} axes for {pattern!r}, received shape {tensor.shape}.')
    sizes = dict(axes_lengths)
    for group, size in zip(given, tensor.shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        if unknown:
            sizes[unknown[0]] = size // math.prod(sizes[name] for name in group if name in sizes)
    apart = tensor.reshape([sizes[name] for name in order])
    moved = jnp.transpose(apart, [order.index(name) for name in target])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in wanted])


def _groups(side: str) -> list[str]:
    return [group.strip('()') for group in re.findall(r'\w+|\(.*?\)', side)]
