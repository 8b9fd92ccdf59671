"""Values of variables as nested dicts by the parts of their paths, as Keras nests them, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hefted.errors import ArgumentError

if TYPE_CHECKING:
    from hefted.variables import Variable


def nested(variables: Iterable[Variable], value_of: Callable[[Variable], Any]) -> dict[str, Any]:
    """What a function gives of each variable, nested by the parts of its path.

    Raises:
        ArgumentError: Two variables have one path.
    """
    tree: dict[str, Any] = {}
    for variable in variables:
        *folders, last = variable.path.split('/')
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
        if last in inner:
            raise ArgumentError(
                f'Expected paths that differ, received {variable.path!r} twice. Give each layer a name of its own.'
            )
        inner[last] = value_of(variable)
    return tree


def flat(tree: Mapping[str, Any], before: str = '') -> Iterator[tuple[str, Any]]:
    """Paths and what is there.

    Example:
        >>> dict(flat({'dense': {'kernel': 1, 'bias': 2}}))
        {'dense/kernel': 1, 'dense/bias': 2}
    """
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f'{before}{name}/')  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f'{before}{name}', value
