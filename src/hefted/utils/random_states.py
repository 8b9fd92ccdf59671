"""The random numbers that a program draws beside Hefted's own: Python's, NumPy's and, where it is loaded, torch's."""

from __future__ import annotations

import random
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np


class Raw(NamedTuple):
    """The states as the libraries give them (40 µs)."""

    python: Any
    numpy: Any
    torch: Any


def raw() -> Raw:
    """The states of all of them; torch is not loaded for it."""
    torch = _torch()
    return Raw(random.getstate(), np.random.get_state(legacy=False), None if torch is None else torch.get_rng_state())


@contextmanager
def back_at(states: Raw) -> Generator[None]:
    """As long as the block lasts they are where they were."""
    now = raw()
    _set(states)
    try:
        yield
    finally:
        _set(now)


def held() -> dict[str, Any]:
    """The same as numbers and arrays by name.

    Example:
        >>> states = held()
        >>> drawn = random.random(), np.random.random()
        >>> put_back(states)
        >>> drawn == (random.random(), np.random.random())
        True
    """
    states = raw()
    version, words, gauss = states.python
    found: dict[str, Any] = {
        'python': {'version': version, 'words': np.array(words, np.uint32), 'gauss': gauss},
        'numpy': states.numpy,
    }
    return found if states.torch is None else found | {'torch': states.torch.numpy().copy()}


def put_back(states: Mapping[str, Any]) -> None:
    """Let them draw from there on; one that is not among the states, or is not loaded here, goes on as it is."""
    if (python := states.get('python')) is not None:
        random.setstate((python['version'], tuple(python['words'].tolist()), python['gauss']))
    if (numpy := states.get('numpy')) is not None:
        np.random.set_state(numpy)
    torch = _torch()
    if torch is not None and states.get('torch') is not None:
        torch.set_rng_state(torch.from_numpy(np.array(states['torch'])))


def _set(states: Raw) -> None:
    random.setstate(states.python)
    np.random.set_state(states.numpy)
    torch = _torch()
    if torch is not None and states.torch is not None:
        torch.set_rng_state(states.torch)


def _torch() -> Any:
    """Its module where the program has loaded it, whole."""
    found = sys.modules.get('torch')
    return found if callable(getattr(found, 'get_rng_state', None)) else None
