"""Nested structures (dicts, lists, tuples, deques) of anything, by the names that Keras gives their functions.

A structure is nested if it is a list, tuple, named tuple, deque, dict, OrderedDict or defaultdict; all else is a
leaf, None and subclasses of those included. Dicts are walked in the order of their sorted keys, OrderedDicts in
their own.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hefted.errors import ArgumentError

Path = tuple[Any, ...]

_MAPPINGS = (dict, defaultdict)
_ROWS = (list, tuple, deque)


class MAP_TO_NONE:
    """What the function of `traverse` returns to put None in a subtree's place."""


def is_nested(structure: Any) -> bool:
    """Whether it is a container rather than a leaf.

    Example:
        >>> is_nested((1, 2)), is_nested('ab'), is_nested(None)
        (True, False, False)
    """
    kind = type(structure)
    return kind in _ROWS or kind in _MAPPINGS or kind is OrderedDict or _is_named(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order; None is a leaf.

    Example:
        >>> flatten({'b': 1, 'a': (2, None)})
        [2, None, 1]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list[Any] = []
    for child in _children(structure):
        leaves += flatten(child)
    return leaves


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """Pairs of a leaf's path and the leaf; a path holds indices and keys.

    Example:
        >>> flatten_with_path([{'foo': 42}])
        [((0, 'foo'), 42)]
    """
    return list(_walk(structure, ()))


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to corresponding leaves.

    Args:
        func: Takes one leaf of each structure.
        *structures: All nested alike.
        none_is_leaf: Whether `func` is told of None; otherwise None stays as it is.

    Returns:
        The results, nested as the first structure.

    Raises:
        ArgumentError: There is no structure, or they are not nested alike.

    Example:
        >>> map_structure(lambda a, b: a + b, {'x': (1, 2)}, {'x': (10, 20)})
        {'x': (11, 22)}
    """
    if not structures:
        raise ArgumentError('Expected at least one structure, received none.')
    first, others = structures[0], structures[1:]
    if is_nested(first):
        _refuse_unlike(first, others)
        columns = [_children(s, like=first) for s in structures]
        parts = [map_structure(func, *row, none_is_leaf=none_is_leaf) for row in zip(*columns, strict=True)]
        return _rebuilt(first, parts)
    for other in others:
        if is_nested(other):
            raise _unlike(first, other)
    if first is None and not none_is_leaf:
        return None
    return func(*structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to what stands in the structures where `shallow_structure` has its leaves.

    Args:
        shallow_structure: How deep to go; its leaves are not looked at, and none may be None.
        func: Takes one part of each structure.
        *structures: Nested like it, or deeper.

    Raises:
        ArgumentError: There is no structure, or one is not nested as deep.

    Example:
        >>> map_structure_up_to({'a': 0}, len, {'a': (1, 2)})
        {'a': 2}
    """
    if not structures:
        raise ArgumentError('Expected at least one structure, received none.')
    if is_nested(shallow_structure):
        _refuse_unlike(shallow_structure, structures)
        columns = [_children(s, like=shallow_structure) for s in (shallow_structure, *structures)]
        parts = [map_structure_up_to(shallow, func, *row) for shallow, *row in zip(*columns, strict=True)]
        return _rebuilt(shallow_structure, parts)
    if shallow_structure is None:
        raise ArgumentError('Expected shallow_structure without None, which says nothing of how deep to go.')
    return func(*structures)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """The flat leaves in the form of `structure`.

    Raises:
        ArgumentError: There are more or fewer of them than the structure has leaves.

    Example:
        >>> pack_sequence_as({'b': 0, 'a': [0, 0]}, [1, 2, 3])
        {'b': 3, 'a': [1, 2]}
    """
    leaves, count = list(flat_sequence), len(flatten(structure))
    if len(leaves) != count:
        raise ArgumentError(f'Expected flat_sequence with {count} leaves, received {len(leaves)}.')
    following = iter(leaves)
    return map_structure(lambda _: next(following), structure)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Apply a function to every part, parents before their children or after.

    Args:
        func: Takes a part; what it returns takes the part's place, None lets it be, `MAP_TO_NONE` puts None there.
        structure: Any structure.
        top_down: Whether parents come first; what has taken a parent's place is not walked any further.

    Raises:
        TypeError: `func` is not callable.

    Example:
        >>> traverse(lambda part: tuple(part) if isinstance(part, list) else None, [1, [2]], top_down=False)
        (1, (2,))
    """
    if top_down:
        found = func(structure)
        if found is None:
            return _traverse_children(func, structure, top_down)
    else:
        walked = _traverse_children(func, structure, top_down)
        found = func(walked)
        if found is None:
            return walked
    return None if found is MAP_TO_NONE else found


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise unless two structures are nested alike, in containers of the same types.

    Args:
        a: Any structure.
        b: Another; dict, OrderedDict and defaultdict count as one type.
        check_types: Has no effect, as in Keras.

    Raises:
        ArgumentError: They are not.
    """
    if check_types is not None:
        warnings.warn(
            'check_types has no effect. assert_same_paths takes lists, tuples and deques for one another.',
            DeprecationWarning,
            stacklevel=2,
        )
    map_structure(lambda *_: None, a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise unless two structures have leaves at the same paths, whatever the containers.

    Raises:
        ArgumentError: They have not; the message has the paths.
    """
    paths, others = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if paths != others:
        raise ArgumentError(
            'Expected a and b with the same paths; '
            f'only in a: {sorted(map(str, paths - others))}, only in b: {sorted(map(str, others - paths))}.'
        )


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples for lists.

    Example:
        >>> lists_to_tuples({'a': [1, [2]]})
        {'a': (1, (2,))}
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """`map_structure` for which a list or tuple of whole numbers and None is a leaf: a shape.

    Example:
        >>> map_shape_structure(len, {'x': (None, 3), 'y': (2,)})
        {'x': 2, 'y': 1}
    """
    if isinstance(structure, (list, tuple)) and all(size is None or isinstance(size, int) for size in structure):
        return func(structure)
    if is_nested(structure):
        return _rebuilt(structure, [map_shape_structure(func, child) for child in _children(structure)])
    return func(structure)


# Containers


def _is_named(structure: Any) -> bool:
    return isinstance(structure, tuple) and hasattr(structure, '_fields')


def _keys(mapping: Any) -> list[Any]:
    return list(mapping) if type(mapping) is OrderedDict else sorted(mapping)


def _is_mapping(structure: Any) -> bool:
    return type(structure) in _MAPPINGS or type(structure) is OrderedDict


def _children(structure: Any, like: Any = None) -> list[Any]:
    """What a container holds, a mapping's in the order of its keys, or of the keys of `like`."""
    if _is_mapping(structure):
        return [structure[key] for key in _keys(structure if like is None else like)]
    return list(structure)


def _rebuilt(structure: Any, parts: list[Any]) -> Any:
    """A container like `structure` that holds `parts`; a dict's keys keep their own order."""
    kind = type(structure)
    if _is_mapping(structure):
        named = dict(zip(_keys(structure), parts, strict=True))
        pairs = ((key, named[key]) for key in structure)
        return defaultdict(structure.default_factory, pairs) if kind is defaultdict else kind(pairs)
    if kind is deque:
        return deque(parts, maxlen=structure.maxlen)
    return kind(*parts) if _is_named(structure) else kind(parts)


def _traverse_children(func: Callable[[Any], Any], structure: Any, top_down: bool) -> Any:
    if not is_nested(structure):
        return structure
    return _rebuilt(structure, [traverse(func, child, top_down) for child in _children(structure)])


def _walk(structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    keys = _keys(structure) if _is_mapping(structure) else range(len(structure))
    for key, child in zip(keys, _children(structure), strict=True):
        yield from _walk(child, (*path, key))


def _refuse_unlike(first: Any, others: Iterable[Any]) -> None:
    for other in others:
        if _is_mapping(first):
            alike = _is_mapping(other) and first.keys() == other.keys()
        else:
            alike = type(first) is type(other) and len(first) == len(other)
        if not alike:
            raise _unlike(first, other)


def _unlike(first: Any, other: Any) -> ArgumentError:
    return ArgumentError(f'Expected structures that are nested alike, received {_told(first)} beside {_told(other)}.')


def _told(structure: Any) -> str:
    if _is_mapping(structure):
        return f'a {type(structure).__name__} with keys {list(structure)}'
    kind = type(structure).__name__
    return f'a {kind} of {len(structure)}' if is_nested(structure) else f'a leaf ({kind})'
