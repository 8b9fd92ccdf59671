"""What an object holds in its attributes, and in the lists, tuples and dicts that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

Kind = TypeVar('Kind')


def held(kind: type[Kind], value: Any) -> Iterator[Kind]:
    """What is of a kind in a value, and in the lists, tuples and dicts that it is made of.

    Example:
        >>> list(held(int, [1, {'a': (2, 'b')}, 'c']))
        [1, 2]
    """
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from held(kind, item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from held(kind, item)
