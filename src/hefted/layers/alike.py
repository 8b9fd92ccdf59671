"""Whether layers are built alike, of one class and one config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.utils.serialization import serialize_keras_object

_OWN = ('name', 'seed', 'trainable', 'frozen_parts')  # what each layer, or initializer, may have for itself
_BESIDE = ('name', 'build_config', 'compile_config', 'frozen_parts')  # the same, beside a config


def require_alike(blocks: Sequence[Any]) -> None:
    """Raise unless these are several layers of one class and config, each there once.

    Of those that cannot say their config the class alone is: `alike_now` tells then.

    Raises:
        ArgumentError: They are not; it names what differs.

    Example:
        >>> from hefted.layers import Dense
        >>> require_alike([Dense(4), Dense(5)])
        Traceback (most recent call last):
            ...
        hefted.errors.ArgumentError: Expected blocks that are built alike, received 4 and 5 as 'units' of blocks 0 and \
1. Put blocks that differ into stacks of their own.
    """
    if not blocks:
        raise ArgumentError('Expected blocks with one layer or more, received none.')
    for index, block in enumerate(blocks):
        if not isinstance(block, Layer):
            raise ArgumentError(f'Expected blocks to be layers, received {block!r}.')
        if any(block is other for other in blocks[:index]):
            raise ArgumentError(
                f'Expected blocks that are layers of their own, received {block.name!r} twice. Make each one anew: '
                '[Block(…) for _ in range(12)].'
            )
    told = _config(blocks[0])
    for index, block in enumerate(blocks[1:], 1):
        if type(block) is not type(blocks[0]):
            raise _unlike('class', type(blocks[0]).__name__, type(block).__name__, index)
        if (difference := _difference(told, _config(block), _OWN)) is not None:
            raise _unlike(*difference, index)


def _unlike(what: str, first: Any, other: Any, index: int) -> ArgumentError:
    return ArgumentError(
        f'Expected blocks that are built alike, received {first!r} and {other!r} as {what!r} of blocks 0 and {index}. '
        'Put blocks that differ into stacks of their own.'
    )


def _config(layer: Layer) -> Any:
    try:
        return serialize_keras_object(layer)['config']
    except NotImplementedError:  # a layer of a user's own that says nothing of itself
        return {}


def _difference(one: Any, other: Any, own: Sequence[str] = (), where: str = '') -> tuple[str, Any, Any] | None:
    """Where two configs first differ, and in what; `own` are keys that may."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        is_object = 'class_name' in one and 'config' in one
        may = _own_of(one) if is_object else ()
        keys = [key for key in {**one, **other} if key not in (_BESIDE if is_object else own)]
        pairs = [(key, one.get(key), other.get(key), may if key == 'config' else ()) for key in keys]
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        pairs = [(i, a, b, ()) for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other else (where, one, other)
    found = (_difference(a, b, may, f'{where}.{key}' if where else str(key)) for key, a, b, may in pairs)
    return next((difference for difference in found if difference is not None), None)


def _own_of(written: Mapping[str, Any]) -> Sequence[str]:
    """What an object may have for itself, by how it is written: a policy of dtypes is nothing but its name."""
    return () if 'DTypePolicy' in str(written['class_name']) else _OWN
