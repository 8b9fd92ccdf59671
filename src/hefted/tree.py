"""Nested structures (dicts, lists, tuples) of arrays, by the names that Keras gives their functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.tree_util as jtu


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order; None is a leaf.

    Example:
        >>> flatten({'b': 1, 'a': (2, None)})
        [2, None, 1]
    """
    return jtu.tree_leaves(structure, is_leaf=_is_none)


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to corresponding leaves."""
    return jtu.tree_map(function, *structures, is_leaf=_is_none)


def pack_sequence_as(structure: Any, flat: list[Any]) -> Any:
    """The flat leaves in the form of `structure`."""
    return jtu.tree_unflatten(jtu.tree_structure(structure, is_leaf=_is_none), flat)


def is_nested(structure: Any) -> bool:
    """Whether it is a container rather than a leaf."""
    return isinstance(structure, (dict, list, tuple))


def _is_none(leaf: Any) -> bool:
    return leaf is None
