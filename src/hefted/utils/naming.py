"""Names as Keras makes them: snake_case of the class, numbered from the second on."""

from __future__ import annotations

import re
import threading
from collections import Counter


class _Local(threading.local):
    def __init__(self) -> None:
        self.path: list[tuple[str, object]] = []


_counts: Counter[str] = Counter()
_local = _Local()


def snake_case(name: str) -> str:
    """`BatchNormalization` to 'batch_normalization', `Conv2D` to 'conv2d'.

    Example:
        >>> snake_case('BatchNormalization'), snake_case('Conv2D'), snake_case('MaxPooling2D'), snake_case('LSTM')
        ('batch_normalization', 'conv2d', 'max_pooling2d', 'lstm')
    """
    name = re.sub(r'\W+', '', name)
    name = re.sub(r'(.)([A-Z][a-z]+)', r'\1_\2', name)
    return re.sub(r'([a-z])([A-Z])', r'\1_\2', name).lower()


def auto_name(class_name: str) -> str:
    """The next free name of a class: 'dense', then 'dense_1', 'dense_2' and so on."""
    base = snake_case(class_name)
    count = _counts[base]
    _counts[base] += 1
    return base if count == 0 else f'{base}_{count}'


def next_uid(prefix: str = '') -> int:
    """How often a prefix was asked for, this time included.

    Example:
        >>> next_uid('a_prefix'), next_uid('a_prefix')
        (1, 2)
    """
    _counts[prefix] += 1
    return _counts[prefix]


def reset_names() -> None:
    """Start counting names again (`clear_session`)."""
    _counts.clear()


class name_scope:
    """Within the block, variables' paths begin with `name`.

    Args:
        name: One part of a path.
        owner: Who opens it; the innermost scope is not opened twice by one owner.
    """

    def __init__(self, name: str, owner: object = None) -> None:
        self.name, self.owner = name, owner

    def __enter__(self) -> str:
        again = self.owner is not None and bool(_local.path) and _local.path[-1][1] is self.owner
        self.opened = not again
        if self.opened:
            _local.path.append((self.name, self.owner))
        return '/'.join(part for part, _ in _local.path)

    def __exit__(self, *_: object) -> None:
        if self.opened:
            _local.path.pop()


def scoped_path(name: str) -> str:
    """The path of a variable made now."""
    return '/'.join([*(part for part, _ in _local.path), name])
