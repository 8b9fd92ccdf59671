"""What errors tell about a layer's call."""

from __future__ import annotations

from typing import Any

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.calling import Arguments, is_tensor


def told(layer: Any) -> str:
    """A layer's path and class, in words."""
    return f'layer {layer.path!r} ({type(layer).__name__})'


def tell_where(error: Exception, layer: Any, arguments: Arguments) -> None:
    """Note in an error which layer's call it comes from: the innermost, with what it was given."""
    start = 'Raised in the call of '
    if any(note.startswith(start) for note in getattr(error, '__notes__', ())):
        return
    given = ', '.join(f'{name}={_described(value)}' for name, value in arguments.given.items() if value is not None)
    error.add_note(f'{start}{told(layer)} with {given}.')


def _described(value: Any) -> str:
    """A value in short: arrays by dtype and shape."""
    if isinstance(value, (list, tuple)):
        return f'[{", ".join(map(_described, value))}]'
    if isinstance(value, dict):
        return f'{{{", ".join(f"{key!r}: {_described(each)}" for key, each in value.items())}}}'
    if is_tensor(value):
        return f'{value.dtype}{list(value.shape)}'
    # A user's own object may be large, or fail to describe itself: that must not hide the error that is told.
    return repr(value)[:80] if isinstance(value, (bool, int, float, str)) else type(value).__name__


def only_tensors(layer: Any, args: tuple[Any, ...]) -> None:
    """Raise where something else was passed by position."""
    for value in tree.flatten(args):
        if value is not None and not is_tensor(value):
            raise ArgumentError(
                f'Only input tensors may be passed as positional arguments of layer {layer.name!r}, received {value!r} '
                f'({type(value).__name__}). Pass it by its name.'
            )
