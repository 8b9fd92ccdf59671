"""Ways to names that are Keras's own: keras is imported when one of them is asked for, never before."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from hefted.errors import ArgumentError, no_attribute
from hefted.utils.painting import import_rich


def keras_room(path: str = '') -> Any:
    """A module of Keras's ('applications'), on its JAX back end.

    Raises:
        ArgumentError: keras is not installed, or runs on another back end.
    """
    os.environ.setdefault('KERAS_BACKEND', 'jax')
    import_rich()  # Keras imports it too
    whole = f'keras.{path}' if path else 'keras'
    try:
        room = importlib.import_module(whole)
    except ImportError as error:
        raise ArgumentError(
            f'{whole} is taken from Keras itself, which is not installed. Run: pip install "hefted[keras]".'
        ) from error
    require_jax()
    return room


def require_jax() -> None:
    """Raise unless Keras, which is imported, runs on JAX."""
    backend = sys.modules['keras'].config.backend()
    if backend != 'jax':
        raise ArgumentError(
            f"Expected Keras on its JAX back end, received {backend!r}. Set KERAS_BACKEND='jax' before keras is "
            'imported.'
        )


def passage(path: str, names: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that hands out Keras's own things of these names, from Keras's module of that path."""

    def found(name: str) -> Any:
        if name not in names.split():
            raise no_attribute(f'hefted.{path}', name, names.split())
        return getattr(keras_room(path), name)

    return found


def refused(name: str, remedy: str) -> Callable[..., Any]:
    """What stands for a name of Keras's that is not here: calling it says why, and what to do."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ArgumentError(f'{name} is not here. {remedy}')

    refuse.__name__ = refuse.__qualname__ = name.rpartition('.')[2]
    return refuse
