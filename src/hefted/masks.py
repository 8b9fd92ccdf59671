"""Which steps of a sequence count: a mask travels with its array, without changing it.

A mask is kept beside the array it belongs to, and goes when the array goes. Symbolic tensors carry theirs.
"""

from __future__ import annotations

import weakref
from typing import Any

from hefted.symbolic import KerasTensor

_kept: dict[int, tuple[weakref.ref[Any], Any]] = {}


def get_mask(x: Any) -> Any:
    """The mask of an array or symbolic tensor: booleans of its leading axes, or None.

    Example:
        >>> get_mask(np.ones(3)) is None
        True
    """
    if isinstance(x, KerasTensor):
        return x._keras_mask
    found = _kept.get(id(x))
    return found[1] if found is not None and found[0]() is x else None


def set_mask(x: Any, mask: Any) -> None:
    """Let a mask travel with an array."""
    if isinstance(x, KerasTensor):
        x._keras_mask = mask
        return
    key = id(x)
    if mask is None:
        _kept.pop(key, None)
        return

    def gone(reference: weakref.ref[Any]) -> None:
        if (found := _kept.get(key)) is not None and found[0] is reference:
            del _kept[key]

    _kept[key] = weakref.ref(x, gone), mask
